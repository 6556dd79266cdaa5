"""One X.509 certificate, decoded. It never changes, so it is made once per certificate and shared."""

from collections.abc import Sequence
from datetime import datetime

from app.recent import Recent
from app.rules import pem
from app.rules.certificate import ParsedCertificate
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.scalars import PEM, Sha256

VIEWS_BYTES = 16 * 1024 * 1024
"""What the views that are remembered may take."""


@object_type
class X509Certificate:
    """One X.509 certificate, decoded."""

    subject: str = attribute("Subject, as RFC 4514 text; what would not show itself is escaped as `\\u{…}`.")
    issuer: str = attribute("Issuer, as RFC 4514 text; escaped as the subject is.")
    serial_number: str = attribute("Serial number, as lowercase hexadecimal digits.")
    fingerprint: Sha256 = attribute("SHA-256 over the DER.")
    public_key_fingerprint: Sha256 = attribute(
        "SHA-256 over the subject public key info: the same for every certificate of one key."
    )
    not_before: datetime = attribute("The first instant it is valid.")
    not_after: datetime = attribute("The last instant it is valid; the year 9999 means that it does not expire.")
    is_ca: bool = attribute("Whether basic constraints call it a CA.")
    path_length: int | None = attribute("How many CAs may follow it; null when unlimited, or not a CA.")
    self_signed: bool = attribute("Whether its own key signed it.")
    public_key: str = attribute("The key, for example `EC P-256` or `RSA 3072`.")
    signature_algorithm: str = attribute("The signature, for example `ecdsa-with-SHA256`.")
    key_usage: list[str] = attribute("Key usages, by their RFC 5280 names; empty when it does not say.")
    pem: PEM = attribute("The certificate alone.")


def view_of(certificate: ParsedCertificate) -> X509Certificate:
    """The certificate as the schema shows it. Shared: nobody may change it."""
    view = views.find(certificate.fingerprint)
    if view is None:
        view = _view_of(certificate)
        views.keep(certificate.fingerprint, view, certificate.weight + len(view.pem))
    return view


views: Recent[bytes, X509Certificate] = Recent(VIEWS_BYTES)
"""What `view_of` remembers."""


def _view_of(certificate: ParsedCertificate) -> X509Certificate:
    return X509Certificate(
        subject=certificate.subject_text,
        issuer=certificate.issuer_text,
        serial_number=f"{certificate.serial:x}",
        fingerprint=Sha256(certificate.fingerprint),
        public_key_fingerprint=Sha256(certificate.spki_fingerprint),
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        is_ca=certificate.is_ca,
        path_length=certificate.path_length,
        self_signed=certificate.is_self_signed,
        public_key=certificate.key_description,
        signature_algorithm=certificate.signature_algorithm,
        key_usage=list(certificate.key_usage or ()),
        pem=PEM(pem.encode([certificate.der])),
    )


def views_of(certificates: Sequence[ParsedCertificate]) -> list[X509Certificate]:
    """Several, in their order."""
    return [view_of(certificate) for certificate in certificates]
