"""What a certificate must look like to be trusted as a CA here: the rules as data, each with its source.

A rule looks at one certificate. Order among certificates is `chain`, limits that one CA sets for those below it are
`path`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, unique
from sys import getsizeof
from typing import TypeAlias

from app.findings import Finding, FindingCode, Severity
from app.recent import Recent
from app.rules.certificate import ParsedCertificate
from app.rules.display import moment
from app.rules.keys import EXPONENT_USUAL, Flaw

EXPIRES_SOON = timedelta(days=90)
_SECOND = timedelta(seconds=1)
LASTING_BYTES = 4 * 1024 * 1024
"""What is remembered of CAs may take; 512 bytes where there is nothing to be said."""
_CA_BYTES = 512
_FINDING_BYTES = 256
_SERIAL_OCTETS = 20
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
"""What a device's certificate is for (RFC 5280 4.2.1.12)."""
_ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0"

Flaws: TypeAlias = Iterator[Flaw]

WARNINGS = frozenset(
    {
        FindingCode.KEY_USAGE_MISSING,
        FindingCode.SERIAL_ZERO,
        FindingCode.ROOT_SHA1_SELF_SIGNATURE,
        FindingCode.RSA_SMALL_EXPONENT,
        FindingCode.BASIC_CONSTRAINTS_NOT_CRITICAL,
        FindingCode.NOT_YET_VALID,
        FindingCode.EXPIRES_SOON,
    }
)
"""What is said and never refuses."""


@unique
class Place(Enum):
    """Where in its chain a certificate stands."""

    ROOT = "root"
    """At the end, self-signed."""
    BELOW_ROOT = "below root"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that holds or not whatever the time: the codes it may give, its source, and the check."""

    codes: tuple[FindingCode, ...]
    reference: str
    check: Callable[[ParsedCertificate, Place], Flaws]


@dataclass(frozen=True, slots=True)
class DateRule:
    """A rule about an instant: the codes it may give, its source, and the check."""

    codes: tuple[FindingCode, ...]
    reference: str
    check: Callable[[ParsedCertificate, datetime], Flaws]


def _version_3(certificate: ParsedCertificate, _: Place) -> Flaws:
    if certificate.version != 3:
        message = f"This is a version {certificate.version} certificate; a CA needs version 3."
        yield FindingCode.CA_VERSION_UNSUPPORTED, message


def _may_sign_certificates(certificate: ParsedCertificate, _: Place) -> Flaws:
    if certificate.key_usage is None:
        yield FindingCode.KEY_USAGE_MISSING, "The certificate does not say what its key is for."
    elif "keyCertSign" not in certificate.key_usage:
        yield FindingCode.CA_KEY_USAGE, "The key usage does not allow the key to sign certificates (keyCertSign)."


def _basic_constraints_critical(certificate: ParsedCertificate, _: Place) -> Flaws:
    if certificate.is_ca and not certificate.basic_constraints_critical:
        yield FindingCode.BASIC_CONSTRAINTS_NOT_CRITICAL, "The basic constraints are not marked critical."


def _named(certificate: ParsedCertificate, _: Place) -> Flaws:
    if certificate.has_empty_subject:
        yield FindingCode.SUBJECT_EMPTY, "The subject is empty; a CA needs a name."


def _serial_number(certificate: ParsedCertificate, _: Place) -> Flaws:
    if certificate.serial < 0:
        yield FindingCode.SERIAL_INVALID, "The serial number is negative."
    elif certificate.serial_octets > _SERIAL_OCTETS:
        message = f"The serial number has {certificate.serial_octets} octets; at most {_SERIAL_OCTETS} are allowed."
        yield FindingCode.SERIAL_INVALID, message
    elif certificate.serial == 0:
        yield FindingCode.SERIAL_ZERO, "The serial number is zero."


_AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
_SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
_POLICY_CONSTRAINTS = "2.5.29.36"
_UNDERSTOOD = frozenset(
    {
        "2.5.29.19",  # basicConstraints
        "2.5.29.15",  # keyUsage
        "2.5.29.37",  # extKeyUsage
        "2.5.29.17",  # subjectAltName
        "2.5.29.30",  # nameConstraints
        "2.5.29.32",  # certificatePolicies
    }
)


def _critical_extensions(certificate: ParsedCertificate, _: Place) -> Flaws:
    said_elsewhere = {_AUTHORITY_KEY_IDENTIFIER, _SUBJECT_KEY_IDENTIFIER}
    if certificate.requires_explicit_policy:
        said_elsewhere.add(_POLICY_CONSTRAINTS)
    for oid in sorted(certificate.critical_oids - _UNDERSTOOD - said_elsewhere):
        message = f"The extension {oid} is critical, and is not understood here."
        yield FindingCode.UNSUPPORTED_CRITICAL_EXTENSION, message


def _no_explicit_policy(certificate: ParsedCertificate, _: Place) -> Flaws:
    # Policies are not evaluated: a CA that requires one would be trusted for more than it says.
    if certificate.requires_explicit_policy:
        message = "The certificate requires an explicit policy; policies are not evaluated here."
        yield FindingCode.UNSUPPORTED_POLICY_CONSTRAINT, message


def _key_identifiers_not_critical(certificate: ParsedCertificate, _: Place) -> Flaws:
    if _AUTHORITY_KEY_IDENTIFIER in certificate.critical_oids:
        yield FindingCode.CERT_NONCONFORMING, "The authority key identifier is marked critical, which it must not be."
    if _SUBJECT_KEY_IDENTIFIER in certificate.critical_oids:
        yield FindingCode.CERT_NONCONFORMING, "The subject key identifier is marked critical, which it must not be."


def _algorithms_agree(certificate: ParsedCertificate, _: Place) -> Flaws:
    # The outer algorithm is not covered by the signature: another one would let anybody choose how it is verified.
    if not certificate.algorithms_agree:
        yield FindingCode.CERT_NONCONFORMING, "The two places that name the signature's algorithm differ."


def _may_issue_for_clients(certificate: ParsedCertificate, place: Place) -> Flaws:
    if not may_issue_for(certificate, place, CLIENT_AUTH):
        yield FindingCode.CA_EKU, "The extended key usage does not allow certificates for TLS clients (clientAuth)."


def may_issue_for(certificate: ParsedCertificate, place: Place, purpose: str) -> bool:
    """Whether a CA's extended key usage lets it issue for this purpose (an OID). A root may issue for all."""
    return place is Place.ROOT or may_be_used_for(certificate, purpose)


