"""Certificate authorities for tests, good by default. Their keys are made once and shared: making them takes longest."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
"""The instant of every test."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA: its certificate, and the number of its key."""

    certificate: x509.Certificate
    key_number: int

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()


@cache
def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def authority(
    name: str,
    *,
    issuer: Authority | None = None,
    key_number: int = 1,
    serial: int = 0x1234,
    not_after: datetime = NOW + timedelta(days=3650),
    is_ca: bool = True,
) -> Authority:
    """A CA certificate; self-signed unless it is given an issuer."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key(key_number).public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=365))
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
    )
    if is_ca:
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    signer = key(issuer.key_number if issuer else key_number)
    return Authority(builder.sign(signer, hashes.SHA256()), key_number)


def chain(name: str) -> list[Authority]:
    """A trusted CA, the one above it, and the root."""
    root = authority(f"{name} Root", key_number=3)
    middle = authority(f"{name} Middle", issuer=root, key_number=2)
    return [authority(name, issuer=middle), middle, root]


def pem_of(*authorities: Authority) -> str:
    """Several certificates as one text."""
    return "".join(each.pem for each in authorities)
