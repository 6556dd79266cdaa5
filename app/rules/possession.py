"""Proof of possession: showing that an account holds the private key of the CA that it wants trusted.

There are two ways. Either the key signs the challenge's text, which begins with a letter: no certificate that somebody
prepared begins so, and the key never signs what a stranger chose. Or the key issues a certificate whose common name is
the challenge's code, as every CA's own software can.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, NoReturn, TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from app.errors import CertificateRejected, ChallengeUsed, InvalidState, PrivateKeyPresent, ProofRejected
from app.findings import FindingCode, ProofFlaw
from app.rules import der, pem
from app.rules.certificate import ParsedCertificate, check_signature, parse
from app.rules.signature import Answer, Family, Scheme, verify
from app.terms import Possession

_FORM = "tcpop1"
VERIFICATION_CODE_PREFIX = f"{_FORM}-"
"""How the common name of every verification certificate begins. It chains to the fleet's CA: it must admit nothing."""

NONCE_BYTES = 32
"""How many random bytes a challenge has."""
ATTEMPTS = 5
"""How many proofs a challenge accepts."""
SIGNATURE_PERIOD = timedelta(hours=24)
"""How long a signature over a challenge is awaited."""
CERTIFICATE_PERIOD = timedelta(hours=72)
"""How long a verification certificate is awaited: a CA that is kept offline is not fetched every day."""
CLOCK_TOLERANCE = timedelta(hours=24)
"""How far outside its validity a verification certificate may be: the code makes it fresh, and clocks are wrong."""

# 192 bits of a hash: nobody finds another text of the same code, and it fits into a common name of 64 characters.
_CODE_DIGITS = 48
_CODE_DOMAIN = b"tcpop1 verification code\n"
# What editors and shells put at the end of a file.
_ENDINGS = (b"", b"\n", b"\r\n")

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
_RSA_SCHEMES = (
    Scheme("sha256WithRSAEncryption", Family.RSA, hashes.SHA256()),
    Scheme("RSASSA-PSS with SHA256", Family.RSA_PSS, hashes.SHA256(), _PSS),
)
_ECDSA_SCHEMES = (
    Scheme("ecdsa-with-SHA256", Family.ECDSA, hashes.SHA256()),
    Scheme("ecdsa-with-SHA384", Family.ECDSA, hashes.SHA384()),
    Scheme("ecdsa-with-SHA512", Family.ECDSA, hashes.SHA512()),
)
# RFC 8032 5.1.6 and 5.2.6, FIPS 204 table 2: the octets of a signature.
_OWN_HASH: tuple[tuple[type, Family, int], ...] = (
    (ed25519.Ed25519PublicKey, Family.ED25519, 64),
    (ed448.Ed448PublicKey, Family.ED448, 114),
    (mldsa.MLDSA44PublicKey, Family.ML_DSA_44, 2420),
    (mldsa.MLDSA65PublicKey, Family.ML_DSA_65, 3309),
    (mldsa.MLDSA87PublicKey, Family.ML_DSA_87, 4627),
)

