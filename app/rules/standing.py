"""What is to be noticed about a record as it stands: what time does to it, and what the account's other settings do.

Nothing here refuses. A record is looked at with everything that the account trusts and blocks at one moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.findings import Finding, FindingCode, Severity
from app.rules.certificate import ParsedCertificate
from app.rules.closure import Closure, TooComplex
from app.rules.trust import PRODUCTION
from app.rules.trust_store import Record, TrustStore
from app.rules.upload import standing_findings

NOBODY = ""
"""Stands for the other record where a finding is about none."""

OF_THE_ACCOUNT = frozenset({FindingCode.UNUSED, FindingCode.BLOCKED_BY})
"""What the record and those of its own CA do not show: it takes everything that the account has, and its devices."""

Key = tuple[FindingCode, str]
"""A finding of a record, whatever its words are: its code, and the id of the other record."""


@dataclass(frozen=True, slots=True)
class Use:
    """What is known of a record's devices.

    `used_at`: when one was let in through it, the last time that is known; None where none ever was.
    `has_suspended_devices`: one that was registered through it is suspended with it.
    """

    created_at: datetime
    used_at: datetime | None = None
    has_suspended_devices: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A finding about a record, and the id of the other record that it is about; NOBODY where it is about none."""

    finding: Finding
    related_id: str = NOBODY

    @property
    def key(self) -> Key:
        """What makes the findings of two looks the same one."""
        return self.finding.code, self.related_id


def standing(
    record: Record, store: TrustStore, use: Use, *, at: datetime, unused_after: timedelta
) -> tuple[Standing, ...]:
    """What is to be noticed about a record of the store at an instant, errors first: each code and relation once."""
    # Of several certificates of a chain with one flaw, the first stands for all.
    found: dict[Key, Standing] = {}
    for finding in standing_findings(record.chain, at=at):
        found.setdefault((finding.code, NOBODY), Standing(finding))
    others = (
        *_renewals(record, store),
        *unused(record, use, at=at, after=unused_after),
        *blocked_by(record, store, use),
    )
    return (*found.values(), *others)


def same_key_as(name: str) -> Finding:
    """Of a record whose CA, with its key, has another certificate in the record of this name: a renewal."""
    message = f"The same CA, with the same key, is trusted under another certificate, as “{name}”."
    return _warning(FindingCode.SAME_KEY_AS, message)


def unused(record: Record, use: Use, *, at: datetime, after: timedelta) -> Iterator[Standing]:
    """UNUSED: for so long no device was let in through the record, which was there all the time.

    Of a blacklisted record nobody expects otherwise: whoever deletes it lets its devices in again.
    """
    since = use.created_at if use.used_at is None else max(use.created_at, use.used_at)
    if record.is_blacklisted or at - since < after:
        return
    yield Standing(_warning(FindingCode.UNUSED, f"No device was let in through it for {after.days} days."))


def blocked_by(record: Record, store: TrustStore, use: Use) -> Iterator[Standing]:
    """BLOCKED_BY: the record is active, and its devices cannot come in because of something else in the account."""
    if record.is_blacklisted:
        return
    for blocking in _blocking(record, store):
        message = f"“{blocking.name}” is blacklisted, and stands above every device of this one."
        yield Standing(_warning(FindingCode.BLOCKED_BY, message), blocking.id)
    if not record.is_proven:
        yield Standing(_warning(FindingCode.BLOCKED_BY, "It lets nobody in before possession of its key is proven."))
    elif use.has_suspended_devices:
        message = "Devices that were registered through it are suspended with it."
        yield Standing(_warning(FindingCode.BLOCKED_BY, message))


def _renewals(record: Record, store: TrustStore) -> Iterator[Standing]:
    own = record.trusted_ca
    others = {each for one in _of_same_ca(record, store) if one != own for each in store.with_trusted_ca(one)}
    for other in sorted(others, key=lambda each: each.id):
        yield Standing(same_key_as(other.name), other.id)


def _blocking(record: Record, store: TrustStore) -> tuple[Record, ...]:
    """The blacklisted records that a decision finds above every device of this one."""
    if not store.blocks_any:
        return ()
    above = [certificate for one in _of_same_ca(record, store) for certificate in _above(one, record, store)]
    return tuple(dict.fromkeys(blocking for certificate in above for blocking in store.blocking(certificate)))


def _of_same_ca(record: Record, store: TrustStore) -> list[ParsedCertificate]:
    # Whatever the CA has signed, any certificate of it can stand above.
    own = record.trusted_ca
    return [each for each in store.named(own.subject) if each.authority == own.authority]


def _above(certificate: ParsedCertificate, record: Record, store: TrustStore) -> tuple[ParsedCertificate, ...]:
    try:
        return tuple(Closure(store, (certificate,), checks=PRODUCTION.signatures).issuers)
    except TooComplex:
        return record.chain.certificates


def _warning(code: FindingCode, message: str) -> Finding:
    return Finding(Severity.WARNING, code, message)