def may_be_used_for(certificate: ParsedCertificate, purpose: str) -> bool:
    """Whether the extended key usage, where there is one, names this purpose (an OID) or any."""
    usages = certificate.extended_key_usage
    return usages is None or purpose in usages or _ANY_EXTENDED_KEY_USAGE in usages


def _key(certificate: ParsedCertificate, _: Place) -> Flaws:
    if certificate.key.flaw is not None:
        yield certificate.key.flaw
    if certificate.key.has_small_exponent:
        message = f"The RSA key's public exponent is below {EXPONENT_USUAL}."
        yield FindingCode.RSA_SMALL_EXPONENT, message


def _signature_algorithm(certificate: ParsedCertificate, place: Place) -> Flaws:
    if certificate.scheme.is_strong:
        return
    # Nobody relies on a root's signature on itself: it is trusted because somebody uploaded it.
    if place is Place.ROOT and certificate.scheme.is_rsa_sha1:
        yield FindingCode.ROOT_SHA1_SELF_SIGNATURE, "The root signs itself with SHA-1."
        return
    message = f"The signature is made with {certificate.signature_algorithm}, which is not accepted."
    yield FindingCode.SIGNATURE_ALGORITHM_WEAK, message


ANY_CERTIFICATE: tuple[Rule, ...] = (
    Rule((FindingCode.SERIAL_INVALID, FindingCode.SERIAL_ZERO), "RFC 5280 4.1.2.2", _serial_number),
    Rule((FindingCode.UNSUPPORTED_CRITICAL_EXTENSION,), "RFC 5280 4.2", _critical_extensions),
    Rule((FindingCode.UNSUPPORTED_POLICY_CONSTRAINT,), "RFC 5280 4.2.1.11", _no_explicit_policy),
    Rule((FindingCode.CERT_NONCONFORMING,), "RFC 5280 4.2.1.1, 4.2.1.2", _key_identifiers_not_critical),
    Rule((FindingCode.CERT_NONCONFORMING,), "RFC 5280 4.1.1.2", _algorithms_agree),
    Rule(
        (
            FindingCode.KEY_TOO_WEAK,
            FindingCode.KEY_TOO_LARGE,
            FindingCode.KEY_EXPONENT_INVALID,
            FindingCode.KEY_TYPE_UNSUPPORTED,
            FindingCode.RSA_SMALL_EXPONENT,
        ),
        "NIST SP 800-57 part 1, 5.6; FIPS 186-5",
        _key,
    ),
    Rule(
        (FindingCode.SIGNATURE_ALGORITHM_WEAK, FindingCode.ROOT_SHA1_SELF_SIGNATURE),
        "NIST SP 800-131A 3, 9",
        _signature_algorithm,
    ),
)
"""What holds for a device's certificate as for a CA's."""

