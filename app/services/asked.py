"""What is asked about a device, and what the rules say of it before anybody has looked for the device."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.errors import CertificateRejected, DeviceRefused
from app.reasons import Reason
from app.rules import admission
from app.rules.certificate import ParsedCertificate, parse
from app.rules.decision import Decision, Question
from app.rules.trust import decide
from app.rules.trust_store import TrustStore
from app.terms import Service


class Asked(NamedTuple):
    """What a gateway asks: the chain that a device presented, leaf first, as DER, and the name that it comes with."""

    service: Service
    ders: tuple[bytes, ...]
    endpoint_name: str | None = None


def decided(store: TrustStore, asked: Asked, at: datetime, read: Sequence[ParsedCertificate] = ()) -> Decision:
    """What the rules say of a chain as it came: unreadable ones are refused with the code of an upload.

    `read` is what was read of it already.
    """
    try:
        if asked.endpoint_name is not None:
            admission.require_endpoint_name(asked.endpoint_name)
        admission.require_few(len(asked.ders))
        question = question_of(asked.ders, asked.service, at, store, read)
    except CertificateRejected as rejected:
        return refusal(asked, at, Reason(rejected.deciding.code.value), rejected.message)
    except DeviceRefused as refused:
        return refusal(asked, at, refused.reason, refused.message)
    return decide(store, question)


def question_of(
    ders: Sequence[bytes],
    service: Service,
    at: datetime,
    store: TrustStore | None = None,
    read: Sequence[ParsedCertificate] = (),
) -> Question:
    """The question that a chain as DER poses. What stands in `store` or in `read` is not read again.

    Raises CertificateRejected.
    """
    known = {certificate.der: certificate for certificate in read}

    # What stands above a device is known nearly always, and a certificate takes longer to read than a signature.
    def certificate_of(index: int, der: bytes) -> ParsedCertificate:
        return known.get(der) or (None if store is None else store.known(der)) or parse(der, index=index)

    return Question(tuple(certificate_of(index, der) for index, der in enumerate(ders)), service, at)


def refusal(asked: Asked, at: datetime, reason: Reason, message: str) -> Decision:
    """The answer to what cannot be decided by the rules."""
    return Decision(Question((), asked.service, at), reason, message)
