"""One certificate, read once and completely: past this module nobody meets an undecoded one.

The library decodes lazily and raises as late as on a property's first use. Everything is therefore read here, eagerly,
and what comes out cannot fail any more.
"""

import hashlib
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from app.errors import CertificateRejected
from app.findings import Finding, FindingCode, Severity
from app.rules import keys, names, signature
from app.rules.der import CertificateParts, certificate_parts
from app.rules.display import escape
from app.rules.keys import PublicKey
from app.rules.names import DirectoryName, Names
from app.rules.signature import Answer, Scheme

MAX_DER_BYTES = 16 * 1024
MAX_NAME_ATTRIBUTES = 64
_CACHED_CERTIFICATES = 2048
_CACHED_SIGNATURES = 8192

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_KEY_USAGES = (  # RFC 5280 4.2.1.3, in the order of the bits.
    ("digitalSignature", "digital_signature"),
    ("nonRepudiation", "content_commitment"),
    ("keyEncipherment", "key_encipherment"),
    ("dataEncipherment", "data_encipherment"),
    ("keyAgreement", "key_agreement"),
    ("keyCertSign", "key_cert_sign"),
    ("cRLSign", "crl_sign"),
)
_ONLY_WITH_KEY_AGREEMENT = (("encipherOnly", "encipher_only"), ("decipherOnly", "decipher_only"))


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """The subtrees of RFC 5280 4.2.1.10."""

    permitted: Names
    excluded: Names


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ParsedCertificate:
    """Everything that a rule or a reader may ask of a certificate.

    `subject`, `issuer` and `spki` are the certificate's own bytes: compare these. The texts are RFC 4514, escaped for
    display. `fingerprint` and `spki_fingerprint` are SHA-256. `version` is 1 to 3. The instants are aware, in UTC, and
    reach to the year 9999: subtract, never add. `key_usage` and `extended_key_usage` are None when the extension is
    absent. `path_length` is None when unlimited. Two are equal when their DER is.
    """

    der: bytes
    fingerprint: bytes
    subject: bytes
    subject_text: str
    subject_names: DirectoryName
    subject_emails: tuple[str, ...]
    subject_common_names: tuple[str, ...]
    issuer: bytes
    issuer_text: str
    serial: int
    serial_octets: int
    version: int
    not_before: datetime
    not_after: datetime
    spki: bytes
    spki_fingerprint: bytes
    key: PublicKey
    scheme: Scheme
    algorithms_agree: bool
    signature: bytes
    tbs: bytes
    has_basic_constraints: bool
    basic_constraints_critical: bool
    is_ca: bool
    path_length: int | None
    key_usage: tuple[str, ...] | None
    extended_key_usage: tuple[str, ...] | None
    extension_oids: frozenset[str]
    critical_oids: frozenset[str]
    requires_explicit_policy: bool
    name_constraints: NameConstraints | None
    alternative_names: Names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParsedCertificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<ParsedCertificate {self.fingerprint.hex()[:16]}>"

    @property
    def authority(self) -> tuple[bytes, bytes]:
        """Name and key: what identifies a CA across its certificates, where a fingerprint does not."""
        return self.subject, self.spki

    @property
    def is_self_issued(self) -> bool:
        """Issuer and subject are the same name, whoever signed (RFC 5280 3.2)."""
        return self.subject == self.issuer

    @property
    def is_self_signed(self) -> bool:
        """Its own key made its signature, and it names itself as the issuer."""
        return self.is_self_issued and check_signature(self, self) is Answer.VALID

    @property
    def has_empty_subject(self) -> bool:
        """The subject is a sequence of nothing."""
        return not self.subject_names

    @property
    def key_description(self) -> str:
        """The key for people: `EC P-256`, `RSA 3072`, `Ed25519`."""
        return self.key.description

    @property
    def signature_algorithm(self) -> str:
        """The signature's algorithm by its RFC's name: `ecdsa-with-SHA256`."""
        return self.scheme.name


def parse(der: bytes, *, index: int | None = None) -> ParsedCertificate:
    """Read one DER certificate. `index` is its place in the input, for the finding.

    Raises CertificateRejected: CERT_TOO_LARGE over 16 KiB or 64 attributes in a name, CERT_UNPARSEABLE for what
    is no certificate or holds a part that cannot be decoded.
    """
    if len(der) > MAX_DER_BYTES:
        raise _rejected(FindingCode.CERT_TOO_LARGE, "A certificate may have at most 16 KiB.", index)
    try:
        parts = certificate_parts(der)
    except ValueError:
        raise _unparseable(index) from None
    # A name of thousands of attributes takes seconds to decode: count them before.
    if max(parts.subject_attributes, parts.issuer_attributes) > MAX_NAME_ATTRIBUTES:
        message = f"A name in a certificate may have at most {MAX_NAME_ATTRIBUTES} attributes."
        raise _rejected(FindingCode.CERT_TOO_LARGE, message, index)
    # The only place below the outermost border that catches Exception. The library raises ValueError and TypeError,
    # but also InvalidVersion, DuplicateExtension, UnsupportedGeneralNameType and UnsupportedAlgorithm, which derive
    # from Exception itself, from whichever property meets the defect first; a list of them would miss the next one.
    # Whatever it was, the bytes are no certificate that can be understood.
    try:
        with _quietly():
            return _read(der, parts)
    except Exception:  # noqa: BLE001
        raise _unparseable(index) from None


