"""Devices, records and questions for tests of the trust decision: good by default, as in `authority`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from app.rules.certificate import ParsedCertificate
from app.rules.chain import Chain
from app.rules.decision import Decision, Question
from app.rules.trust import PRODUCTION, Limits, decide
from app.rules.trust_store import Record, TrustStore
from app.terms import Possession, Service, Status, Usage
from tests.rules.authority import AT, Made, make

_numbers = count(1)


def device(issuer: Made, **flaw: Any) -> Made:
    """A device's certificate as real fleets have them: neither usages nor an alternative name."""
    good: dict[str, Any] = {"subject": "urn:device:1", "issuer": issuer, "is_ca": None, "key_usage": None}
    return make(**good | flaw)


def record(
    *chain: Made,
    name: str | None = None,
    status: Status = Status.ACTIVE,
    service: Service = Service.BOOTSTRAP,
    possession: Possession = Possession.PROVEN,
) -> Record:
    """A record of this chain, the trusted CA first, under its name unless it is given another."""
    return record_of([made.parsed for made in chain], name=name, status=status, service=service, possession=possession)


def record_of(
    chain: Sequence[ParsedCertificate],
    *,
    name: str | None = None,
    status: Status = Status.ACTIVE,
    service: Service = Service.BOOTSTRAP,
    possession: Possession = Possession.PROVEN,
) -> Record:
    """A record of certificates that are read already, the trusted CA first."""
    certificates = Chain(tuple(chain), tuple(range(len(chain))))
    shown = name or certificates.trusted_ca.subject_text
    return Record(f"record-{next(_numbers)}", shown, status, service, Usage.CREDENTIALS, possession, certificates)


def blacklisted(*chain: Made, **how: Any) -> Record:
    """The record of a disabled CA."""
    return record(*chain, status=Status.INACTIVE, **how)


def decided(
    records: Iterable[Record],
    *presented: Made,
    at: datetime = AT,
    service: Service = Service.BOOTSTRAP,
    remembered: Sequence[Made] = (),
    limits: Limits = PRODUCTION,
) -> Decision:
    """What is decided when a device presents this, its own certificate first."""
    store = TrustStore(records, [made.parsed for made in remembered])
    question = Question(tuple(made.parsed for made in presented), service, at)
    return decide(store, question, limits)