SIGNATURE_PATH = ("proof", "signature")
CERTIFICATE_PATH = ("proof", "verificationCertificate")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What is to be signed, by which CA (the SHA-256 of its certificate), and until when either proof is awaited."""

    account_id: str
    fingerprint: bytes
    nonce: bytes
    signature_expires_at: datetime
    certificate_expires_at: datetime

    @property
    def nonce_text(self) -> str:
        """The random bytes as URL-safe Base64 without padding."""
        return urlsafe_b64encode(self.nonce).rstrip(b"=").decode("ascii")

    @property
    def text(self) -> str:
        """What the key signs: four lines of ASCII, with no line break after the last."""
        lines = (
            _FORM,
            f"account={self.account_id}",
            f"certificate-sha256={self.fingerprint.hex()}",
            f"nonce={self.nonce_text}",
        )
        return "\n".join(lines)

    @property
    def verification_code(self) -> str:
        """The common name of a verification certificate.

        It is derived from the text: so it is bound to account, certificate and nonce as a signature is, and there are
        no two random values that could come apart.
        """
        derived = hashlib.sha256(_CODE_DOMAIN + self.text.encode("ascii")).hexdigest()
        return f"{VERIFICATION_CODE_PREFIX}{derived[:_CODE_DIGITS]}"


@dataclass(frozen=True, slots=True, repr=False)
class Signature:
    """A signature over the challenge's text, as a proof: PKCS #1 v1.5, PSS, DER of ECDSA, EdDSA or ML-DSA."""

    method: ClassVar[str] = "signature"
    value: bytes

    @property
    def sha256(self) -> bytes:
        """What tells one proof from another."""
        return hashlib.sha256(self.value).digest()

    def require(self, challenge: Challenge, trusted_ca: ParsedCertificate, *, at: datetime) -> None:
        """Refuse a signature that the CA's key did not make over the challenge's text, or one that comes too late.

        The text may have one line break after it. SHA-256 for RSA; SHA-256, SHA-384 or SHA-512 for ECDSA.
        Raises ProofRejected; PrivateKeyPresent for what is no signature and looks like a key.
        """
        _require_in_time(challenge.signature_expires_at, at, SIGNATURE_PATH)
        key = trusted_ca.key.usable
        if not _is_formed(key, self.value):
            # Asked only of what is no signature: random octets of one may begin like anything.
            if pem.holds_private_key(self.value) and not _begins_as_ecdsa(self.value):
                raise PrivateKeyPresent(
                    "The proof holds what looks like a private key. It was discarded: send the signature only, and"
                    " consider replacing the key if it left its place.",
                    path=SIGNATURE_PATH,
                )
            _reject(
                ProofFlaw.POP_SIGNATURE_MALFORMED,
                f"This is no signature of a key like the certificate's ({trusted_ca.key_description}).",
                SIGNATURE_PATH,
            )
        texts = [challenge.text.encode("ascii") + ending for ending in _ENDINGS]
        if key is None or not any(
            verify(trusted_ca.key, scheme, self.value, text) is Answer.VALID
            for scheme in _schemes(key)
            for text in texts
        ):
            _reject(
                ProofFlaw.POP_SIGNATURE_INVALID,
                "The certificate's key did not make this signature over the challenge's text.",
                SIGNATURE_PATH,
            )


@dataclass(frozen=True, slots=True)
class VerificationCertificate:
    """A certificate that the CA issued for the challenge's code, as a proof; `of` reads it once, at the border.

    `read` is the certificate, or why there is none.
    """

    method: ClassVar[str] = "verification_certificate"
    read: ParsedCertificate | ProofRejected | CertificateRejected
    sha256: bytes

    @classmethod
    def of(cls, source: str) -> "VerificationCertificate":
        """Read PEM text. What is wrong with it is raised by `require`, in its turn."""
        sha256 = hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()
        try:
            return cls(_read(source), sha256)
        except ProofRejected as rejected:
            return cls(rejected, sha256)
        except CertificateRejected as rejected:
            return cls(CertificateRejected(rejected.findings, path=CERTIFICATE_PATH), sha256)

    def require(self, challenge: Challenge, trusted_ca: ParsedCertificate, *, at: datetime) -> None:
        """Refuse a certificate that the CA did not issue for the challenge's code, or one that comes too late.

        Version 1 is allowed: it is what OpenSSL 3.0 issues where no extensions are asked for.
        Raises ProofRejected; CertificateRejected, with the findings of an upload, for what is no certificate.
        """
        _require_in_time(challenge.certificate_expires_at, at, CERTIFICATE_PATH)
        if not isinstance(self.read, ParsedCertificate):
            raise self.read
        _require_issued_by(trusted_ca, self.read)
        if self.read.is_ca:
            _reject(ProofFlaw.POP_CERT_IS_CA, "The verification certificate is a CA's.", CERTIFICATE_PATH)
        _require_code(challenge.verification_code, self.read)
        # RFC 5280 4.1.2.5: dates reach to the end of 9999, so nothing is added to one.
        if at - self.read.not_after > CLOCK_TOLERANCE or self.read.not_before - at > CLOCK_TOLERANCE:
            message = "The verification certificate is valid neither now nor within 24 hours of now."
            _reject(ProofFlaw.POP_CERT_EXPIRED, message, CERTIFICATE_PATH)


Proof: TypeAlias = Signature | VerificationCertificate


