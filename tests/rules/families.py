"""Families of certificates for property tests: three CAs that sign each other and themselves, and their devices.

Validity begins and ends within seconds of AT and may be inverted, limits are tight and usages wrong, so that most
questions have several paths and several things wrong with them. A certificate is made once: equal shapes are one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as some

from app.rules.certificate import ParsedCertificate
from app.rules.decision import Question
from app.rules.trust_store import Record, TrustStore
from app.terms import Possession, Service, Status
from tests.rules.authority import AT, CA_USAGE, Made, PrivateKey, make, rebuild, tlv
from tests.rules.deciding import record_of

NAMES = ("A", "B", "C")
DEVICE = "device"
SECONDS = range(-3, 4)


@cache
def key(name: str) -> PrivateKey:  # noqa: ARG001 - one for each name
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Shape:
    """One certificate: who signs whom, from which second of AT to which, and what else is wrong."""

    subject: str
    issuer: str
    begins: int = -100
    ends: int = 100
    path_length: int | None = None
    may_sign: bool = True
    permits: str | None = None


@cache
def certificate(shape: Shape) -> ParsedCertificate:
    is_device = shape.subject == DEVICE
    permitted = [x509.DNSName(shape.permits or "")]
    good = make(
        shape.subject,
        issuer=Made(make(shape.issuer, key=key(shape.issuer)).der, key(shape.issuer)),
        key=key(shape.subject),
        is_ca=None if is_device else True,
        path_length=None if is_device else shape.path_length,
        key_usage=None if is_device else CA_USAGE if shape.may_sign else ("crl_sign",),
        extensions=[
            (x509.SubjectAlternativeName([x509.DNSName("a.example")]), False)
            if is_device
            else (x509.NameConstraints(permitted, None), True)
        ],
    )
    validity = tlv(0x30, *(_utc_time(AT + timedelta(seconds=each)) for each in (shape.begins, shape.ends)))
    return rebuild(good, key(shape.issuer), validity=validity).parsed


def _utc_time(instant: datetime) -> bytes:
    return tlv(0x17, instant.strftime("%y%m%d%H%M%SZ").encode())


def shapes(subjects: Sequence[str]) -> some.SearchStrategy[Shape]:
    seconds = some.sampled_from(SECONDS)
    pairs = some.tuples(seconds, seconds)
    ordered = pairs.map(lambda pair: (min(pair), max(pair)))
    windows = some.just((-100, 100)) | some.just((-100, 100)) | ordered | ordered | pairs
    return some.builds(
        lambda window, **others: Shape(begins=window[0], ends=window[1], **others),
        window=windows,
        subject=some.sampled_from(subjects),
        issuer=some.sampled_from(NAMES),
        path_length=some.sampled_from([None, None, 0, 1]),
        may_sign=some.sampled_from([True, True, True, False]),
        permits=some.sampled_from([None, None, None, "b.example"]),
    )


def records() -> some.SearchStrategy[list[Record]]:
    each = some.builds(
        lambda shape, status, service, possession: record_of(
            [certificate(shape)], status=status, service=service, possession=possession
        ),
        shapes(NAMES),
        some.sampled_from([Status.ACTIVE] * 7 + [Status.INACTIVE]),
        some.sampled_from([Service.BOOTSTRAP] * 3 + [Service.LWM2M]),
        some.sampled_from([Possession.PROVEN] * 3 + [Possession.PENDING]),
    )
    return some.lists(each, max_size=3)


def questions() -> some.SearchStrategy[tuple[TrustStore, Question]]:
    """What an account holds and remembers, and a device that presents up to six CAs."""
    cas = some.lists(shapes(NAMES), max_size=6)
    return some.builds(
        lambda records, remembered, device, presented: (
            TrustStore(records, map(certificate, remembered)),
            Question((certificate(device), *map(certificate, presented)), Service.BOOTSTRAP, AT),
        ),
        records(),
        some.lists(shapes(NAMES), max_size=2),
        shapes([DEVICE]),
        cas,
    )
