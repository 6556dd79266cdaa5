"""What a caller sends to be trusted, read and judged once, before any transaction begins."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from app.errors import CertificateRejected
from app.rules import pem
from app.rules.certificate import ParsedCertificate, parse
from app.rules.upload import Examination, examine


@dataclass(frozen=True, slots=True)
class Submission:
    """What a caller sent to be trusted, examined once at the border; `sha256` is of the input as it came."""

    examination: Examination
    sha256: bytes

    @classmethod
    def of(cls, source: str | bytes, *, at: datetime) -> "Submission":
        """Examine PEM text, or one DER certificate, as of an instant. What is wrong with it is a finding."""
        raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
        try:
            ders = pem.ders_of(source)
        except CertificateRejected as rejected:
            return cls(Examination(None, rejected.findings), hashlib.sha256(raw).digest())
        return cls(examine(ders, at=at), hashlib.sha256(raw).digest())


def authority(certificate: ParsedCertificate) -> bytes:
    """What identifies a CA across its certificates: SHA-256 over its subject and its key, both as DER.

    A fingerprint does not: an ECDSA signature can be changed into another valid one, and the certificate with it.
    """
    return hashlib.sha256(certificate.subject + certificate.spki).digest()


def authority_of(source: str | bytes) -> bytes:
    """The same of the first certificate of PEM text, or of one as DER. Raises CertificateRejected."""
    return authority(parse(pem.ders_of(source)[0], index=0))