def require_provable(possession: Possession) -> None:
    """Refuse to challenge for a record whose possession is not to be proven, or is proven already.

    Raises InvalidState.
    """
    if possession is Possession.PROVEN:
        raise InvalidState("Possession of this certificate's key is proven already.")
    if possession is not Possession.PENDING:
        raise InvalidState("Possession of this certificate's key does not have to be proven.")


def require_open(*, is_used: bool, is_voided: bool, attempts_left: int) -> None:
    """Refuse a challenge that accepts no more proofs.

    Raises ChallengeUsed, or InvalidState where too many proofs were wrong.
    """
    again = "make another challenge."
    if is_used:
        raise ChallengeUsed("This challenge was answered: each is good for one proof.", path=("challengeId",))
    if is_voided:
        raise ChallengeUsed(f"A newer challenge took this one's place: answer that, or {again}", path=("challengeId",))
    if attempts_left < 1:
        raise InvalidState(f"Too many proofs for this challenge were wrong: {again}", path=("challengeId",))


def _read(source: str) -> ParsedCertificate:
    try:
        ders = pem.tokenise(source)
    except CertificateRejected as rejected:
        if rejected.deciding.code is FindingCode.TOO_MANY_CERTIFICATES:
            _reject_count()
        raise
    if len(ders) != 1:
        _reject_count()
    return parse(ders[0], index=0)


def _reject_count() -> NoReturn:
    message = "Send the verification certificate alone: exactly one, and not the CA's."
    _reject(ProofFlaw.POP_CERT_COUNT, message, CERTIFICATE_PATH)


def _require_in_time(deadline: datetime, at: datetime, path: tuple[str, ...]) -> None:
    if at >= deadline:
        _reject(ProofFlaw.POP_CHALLENGE_EXPIRED, "The challenge has expired: make another.", path)


def _require_issued_by(trusted_ca: ParsedCertificate, certificate: ParsedCertificate) -> None:
    if certificate.issuer != trusted_ca.subject:
        message = "The verification certificate does not name the certificate to prove as its issuer."
        _reject(ProofFlaw.POP_CERT_WRONG_ISSUER, message, CERTIFICATE_PATH)
    # With SHA-1 somebody could have had another certificate signed that has the same digest.
    is_sound = certificate.algorithms_agree and certificate.scheme.is_strong
    if not is_sound or check_signature(certificate, trusted_ca) is not Answer.VALID:
        message = "The certificate's key did not make the verification certificate's signature, or not with SHA-2."
        _reject(ProofFlaw.POP_CERT_SIGNATURE_INVALID, message, CERTIFICATE_PATH)


def _require_code(code: str, certificate: ParsedCertificate) -> None:
    named = [name.encode("utf-8", "surrogatepass") for name in certificate.subject_common_names]
    if len(named) != 1 or not hmac.compare_digest(named[0], code.encode("ascii")):
        message = "The verification certificate's subject does not have the code, and nothing else, as its common name."
        _reject(ProofFlaw.POP_CODE_MISMATCH, message, CERTIFICATE_PATH)


def _schemes(key: CertificatePublicKeyTypes) -> tuple[Scheme, ...]:
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA_SCHEMES
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _ECDSA_SCHEMES
    return tuple(Scheme(family.value, family) for kind, family, _ in _OWN_HASH if isinstance(key, kind))


def _is_formed(key: CertificatePublicKeyTypes | None, signature: bytes) -> bool:
    """Whether the bytes have the form of a signature of such a key."""
    if isinstance(key, rsa.RSAPublicKey):
        return len(signature) == (key.key_size + 7) // 8
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            decode_dss_signature(signature)
        except ValueError:
            return False
        return True
    return any(isinstance(key, kind) and len(signature) == octets for kind, _, octets in _OWN_HASH)


def _begins_as_ecdsa(data: bytes) -> bool:
    """Whether this is a damaged ECDSA signature: the integer that a private key begins with is one octet, a version."""
    try:
        outer = der.read(data, 0)
        first = der.read(data, outer.content)
    except ValueError:
        return False
    return outer.tag == der.SEQUENCE and first.tag == der.INTEGER and first.end - first.content > 1


def _reject(flaw: ProofFlaw, message: str, path: tuple[str, ...]) -> NoReturn:
    raise ProofRejected(flaw, message, path=path)