@lru_cache(maxsize=_CACHED_CERTIFICATES)
def parse_cached(der: bytes) -> ParsedCertificate:
    """`parse`, remembered for the last 2048 certificates: for reading what is stored, again and again.

    Raises as `parse` does; refusals are not remembered.
    """
    return parse(der)


@lru_cache(maxsize=_CACHED_SIGNATURES)
def check_signature(certificate: ParsedCertificate, issuer: ParsedCertificate) -> Answer:
    """Whether the issuer's key made the certificate's signature. Names are not compared.

    Remembered: neither of the two can change.
    """
    if issuer.key.usable is None:
        return Answer.UNVERIFIABLE
    return signature.verify(issuer.key.usable, certificate.scheme, certificate.signature, certificate.tbs)


def _rejected(code: FindingCode, message: str, index: int | None) -> CertificateRejected:
    return CertificateRejected((Finding(Severity.ERROR, code, message, index),))


def _unparseable(index: int | None) -> CertificateRejected:
    message = "This is no X.509 certificate, or a part of it is malformed."
    finding = Finding(Severity.ERROR, FindingCode.CERT_UNPARSEABLE, message, index, "RFC 5280 4.1")
    return CertificateRejected((finding,))


_warnings_lock = threading.Lock()


class _quietly:  # noqa: N801 - reads as a statement
    """Silence the library's warnings: what matters in them is said here as findings.

    It warns about serial numbers of zero, country names of the wrong length and odd policy texts.
    `catch_warnings` swaps global state; the lock keeps two threads from restoring each other's.
    """

    def __enter__(self) -> None:
        _warnings_lock.acquire()
        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        warnings.simplefilter("ignore", UserWarning)

    def __exit__(self, *_: object) -> None:
        self._caught.__exit__(None, None, None)
        _warnings_lock.release()


def _read(der: bytes, parts: CertificateParts) -> ParsedCertificate:
    certificate = x509.load_der_x509_certificate(der)
    extensions = _Extensions.of(certificate.extensions)
    subject = certificate.subject
    constraints = extensions.value(x509.BasicConstraints)
    return ParsedCertificate(
        der=der,
        fingerprint=hashlib.sha256(der).digest(),
        subject=parts.subject,
        subject_text=escape(subject.rfc4514_string()),
        subject_names=names.directory_name(subject),
        subject_emails=names.subject_emails(subject),
        subject_common_names=names.common_names(subject),
        issuer=parts.issuer,
        issuer_text=escape(certificate.issuer.rfc4514_string()),
        serial=parts.serial,
        serial_octets=parts.serial_octets,
        version=parts.version,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        spki=parts.spki,
        spki_fingerprint=hashlib.sha256(parts.spki).digest(),
        key=keys.read(certificate, parts.spki),
        scheme=signature.scheme_of(certificate),
        algorithms_agree=parts.inner_algorithm == parts.outer_algorithm,
        signature=certificate.signature,
        tbs=certificate.tbs_certificate_bytes,
        has_basic_constraints=constraints is not None,
        basic_constraints_critical=ExtensionOID.BASIC_CONSTRAINTS.dotted_string in extensions.critical,
        is_ca=constraints is not None and constraints.ca,
        path_length=constraints.path_length if constraints is not None else None,
        key_usage=_key_usage(extensions.value(x509.KeyUsage)),
        extended_key_usage=_extended_key_usage(extensions.value(x509.ExtendedKeyUsage)),
        extension_oids=extensions.oids,
        critical_oids=extensions.critical,
        requires_explicit_policy=_requires_explicit_policy(extensions.value(x509.PolicyConstraints)),
        name_constraints=_name_constraints(extensions.value(x509.NameConstraints)),
        alternative_names=names.collect(extensions.value(x509.SubjectAlternativeName) or ()),
    )


@dataclass(frozen=True, slots=True)
class _Extensions:
    """Extensions in one pass: their OIDs, and the values by their kinds, of which none stands there twice."""

    oids: frozenset[str]
    critical: frozenset[str]
    _values: Mapping[type, x509.ExtensionType]

    @classmethod
    def of(cls, extensions: x509.Extensions) -> "_Extensions":
        found = [(extension.oid.dotted_string, extension.critical, extension.value) for extension in extensions]
        return cls(
            frozenset(oid for oid, _, _ in found),
            frozenset(oid for oid, critical, _ in found if critical),
            {type(value): value for _, _, value in found},
        )

    def value(self, kind: type[_Extension]) -> _Extension | None:
        value = self._values.get(kind)
        return value if isinstance(value, kind) else None


def _key_usage(usage: x509.KeyUsage | None) -> tuple[str, ...] | None:
    if usage is None:
        return None
    bits = _KEY_USAGES + (_ONLY_WITH_KEY_AGREEMENT if usage.key_agreement else ())
    return tuple(name for name, attribute in bits if getattr(usage, attribute))


def _extended_key_usage(usage: x509.ExtendedKeyUsage | None) -> tuple[str, ...] | None:
    return None if usage is None else tuple(oid.dotted_string for oid in usage)


def _requires_explicit_policy(constraints: x509.PolicyConstraints | None) -> bool:
    return constraints is not None and constraints.require_explicit_policy is not None


def _name_constraints(constraints: x509.NameConstraints | None) -> NameConstraints | None:
    if constraints is None:
        return None
    return NameConstraints(
        permitted=names.collect(constraints.permitted_subtrees or ()),
        excluded=names.collect(constraints.excluded_subtrees or ()),
    )
