"""Who signed a certificate: the only place that verifies certificate signatures.

`verify_directly_issued_by` is not used: it refuses SHA-1, which is allowed for a root's own signature, and compares
decoded names where bytes must be compared.
"""

from dataclasses import dataclass
from enum import Enum, unique

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from app.rules.keys import PublicKey


@unique
class Family(Enum):
    """The kind of key that makes the signature."""

    RSA = "RSA"
    RSA_PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    DSA = "DSA"
    ED25519 = "Ed25519"
    ED448 = "Ed448"
    ML_DSA_44 = "ML-DSA-44"
    ML_DSA_65 = "ML-DSA-65"
    ML_DSA_87 = "ML-DSA-87"


@unique
class Answer(Enum):
    """What verifying says."""

    VALID = "valid"
    INVALID = "invalid"
    UNVERIFIABLE = "unverifiable"
    """The algorithm or the key is none that is verified here: nothing is known."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A signature algorithm: `name` as in its RFC, `family` None when it cannot be verified."""

    name: str
    family: Family | None = None
    digest: hashes.HashAlgorithm | None = None
    pss: padding.PSS | None = None

    @property
    def is_strong(self) -> bool:
        """SHA-256, SHA-384 or SHA-512, or an algorithm that brings its own hash (EdDSA, ML-DSA)."""
        if self.family in _OWN_HASH:
            return True
        return self.family is not None and isinstance(self.digest, hashes.SHA256 | hashes.SHA384 | hashes.SHA512)

    @property
    def is_rsa_sha1(self) -> bool:
        """RSA PKCS #1 v1.5 with SHA-1: allowed for a root's signature on itself, nowhere else."""
        return self.family is Family.RSA and isinstance(self.digest, hashes.SHA1)


_OWN_HASH = frozenset({Family.ED25519, Family.ED448, Family.ML_DSA_44, Family.ML_DSA_65, Family.ML_DSA_87})
_PSS_OID = "1.2.840.113549.1.1.10"
# RFC 3279, 4055, 5758, 8410, 9881.
_SCHEMES: dict[str, Scheme] = {
    "1.2.840.113549.1.1.2": Scheme("md2WithRSAEncryption"),
    "1.2.840.113549.1.1.4": Scheme("md5WithRSAEncryption"),
    "1.2.840.113549.1.1.5": Scheme("sha1WithRSAEncryption", Family.RSA, hashes.SHA1()),  # noqa: S303 - to be recognised, and refused
    "1.2.840.113549.1.1.14": Scheme("sha224WithRSAEncryption", Family.RSA, hashes.SHA224()),
    "1.2.840.113549.1.1.11": Scheme("sha256WithRSAEncryption", Family.RSA, hashes.SHA256()),
    "1.2.840.113549.1.1.12": Scheme("sha384WithRSAEncryption", Family.RSA, hashes.SHA384()),
    "1.2.840.113549.1.1.13": Scheme("sha512WithRSAEncryption", Family.RSA, hashes.SHA512()),
    "1.2.840.10045.4.1": Scheme("ecdsa-with-SHA1", Family.ECDSA, hashes.SHA1()),  # noqa: S303 - to be recognised, and refused
    "1.2.840.10045.4.3.1": Scheme("ecdsa-with-SHA224", Family.ECDSA, hashes.SHA224()),
    "1.2.840.10045.4.3.2": Scheme("ecdsa-with-SHA256", Family.ECDSA, hashes.SHA256()),
    "1.2.840.10045.4.3.3": Scheme("ecdsa-with-SHA384", Family.ECDSA, hashes.SHA384()),
    "1.2.840.10045.4.3.4": Scheme("ecdsa-with-SHA512", Family.ECDSA, hashes.SHA512()),
    "1.2.840.10040.4.3": Scheme("dsa-with-sha1", Family.DSA, hashes.SHA1()),  # noqa: S303 - to be recognised, and refused
    "2.16.840.1.101.3.4.3.1": Scheme("dsa-with-sha224", Family.DSA, hashes.SHA224()),
    "2.16.840.1.101.3.4.3.2": Scheme("dsa-with-sha256", Family.DSA, hashes.SHA256()),
    "1.3.101.112": Scheme("Ed25519", Family.ED25519),
    "1.3.101.113": Scheme("Ed448", Family.ED448),
    "2.16.840.1.101.3.4.3.17": Scheme("ML-DSA-44", Family.ML_DSA_44),
    "2.16.840.1.101.3.4.3.18": Scheme("ML-DSA-65", Family.ML_DSA_65),
    "2.16.840.1.101.3.4.3.19": Scheme("ML-DSA-87", Family.ML_DSA_87),
}