ANY_CA: tuple[Rule, ...] = (
    Rule((FindingCode.CA_VERSION_UNSUPPORTED,), "RFC 5280 4.1.2.1, 6.1.4 (k)", _version_3),
    Rule((FindingCode.CA_KEY_USAGE, FindingCode.KEY_USAGE_MISSING), "RFC 5280 4.2.1.3", _may_sign_certificates),
    Rule((FindingCode.BASIC_CONSTRAINTS_NOT_CRITICAL,), "RFC 5280 4.2.1.9", _basic_constraints_critical),
    Rule((FindingCode.SUBJECT_EMPTY,), "RFC 5280 4.1.2.6", _named),
    *ANY_CERTIFICATE,
)
"""What every CA on a path must be like, whatever the path is for."""

_FOR_CLIENTS = Rule((FindingCode.CA_EKU,), "RFC 5280 4.2.1.12", _may_issue_for_clients)
TRUSTED_CA: tuple[Rule, ...] = (*ANY_CA, _FOR_CLIENTS)


def _dates(certificate: ParsedCertificate, at: datetime) -> Flaws:
    # Both ends belong to the period, and notAfter names a whole second: what lies within that second is not past it.
    # Subtract, never add: notAfter may be the last instant there is.
    if at - certificate.not_after >= _SECOND:
        yield FindingCode.CERT_EXPIRED, f"The certificate expired at {moment(certificate.not_after)}."
    elif at < certificate.not_before:
        yield FindingCode.NOT_YET_VALID, f"The certificate is valid from {moment(certificate.not_before)} only."
    elif certificate.not_after - at <= EXPIRES_SOON:
        yield FindingCode.EXPIRES_SOON, f"The certificate expires at {moment(certificate.not_after)}."


def _dates_in_order(certificate: ParsedCertificate, _: datetime) -> Flaws:
    if certificate.not_after < certificate.not_before:
        yield FindingCode.VALIDITY_INVERTED, "The certificate ends before it begins."


# In this order: what ends before it begins is, at any instant, also expired or not valid yet.
VALIDITY: tuple[DateRule, ...] = (
    DateRule((FindingCode.VALIDITY_INVERTED,), "RFC 5280 4.1.2.5", _dates_in_order),
    DateRule(
        (FindingCode.CERT_EXPIRED, FindingCode.NOT_YET_VALID, FindingCode.EXPIRES_SOON), "RFC 5280 4.1.2.5", _dates
    ),
)


def lasting(certificate: ParsedCertificate, place: Place) -> tuple[Finding, ...]:
    """What TRUSTED_CA says about a certificate, without an index."""
    return (*lasting_of_any_ca(certificate, place), *_said((_FOR_CLIENTS,), certificate, place))


def lasting_of_any_ca(certificate: ParsedCertificate, place: Place) -> tuple[Finding, ...]:
    """What ANY_CA says about a certificate, without an index. Remembered by its fingerprint: it cannot change."""
    asked = (certificate.fingerprint, place)
    said = of_cas.find(asked)
    if said is None:
        said = tuple(_said(ANY_CA, certificate, place))
        of_cas.keep(asked, said, _CA_BYTES + sum(_FINDING_BYTES + getsizeof(each.message) for each in said))
    return said


of_cas: Recent[tuple[bytes, Place], tuple[Finding, ...]] = Recent(LASTING_BYTES)
"""What `lasting_of_any_ca` remembers."""


def lasting_of_any(certificate: ParsedCertificate) -> Iterator[Finding]:
    """What ANY_CERTIFICATE says about one that is no root, without an index."""
    return _said(ANY_CERTIFICATE, certificate, Place.BELOW_ROOT)


def dated(certificate: ParsedCertificate, *, at: datetime) -> tuple[Finding, ...]:
    """What VALIDITY says about a certificate at an instant, without an index."""
    return tuple(_finding(flaw, rule.reference) for rule in VALIDITY for flaw in rule.check(certificate, at))


def examine(certificate: ParsedCertificate, place: Place, *, at: datetime, index: int) -> tuple[Finding, ...]:
    """Everything that can be said about one CA certificate by itself, in the order of the rules."""
    found = (*lasting(certificate, place), *dated(certificate, at=at))
    return tuple(replace(finding, index=index) for finding in found)


def _said(rules: tuple[Rule, ...], certificate: ParsedCertificate, place: Place) -> Iterator[Finding]:
    return (_finding(flaw, rule.reference) for rule in rules for flaw in rule.check(certificate, place))


def _finding(flaw: Flaw, reference: str) -> Finding:
    code, message = flaw
    return Finding(Severity.WARNING if code in WARNINGS else Severity.ERROR, code, message, None, reference)
