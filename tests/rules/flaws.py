"""Chains with one flaw, and what was found in them."""

from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from app.findings import Severity
from app.rules import upload
from app.rules.upload import Examination
from tests.rules.authority import AT, Made, PrivateKey, chain_of_three, integer, make, rebuild, rsa_key, spki, tlv

Spoil = Callable[[], tuple[Made, ...]]
SHA1_RSA = bytes.fromhex("300d06092a864886f70d0101050500")


def examined(certificates: tuple[Made, ...], at: datetime = AT) -> Examination:
    return upload.examine([certificate.der for certificate in certificates], at=at)


def codes(examination: Examination, severity: Severity) -> list[tuple[str, int | None]]:
    return [(found.code.value, found.index) for found in examination.findings if found.severity is severity]


def lowest(**flaw: object) -> Spoil:
    """A chain whose trusted CA is built with the flaw."""
    return lambda: chain_of_three(**flaw)


def lowest_with(*extensions: tuple[x509.ExtensionType, bool]) -> Spoil:
    return lowest(extensions=extensions)


def rebuilt(**fields: object) -> Spoil:
    """A chain whose trusted CA has fields that the library would not write."""

    def spoil() -> tuple[Made, ...]:
        root, middle, good = chain_of_three()
        return root, middle, rebuild(good, middle.key, **fields)  # type: ignore[arg-type]

    return spoil


def lowest_signed_with(key: PrivateKey, **how: object) -> Spoil:
    """A chain of two whose root has the key, so that the signature below is made with it."""

    def spoil() -> tuple[Made, ...]:
        root = make("Root CA", key=key, digest=hashes.SHA256() if "digest" in how else None)
        return root, make("Fleet CA", issuer=root, **how)  # type: ignore[arg-type]

    return spoil


def sha1_below_the_root() -> tuple[Made, ...]:
    key = rsa_key()
    root = make("Root CA", key=key)
    good = make("Fleet CA", issuer=root)

    def sign(body: bytes) -> bytes:
        return key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - the flaw

    return root, rebuild(good, key, algorithm=SHA1_RSA, sign=sign)


def sha1_root() -> tuple[Made, ...]:
    key = rsa_key()
    good = make("Root CA", key=key)

    def sign(body: bytes) -> bytes:
        return key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - the exception to the rule

    return (rebuild(good, key, algorithm=SHA1_RSA, sign=sign),)


def sha1_ecdsa_root() -> tuple[Made, ...]:
    good = make("Root CA")
    assert isinstance(good.key, ec.EllipticCurvePrivateKey)
    key = good.key

    def sign(body: bytes) -> bytes:
        return key.sign(body, ec.ECDSA(hashes.SHA1()))  # noqa: S303 - the exception is for RSA alone

    return (rebuild(good, key, algorithm=bytes.fromhex("300906072a8648ce3d0401"), sign=sign),)


def explicit_curve() -> bytes:
    """P-256 spelled out as parameters instead of named (RFC 3279 2.3.5)."""
    prime = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    generator = bytes.fromhex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    )
    field = tlv(0x30, bytes.fromhex("06072a8648ce3d0101"), integer(prime))
    curve = tlv(0x30, tlv(0x04, (prime - 3).to_bytes(32, "big")), tlv(0x04, b.to_bytes(32, "big")))
    parameters = tlv(0x30, integer(1), field, curve, tlv(0x04, generator), integer(order), integer(1))
    return spki(tlv(0x30, bytes.fromhex("06072a8648ce3d0201"), parameters), generator)


def unknown_key() -> bytes:
    return spki(tlv(0x30, bytes.fromhex("06062a8503020213")), tlv(0x04, bytes(64)))  # GOST R 34.10-2001
