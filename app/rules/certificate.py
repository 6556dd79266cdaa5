"""One certificate, read once and completely: past this module nobody meets an undecoded one.

The library decodes lazily and raises as late as on a property's first use. Everything is therefore read here, eagerly,
and what comes out cannot fail any more.
"""

import hashlib
import threading
import warnings
from dataclasses import dataclass
from datetime import datetime
from sys import getsizeof

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from app.errors import CertificateRejected
from app.findings import Finding, FindingCode, Severity
from app.recent import Recent
from app.rules import keys, names, signature
from app.rules.der import CertificateParts, certificate_parts, has_more_attributes
from app.rules.display import escape
from app.rules.extensions import Extensions
from app.rules.keys import PublicKey
from app.rules.names import DirectoryName, NameConstraints, Names, held
from app.rules.signature import Answer, Scheme

MAX_DER_BYTES = 16 * 1024
MAX_NAME_ATTRIBUTES = 64
CACHED_BYTES = 16 * 1024 * 1024
"""What the certificates that `parse_cached` remembers may take; a usual one takes 7 KB."""
_CACHED_SIGNATURES = 8192
_CACHED_NAME_BYTES = 1024 * 1024
_OBJECT_BYTES = 1792
"""What a certificate takes beside its names and octets, and its key."""
_KEY_BYTES = 2304
_KEY_TIMES = 5
"""What a key takes, by its length: EC P-256 2.4 KB, RSA 8192 5.2 KB, ML-DSA-87 11.5 KB, outside of Python."""


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
    def weight(self) -> int:
        """The bytes of memory that it takes, which strangers make up to 45 times its length."""
        octets = (self.der, self.tbs, self.subject, self.issuer, self.spki, self.signature)
        texts = (self.subject_text, self.issuer_text, self.subject_emails, self.subject_common_names)
        oids = (self.extension_oids, self.critical_oids, self.key_usage, self.extended_key_usage)
        constrained = 0 if self.name_constraints is None else self.name_constraints.weight
        names = held((texts, oids, self.subject_names)) + self.alternative_names.weight + constrained
        key = _KEY_BYTES + _KEY_TIMES * len(self.spki)
        return _OBJECT_BYTES + key + sum(map(len, octets)) + getsizeof(self.serial) + names

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
        # A name of thousands of attributes takes seconds to decode: count them before.
        is_long = any(has_more_attributes(name, MAX_NAME_ATTRIBUTES) for name in (parts.subject, parts.issuer))
    except ValueError:
        raise _unparseable(index) from None
    if is_long:
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


def parse_cached(der: bytes) -> ParsedCertificate:
    """`parse`, remembered for the certificates that were read last: for reading what is stored, again and again.

    Raises as `parse` does; refusals are not remembered.
    """
    known = certificates.find(der)
    if known is None:
        known = parse(der)
        certificates.keep(der, known, known.weight)
    return known


certificates: Recent[bytes, ParsedCertificate] = Recent(CACHED_BYTES)
"""What `parse_cached` remembers."""


def check_signature(certificate: ParsedCertificate, issuer: ParsedCertificate) -> Answer:
    """Whether the issuer's key made the certificate's signature. Names are not compared.

    Remembered by their fingerprints: neither of the two can change, and strangers' certificates are not to be kept.
    """
    pair = (certificate.fingerprint, issuer.fingerprint)
    known = signatures.find(pair)
    if known is not None:
        return known
    answer = signature.verify(issuer.key, certificate.scheme, certificate.signature, certificate.tbs)
    signatures.keep(pair, answer)
    return answer


signatures: Recent[tuple[bytes, bytes], Answer] = Recent(_CACHED_SIGNATURES)
"""What `check_signature` remembers."""


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
    extensions = Extensions.of(certificate.extensions)
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
        issuer_text=_issuer_text(certificate, parts.issuer),
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
        key_usage=extensions.key_usage,
        extended_key_usage=extensions.extended_key_usage,
        extension_oids=extensions.oids,
        critical_oids=extensions.critical,
        requires_explicit_policy=extensions.requires_explicit_policy,
        name_constraints=names.constraints(extensions.value(x509.NameConstraints)),
        alternative_names=names.collect(extensions.value(x509.SubjectAlternativeName) or ()),
    )


def _issuer_text(certificate: x509.Certificate, issuer: bytes) -> str:
    """Kept by the name's bytes: the devices of a fleet name few issuers, and decoding one is a tenth of the reading."""
    text = _issuer_texts.find(issuer)
    if text is None:
        text = escape(certificate.issuer.rfc4514_string())
        _issuer_texts.keep(issuer, text, getsizeof(issuer) + getsizeof(text))
    return text


_issuer_texts: Recent[bytes, str] = Recent(_CACHED_NAME_BYTES)
