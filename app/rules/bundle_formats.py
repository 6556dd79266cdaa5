"""A bundle as the files that terminators read.

Which one a terminator needs depends on how it takes an anchor that is no root. Partial-chain verifiers (Envoy, GnuTLS,
Go) take a plain one. OpenSSL as terminators use it accepts such an anchor only where the file says what it is trusted
for; adding the root instead would admit every sibling CA's devices.
"""

import base64
import json
from collections.abc import Callable
from enum import StrEnum, unique

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates

from app.rules import pem
from app.rules.bundle import Bundle
from app.rules.certificate import ParsedCertificate

# X509_CERT_AUX of OpenSSL: the purposes that a certificate is trusted, or [0] rejected, for; here clientAuth.
_TRUSTED_FOR_CLIENTS = bytes.fromhex("300c300a06082b06010505070302")
_REJECTED_FOR_CLIENTS = bytes.fromhex("300ca00a06082b06010505070302")
_REFRESH_SECONDS = 1
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_OWN_HASH = (
    (mldsa.MLDSA44PublicKey, "ML-DSA-44"),
    (mldsa.MLDSA65PublicKey, "ML-DSA-65"),
    (mldsa.MLDSA87PublicKey, "ML-DSA-87"),
)


@unique
class Format(StrEnum):
    """The spellings of a bundle."""

    PEM = "pem"
    """Plain certificates, for verifiers that take an anchor which is no root."""
    OPENSSL = "openssl"
    """Each certificate twice, the first time with what it is trusted for; blacklisted CAs as rejected."""
    P7B = "p7b"
    """PKCS #7 without a signature (RFC 2315 9), DER."""
    SPIFFE = "spiffe"
    """A SPIFFE trust bundle: a JSON Web Key set with a sequence."""


MEDIA_TYPES = {
    Format.PEM: "application/pem-certificate-chain",
    Format.OPENSSL: "application/x-pem-file",
    Format.P7B: "application/x-pkcs7-certificates",
    Format.SPIFFE: "application/json",
}


def write(bundle: Bundle, form: Format) -> bytes:
    """The file's bytes: the same for the same bundle."""
    return _WRITERS[form](bundle)


def _pem(bundle: Bundle) -> bytes:
    return pem.encode([certificate.der for certificate in bundle.trusted]).encode()


def _openssl(bundle: Bundle) -> bytes:
    # The plain copy comes second: in the other order OpenSSL refuses everybody (measured on 3.0).
    rejected = [each.der + _REJECTED_FOR_CLIENTS for each in bundle.rejected]
    trusted = (
        pem.encode([each.der + _TRUSTED_FOR_CLIENTS], "TRUSTED CERTIFICATE") + pem.encode([each.der])
        for each in bundle.trusted
    )
    return "".join((pem.encode(rejected, "TRUSTED CERTIFICATE"), *trusted)).encode()


def _p7b(bundle: Bundle) -> bytes:
    return serialize_certificates([_loaded(each) for each in bundle.trusted], Encoding.DER)


def _spiffe(bundle: Bundle) -> bytes:
    keys = [{**_jwk(each), "use": "x509-svid", "x5c": [base64.b64encode(each.der).decode()]} for each in bundle.trusted]
    told = {"keys": keys, "spiffe_sequence": bundle.sequence, "spiffe_refresh_hint": _REFRESH_SECONDS}
    return f"{json.dumps(told, indent=1)}\n".encode()


_WRITERS: dict[Format, Callable[[Bundle], bytes]] = {
    Format.PEM: _pem,
    Format.OPENSSL: _openssl,
    Format.P7B: _p7b,
    Format.SPIFFE: _spiffe,
}


def _loaded(certificate: ParsedCertificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.der)


def _jwk(certificate: ParsedCertificate) -> dict[str, str]:
    """The key as RFC 7518 6, RFC 8037 2 and RFC 9964 spell it."""
    key = certificate.key.usable
    match key:
        case ec.EllipticCurvePublicKey():
            numbers, size = key.public_numbers(), (key.key_size + 7) // 8
            point = {"x": _text(numbers.x.to_bytes(size)), "y": _text(numbers.y.to_bytes(size))}
            return {"kty": "EC", "crv": _CURVES[key.curve.name], **point}
        case rsa.RSAPublicKey():
            numbers_of = key.public_numbers()
            return {"kty": "RSA", "n": _number(numbers_of.n), "e": _number(numbers_of.e)}
        case ed25519.Ed25519PublicKey():
            return {"kty": "OKP", "crv": "Ed25519", "x": _text(key.public_bytes_raw())}
        case ed448.Ed448PublicKey():
            return {"kty": "OKP", "crv": "Ed448", "x": _text(key.public_bytes_raw())}
        case mldsa.MLDSA44PublicKey() | mldsa.MLDSA65PublicKey() | mldsa.MLDSA87PublicKey():
            name = next(name for kind, name in _OWN_HASH if isinstance(key, kind))
            return {"kty": "AKP", "alg": name, "pub": _text(key.public_bytes_raw())}
        case _:
            raise TypeError("an anchor's key is one that the rules accept")


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