def scheme_of(certificate: x509.Certificate) -> Scheme:
    """The algorithm of the certificate's signature; one without a family when it is unknown here.

    Raises ValueError when the parameters of RSASSA-PSS cannot be read.
    """
    oid = certificate.signature_algorithm_oid.dotted_string
    if oid != _PSS_OID:
        return _SCHEMES.get(oid) or Scheme(oid)
    try:
        parameters = certificate.signature_algorithm_parameters
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        parameters, digest = None, None
    if isinstance(parameters, padding.PSS) and digest is not None:
        return Scheme(f"RSASSA-PSS with {digest.name.upper()}", Family.RSA_PSS, digest, parameters)
    return Scheme("RSASSA-PSS")


def verify(key: PublicKey, scheme: Scheme, signature: bytes, message: bytes) -> Answer:
    """Whether `key` made `signature` over `message` with `scheme`."""
    if key.usable is None or scheme.family is None:
        return Answer.UNVERIFIABLE
    if key.is_pss_only and scheme.family is not Family.RSA_PSS:
        return Answer.INVALID
    try:
        matches = _verify(key.usable, scheme, signature, message)
    except InvalidSignature:
        return Answer.INVALID
    except (UnsupportedAlgorithm, ValueError):
        # The library was built without it (a FIPS module refuses SHA-1), or it does not go with a key of this size.
        return Answer.UNVERIFIABLE
    return Answer.VALID if matches else Answer.INVALID


def _verify(key: CertificatePublicKeyTypes, scheme: Scheme, signature: bytes, message: bytes) -> bool:
    match key, scheme.family, scheme.digest:
        case rsa.RSAPublicKey(), Family.RSA, hashes.HashAlgorithm() as digest:
            key.verify(signature, message, padding.PKCS1v15(), digest)
        case rsa.RSAPublicKey(), Family.RSA_PSS, hashes.HashAlgorithm() as digest if scheme.pss is not None:
            key.verify(signature, message, scheme.pss, digest)
        case ec.EllipticCurvePublicKey(), Family.ECDSA, hashes.HashAlgorithm() as digest:
            key.verify(signature, message, ec.ECDSA(digest))
        case dsa.DSAPublicKey(), Family.DSA, hashes.HashAlgorithm() as digest:
            key.verify(signature, message, digest)
        case _:
            return _verify_own_hash(key, scheme, signature, message)
    return True


def _verify_own_hash(key: CertificatePublicKeyTypes, scheme: Scheme, signature: bytes, message: bytes) -> bool:
    # The key's kind must be the one that the algorithm names (RFC 8410 3, RFC 9881 3).
    match key, scheme.family:
        case ed25519.Ed25519PublicKey(), Family.ED25519:
            key.verify(signature, message)
        case ed448.Ed448PublicKey(), Family.ED448:
            key.verify(signature, message)
        case mldsa.MLDSA44PublicKey(), Family.ML_DSA_44:
            key.verify(signature, message)
        case mldsa.MLDSA65PublicKey(), Family.ML_DSA_65:
            key.verify(signature, message)
        case mldsa.MLDSA87PublicKey(), Family.ML_DSA_87:
            key.verify(signature, message)
        case _:
            return False
    return True
