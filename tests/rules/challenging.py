"""A challenge, and good answers to it: the flaw is what a test adds."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa

from app.errors import ProofRejected
from app.findings import ProofFlaw
from app.rules import pem
from app.rules.possession import (
    CERTIFICATE_PERIOD,
    SIGNATURE_PERIOD,
    Challenge,
    Proof,
    Signature,
    VerificationCertificate,
)
from tests.rules.authority import AT, Made, PrivateKey, make, rsa_key

NONCE = bytes(range(32))


KEYS: dict[str, Callable[[], PrivateKey]] = {
    "RSA 2048": rsa_key,
    "RSA 3072": lambda: rsa_key(3072),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "ML-DSA-44": mldsa.MLDSA44PrivateKey.generate,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey.generate,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey.generate,
}


def challenge_for(ca: Made, nonce: bytes = NONCE) -> Challenge:
    """A challenge that was made at AT."""
    return Challenge("a" * 32, ca.parsed.fingerprint, nonce, AT + SIGNATURE_PERIOD, AT + CERTIFICATE_PERIOD)


def signed(key: PrivateKey, text: bytes, digest: hashes.HashAlgorithm | None = None) -> bytes:
    """A signature as OpenSSL makes it for such a key."""
    digest = digest or hashes.SHA256()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(text, ec.ECDSA(digest))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text, padding.PKCS1v15(), digest)
    assert not isinstance(key, dsa.DSAPrivateKey)
    return key.sign(text)


def signature_of(ca: Made, challenge: Challenge, ending: bytes = b"") -> Signature:
    """The CA's signature over the challenge's text, or over the text with something after it."""
    return Signature(signed(ca.key, challenge.text.encode() + ending))


def issued(ca: Made, code: str, **flaw: Any) -> Made:
    """The certificate that the CA issues for the code, for a day from AT on."""
    given: dict[str, Any] = {
        "issuer": ca,
        "not_before": AT,
        "not_after": AT + timedelta(days=1),
        "is_ca": None,
        "key_usage": None,
    }
    return make(**({"subject": code} | given | flaw))


def presented(*certificates: Made) -> VerificationCertificate:
    """Certificates as somebody sends them."""
    return VerificationCertificate.of(pem.encode([each.der for each in certificates]))


def key_text(made: Made) -> str:
    """A private key as PEM."""
    return made.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def flaw_of(proof: Proof, ca: Made, *, at: datetime = AT, challenge: Challenge | None = None) -> ProofFlaw | None:
    """Why a proof is rejected; None where it is good."""
    try:
        proof.require(challenge or challenge_for(ca), ca.parsed, at=at)
    except ProofRejected as rejected:
        return rejected.flaw
    return None
