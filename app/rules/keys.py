"""Public keys: which ones may vouch for devices, and what they are called.

The numbers of RSA and DSA are read from the bytes and judged before any library loads the key, because the library
refuses some with a text and accepts others that cost seconds per signature (a large exponent). A key of a kind that
makes no signatures is not loaded at all: whether Diffie-Hellman's prime is one takes half a minute to find out.
"""

from dataclasses import dataclass
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from app.findings import FindingCode
from app.rules import der

Flaw: TypeAlias = tuple[FindingCode, str]

RSA_SMALLEST = 2048
RSA_LARGEST = 8192
# NIST SP 800-56B 6.2: the exponent is odd and above 2^16. Small ones still verify correctly with PKCS #1 v1.5 and
# PSS as we check them, so they are warned about; large ones only cost time, and no CA needs one.
EXPONENT_USUAL = 65537
EXPONENT_LIMIT = 2**64
_RSA_LOADABLE = 1024
# FIPS 186-4 4.2 has none larger. DSA vouches for nobody here, but who signed is known, so that the reason can be said.
DSA_LARGEST = 3072

_RSA_OID = "1.2.840.113549.1.1.1"
_RSA_PSS_OID = "1.2.840.113549.1.1.10"
_EC_OID = "1.2.840.10045.2.1"
_DSA_OID = "1.2.840.10040.4.1"
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
# RFC 8410 3, RFC 9881 2.
_NAMES = {
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key: `usable` verifies signatures, None when it must not or cannot; `flaw` is why a CA may not have it.

    `description` is for people: `EC P-256`, `RSA 3072`, `Ed25519`, `ML-DSA-65`. An RSA key that `is_pss_only` makes
    signatures with RSASSA-PSS and with nothing else (RFC 4055 1.2).
    """

    usable: CertificatePublicKeyTypes | None
    description: str
    flaw: Flaw | None = None
    has_small_exponent: bool = False
    is_pss_only: bool = False


def read(certificate: x509.Certificate, spki: bytes) -> PublicKey:
    """The certificate's key, judged.

    Raises ValueError when its bytes make no key of the algorithm they name.
    """
    oid = certificate.public_key_algorithm_oid.dotted_string
    if oid in (_RSA_OID, _RSA_PSS_OID):
        return _rsa(certificate, *_rsa_numbers(spki), is_pss_only=oid == _RSA_PSS_OID)
    try:
        if oid == _EC_OID:
            return _ec(certificate, spki)
        if oid == _DSA_OID:
            return _dsa(certificate, _dsa_bits(spki))
        return PublicKey(certificate.public_key(), _NAMES[oid]) if oid in _NAMES else _unsupported(oid)
    except UnsupportedAlgorithm:
        return _unsupported(oid)


def _ec(certificate: x509.Certificate, spki: bytes) -> PublicKey:
    if not _names_a_curve(spki):
        return _unsupported("EC explicit parameters")
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101  # what the algorithm names
    curve = _CURVES.get(key.curve.name)
    return PublicKey(key, f"EC {curve}") if curve else _unsupported(f"EC {key.curve.name}", key)


def _dsa(certificate: x509.Certificate, bits: int) -> PublicKey:
    return _unsupported(f"DSA {bits}", certificate.public_key() if bits <= DSA_LARGEST else None)


def _unsupported(description: str, usable: CertificatePublicKeyTypes | None = None) -> PublicKey:
    message = (
        f"The key is of a kind that is not accepted ({description}): use RSA, EC on P-256, P-384 or P-521, "
        "Ed25519, Ed448 or ML-DSA."
    )
    return PublicKey(usable, description, (FindingCode.KEY_TYPE_UNSUPPORTED, message))


def _rsa(certificate: x509.Certificate, modulus: int, exponent: int, *, is_pss_only: bool) -> PublicKey:
    bits = modulus.bit_length()
    flaw = _rsa_flaw(bits, exponent)
    verifiable = flaw is None or (flaw[0] is FindingCode.KEY_TOO_WEAK and bits >= _RSA_LOADABLE)
    key = certificate.public_key() if verifiable else None
    has_small_exponent = flaw is None and exponent < EXPONENT_USUAL
    return PublicKey(key, f"RSA {bits}", flaw, has_small_exponent, is_pss_only)


def _rsa_flaw(bits: int, exponent: int) -> Flaw | None:
    if bits > RSA_LARGEST:
        message = f"The RSA key has {bits} bits; at most {RSA_LARGEST} are accepted."
        return FindingCode.KEY_TOO_LARGE, message
    if exponent < 3 or exponent % 2 == 0 or exponent >= EXPONENT_LIMIT:
        message = "The RSA key's public exponent must be odd, at least 3 and below 2^64."
        return FindingCode.KEY_EXPONENT_INVALID, message
    if bits < RSA_SMALLEST:
        message = f"The RSA key has {bits} bits; at least {RSA_SMALLEST} are needed."
        return FindingCode.KEY_TOO_WEAK, message
    return None


def _rsa_numbers(spki: bytes) -> tuple[int, int]:
    _, bits = der.children(spki, der.read(spki, 0))
    # RFC 8017 A.1.1: RSAPublicKey is the modulus, then the exponent; the bit string's first octet counts unused bits.
    key = bits.inner(spki)[1:]
    modulus, exponent = der.children(key, der.read(key, 0))
    if modulus.tag != der.INTEGER or exponent.tag != der.INTEGER:
        raise ValueError("not two integers")
    return (
        int.from_bytes(modulus.inner(key), "big", signed=True),
        int.from_bytes(exponent.inner(key), "big", signed=True),
    )


def _dsa_bits(spki: bytes) -> int:
    # RFC 3279 2.3.2: the parameters are the prime, then its subgroup's order and generator.
    algorithm, _ = der.children(spki, der.read(spki, 0))
    _, parameters = der.children(spki, algorithm)
    prime, _, _ = der.children(spki, parameters)
    return int.from_bytes(prime.inner(spki), "big", signed=True).bit_length()


def _names_a_curve(spki: bytes) -> bool:
    # RFC 5480 2.1.1: only a named curve; explicit parameters let an attacker choose the generator (CVE-2020-0601).
    algorithm, _ = der.children(spki, der.read(spki, 0))
    _, parameters = der.children(spki, algorithm)
    return parameters.tag == der.OBJECT_IDENTIFIER
