"""The certificate that the service makes for a developer: a self-signed CA of its own, for an account's test devices.

A device presents it itself, with its key, as the vendor's product has it (so `digitalSignature` and `clientAuth`), and
the account trusts it as a CA, which may sign further device certificates directly (`pathlen` 0).
"""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEARS = 10
_LEAP_DAY = 29


def self_signed(
    key: ec.EllipticCurvePrivateKey, *, account_id: str, certificate_id: str, serial: int, at: datetime
) -> bytes:
    """The certificate as DER, valid for ten years from the second of `at`: the same arguments make the same bytes.

    `serial` has to be positive and of at most 20 octets (RFC 5280 4.1.2.2); the key is one of P-256.
    """
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, account_id),
            x509.NameAttribute(NameOID.COMMON_NAME, certificate_id),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(at.replace(microsecond=0))
        .not_valid_after(_years_later(at.replace(microsecond=0)))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("digital_signature", "key_cert_sign"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        # RFC 5280 4.2.1.2: every CA has one, and strict verifiers (OpenSSL's X509_V_FLAG_X509_STRICT) insist.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    # RFC 6979, or the signature would take randomness that is no argument.
    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def _usage(*names: str) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{each: each in names for each in every})


def _years_later(instant: datetime) -> datetime:
    # There is no 29 February ten years after one.
    day = _LEAP_DAY - 1 if (instant.month, instant.day) == (2, _LEAP_DAY) else instant.day
    return instant.replace(year=instant.year + YEARS, day=day)
