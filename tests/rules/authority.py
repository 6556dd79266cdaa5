"""Certificates for tests: good by default, so that the flaw is the only argument that is visible.

`make` uses the library's builder. What the builder refuses is made by `rebuild`: it takes a good certificate apart,
exchanges single fields of its DER and signs again.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID

from app.rules.certificate import ParsedCertificate, parse
from app.rules.der import children, read

PrivateKey: TypeAlias = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
Digest: TypeAlias = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512
AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
"""The instant at which tests judge: in the middle of what `make` makes valid."""

USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
CA_USAGE = ("key_cert_sign", "crl_sign")
RSA = bytes.fromhex("300d06092a864886f70d0101010500")
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate with the key that belongs to it."""

    der: bytes
    key: PrivateKey

    @property
    def parsed(self) -> ParsedCertificate:
        """As the rules see it."""
        return parse(self.der)

    @property
    def certificate(self) -> x509.Certificate:
        """As the library sees it, which warns about serial numbers that are not positive."""
        with warnings.catch_warnings(action="ignore"):
            return x509.load_der_x509_certificate(self.der)


def name(text: str, *more: x509.NameAttribute[str]) -> x509.Name:
    return x509.Name([*more, x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{each: each in names for each in USAGES})


def make(
    subject: str | x509.Name = "Fleet CA",
    *,
    issuer: Made | None = None,
    issuer_name: x509.Name | None = None,
    key: PrivateKey | None = None,
    serial: int = 0x1234,
    not_before: datetime = AT - timedelta(days=365),
    not_after: datetime = AT + timedelta(days=3650),
    is_ca: bool | None = True,
    path_length: int | None = None,
    basic_constraints_critical: bool = True,
    key_usage: Sequence[str] | None = CA_USAGE,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    digest: Digest | None = None,
    pss: padding.PSS | None = None,
) -> Made:
    """A CA certificate; self-signed unless it is given an issuer. `is_ca=None` leaves out the basic constraints."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer else own
    named = subject if isinstance(subject, x509.Name) else name(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(issuer_name or (issuer.certificate.subject if issuer else named))
        .public_key(own.public_key())
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    if is_ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(is_ca, path_length), basic_constraints_critical)
    if key_usage is not None:
        builder = builder.add_extension(usage(*key_usage), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    has_own_hash = not isinstance(signer, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey)
    algorithm = None if has_own_hash else digest or hashes.SHA256()
    certificate = builder.sign(signer, algorithm, rsa_padding=pss)
    return Made(certificate.public_bytes(serialization.Encoding.DER), own)


def chain_of_three(**flaw: object) -> tuple[Made, Made, Made]:
    """Root, middle and trusted CA, in this order; the flaw is given to the trusted CA."""
    root = make("Root CA")
    middle = make("Middle CA", issuer=root)
    return root, middle, make(**{"subject": "Fleet CA", "issuer": middle} | flaw)  # type: ignore[arg-type]


@cache
def rsa_key(bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def tlv(tag: int, *parts: bytes) -> bytes:
    """DER: tag, length, content."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(number: int) -> bytes:
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def spki(algorithm: bytes, key: bytes) -> bytes:
    return tlv(0x30, algorithm, tlv(0x03, b"\x00", key))


def rsa_spki(modulus: int, exponent: int, algorithm: bytes = RSA) -> bytes:
    return spki(algorithm, tlv(0x30, integer(modulus), integer(exponent)))


def pss_only(ca: Made) -> Made:
    """The same root, whose RSA key may make RSASSA-PSS signatures alone: its own is one of PKCS #1 v1.5."""
    assert isinstance(ca.key, rsa.RSAPrivateKey)
    numbers = ca.key.public_key().public_numbers()
    # RFC 4055 3.1: the identifier, with no parameters.
    restricted = rsa_spki(numbers.n, numbers.e, bytes.fromhex("300b06092a864886f70d01010a"))
    key = ca.key
    return rebuild(ca, key, spki=restricted, sign=lambda body: key.sign(body, padding.PKCS1v15(), hashes.SHA256()))


def dsa_spki(prime: int, order: int, generator: int, public: int) -> bytes:
    algorithm = tlv(0x30, bytes.fromhex("06072a8648ce380401"), tlv(0x30, *map(integer, (prime, order, generator))))
    return spki(algorithm, integer(public))


def dh_spki(prime: int) -> bytes:
    algorithm = tlv(0x30, bytes.fromhex("06092a864886f70d010301"), tlv(0x30, integer(prime), integer(2)))
    return spki(algorithm, integer(4))


FIELDS = ("serial", "algorithm", "issuer", "validity", "subject", "spki", "extensions")


def rebuild(
    good: Made,
    signer: PrivateKey,
    *,
    version: int = 3,
    outer_algorithm: bytes | None = None,
    sign: Callable[[bytes], bytes] | None = None,
    **fields: bytes,
) -> Made:
    """The certificate with some of its fields exchanged (DER, b"" leaves one out), signed again.

    `algorithm` sets both places that name it, `outer_algorithm` the outer alone; `sign` makes the signature,
    ECDSA with SHA-256 unless it is given.
    """
    tbs, outer, _ = children(good.der, read(good.der, 0))
    parts = [part.whole(good.der) for part in children(good.der, tbs)]
    values = dict(zip(FIELDS, [*parts[1:], b""], strict=False)) | fields  # one without extensions has fewer parts
    head = b"" if version == 1 else tlv(0xA0, integer(version - 1))
    body = tlv(0x30, head, *(values[field] for field in FIELDS))
    algorithm = outer_algorithm or fields.get("algorithm") or outer.whole(good.der)
    signature = sign(body) if sign else _ecdsa(signer, body)
    return Made(tlv(0x30, body, algorithm, tlv(0x03, b"\x00", signature)), good.key)


def _ecdsa(signer: PrivateKey, body: bytes) -> bytes:
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    return signer.sign(body, ec.ECDSA(hashes.SHA256()))


def twin_of(made: Made, curve: ec.EllipticCurve) -> Made:
    """What anybody makes of a certificate that was signed on this curve: another one, which is as valid."""
    tbs, algorithm, bits = (each.whole(made.der) for each in children(made.der, read(made.der, 0)))
    # The bit string's header and its count of unused bits; no signature on these curves takes 256 octets.
    r, s = decode_dss_signature(bits[3:] if bits[1] < 0x80 else bits[4:])
    signature = encode_dss_signature(r, curve.group_order - s)
    return Made(tlv(0x30, tbs, algorithm, tlv(0x03, b"\x00", signature)), made.key)


def extensions_of(*encoded: bytes) -> bytes:
    """The extensions field of a certificate, from whole extensions."""
    return tlv(0xA3, tlv(0x30, *encoded))
