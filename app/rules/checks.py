"""The checks of a decision as people are shown them: what each is called, and what is said of it where it passes.

The tables follow `leaf` and `trust` in the order of what these ask; a test holds them to every reason that they give.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique

from app.reasons import Reason
from app.rules import profile
from app.rules.certificate import ParsedCertificate
from app.rules.decision import Question
from app.rules.display import moment, quote


@unique
class Kind(StrEnum):
    """What can be checked about a certificate on a path."""

    BASIC_CONSTRAINTS = "BASIC_CONSTRAINTS"
    VERSION = "VERSION"
    KEY_USAGE = "KEY_USAGE"
    EXTENDED_KEY_USAGE = "EXTENDED_KEY_USAGE"
    SUBJECT = "SUBJECT"
    SERIAL_NUMBER = "SERIAL_NUMBER"
    EXTENSIONS = "EXTENSIONS"
    CONFORMITY = "CONFORMITY"
    DEVICE_CERTIFICATE = "DEVICE_CERTIFICATE"
    ALGORITHM = "ALGORITHM"
    VALIDITY = "VALIDITY"
    NAME_CHAINING = "NAME_CHAINING"
    SIGNATURE = "SIGNATURE"
    BLACKLIST = "BLACKLIST"
    PATH_LENGTH = "PATH_LENGTH"
    NAME_CONSTRAINTS = "NAME_CONSTRAINTS"
    ANCHOR_POLICY = "ANCHOR_POLICY"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was compared with what, and the rule's source; `reference` is None where the rule is ours."""

    kind: Kind
    passed: bool
    detail: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A certificate in its place, and what is asked."""

    certificate: ParsedCertificate
    below: tuple[ParsedCertificate, ...]
    question: Question


@dataclass(frozen=True, slots=True)
class AskedOf:
    """A check as the decision makes it: which reasons it gives, and what is said of it where it passes."""

    kind: Kind
    reasons: frozenset[Reason]
    reference: str | None
    passing: Callable[[Standing], str]


def _basic_constraints(at: Standing) -> str:
    return "a CA by its basic constraints" if at.certificate.is_ca else "no CA by its basic constraints"


def _version(at: Standing) -> str:
    return f"version {at.certificate.version}"


def _key_usage(at: Standing) -> str:
    usage = at.certificate.key_usage
    return "no key usage, so that every use is allowed" if usage is None else f"key usage {', '.join(usage)}"


def _extended_key_usage(at: Standing) -> str:
    usage = at.certificate.extended_key_usage
    if usage is None:
        return "no extended key usage, so that every purpose is allowed"
    if not profile.may_be_used_for(at.certificate, at.question.purpose):
        return "a root may issue for every purpose"
    return f"extended key usage {', '.join(usage)}, asked for {at.question.purpose}"


def _subject(at: Standing) -> str:
    return f"named {quote(at.certificate.subject_text)}"


def _serial_number(at: Standing) -> str:
    return f"serial number {at.certificate.serial:x}"


def _extensions(at: Standing) -> str:
    critical = sorted(at.certificate.critical_oids)
    return f"understood critical extensions {', '.join(critical)}" if critical else "no critical extension"


def _encoding(_: Standing) -> str:
    return "one signature algorithm in both places, key identifiers not critical"


def _names_and_version(at: Standing) -> str:
    return f"version {at.certificate.version}, issued by {quote(at.certificate.issuer_text)}"


def _device_certificate(_: Standing) -> str:
    return "no verification certificate"


def _algorithm(at: Standing) -> str:
    return f"key {at.certificate.key_description}, signature {at.certificate.signature_algorithm}"


def _validity(at: Standing) -> str:
    certificate = at.certificate
    asked = moment(at.question.at)
    return f"valid {moment(certificate.not_before)} to {moment(certificate.not_after)}, asked for {asked}"


def _path_length(at: Standing) -> str:
    limit = at.certificate.path_length
    counted = sum(below.is_ca and not below.is_self_issued for below in at.below)
    return f"{counted} CAs below it, {'any number' if limit is None else limit} allowed"


def _name_constraints(at: Standing) -> str:
    return "no constraint" if at.certificate.name_constraints is None else "every name below it is allowed"


_SERIAL = AskedOf(Kind.SERIAL_NUMBER, frozenset({Reason.SERIAL_INVALID}), "RFC 5280 4.1.2.2", _serial_number)
_ANY: tuple[AskedOf, ...] = (
    _SERIAL,
    AskedOf(
        Kind.EXTENSIONS,
        frozenset({Reason.UNSUPPORTED_CRITICAL_EXTENSION, Reason.UNSUPPORTED_POLICY_CONSTRAINT}),
        "RFC 5280 4.2",
        _extensions,
    ),
    AskedOf(Kind.CONFORMITY, frozenset({Reason.CERT_NONCONFORMING}), "RFC 5280 4.1.1.2, 4.2.1.1, 4.2.1.2", _encoding),
    AskedOf(
        Kind.ALGORITHM,
        frozenset(
            {
                Reason.KEY_TOO_WEAK,
                Reason.KEY_TOO_LARGE,
                Reason.KEY_EXPONENT_INVALID,
                Reason.KEY_TYPE_UNSUPPORTED,
                Reason.SIGNATURE_ALGORITHM_WEAK,
            }
        ),
        "NIST SP 800-57 part 1, 5.6; NIST SP 800-131A 3, 9",
        _algorithm,
    ),
)
_VALIDITY = AskedOf(
    Kind.VALIDITY,
    frozenset({Reason.CERT_EXPIRED, Reason.CERT_NOT_YET_VALID, Reason.VALIDITY_INVERTED}),
    "RFC 5280 4.1.2.5",
    _validity,
)
OF_DEVICE: tuple[AskedOf, ...] = (
    AskedOf(Kind.BASIC_CONSTRAINTS, frozenset({Reason.LEAF_IS_CA}), "RFC 5280 4.2.1.9", _basic_constraints),
    AskedOf(Kind.KEY_USAGE, frozenset({Reason.LEAF_KEY_USAGE}), "RFC 5280 4.2.1.3", _key_usage),
    AskedOf(Kind.EXTENDED_KEY_USAGE, frozenset({Reason.LEAF_EKU}), "RFC 5280 4.2.1.12", _extended_key_usage),
    AskedOf(Kind.CONFORMITY, frozenset({Reason.LEAF_NONCONFORMING}), "RFC 5280 4.1", _names_and_version),
    *_ANY,
    _VALIDITY,
    AskedOf(Kind.DEVICE_CERTIFICATE, frozenset({Reason.LEAF_IS_VERIFICATION_CERT}), None, _device_certificate),
)
"""Step 1 of a decision: `leaf.flaw`, in its order."""
OF_CA: tuple[AskedOf, ...] = (
    AskedOf(Kind.BASIC_CONSTRAINTS, frozenset({Reason.NOT_A_CA}), "RFC 5280 4.2.1.9", _basic_constraints),
    AskedOf(Kind.VERSION, frozenset({Reason.CA_VERSION_UNSUPPORTED}), "RFC 5280 4.1.2.1, 6.1.4 (k)", _version),
    AskedOf(Kind.KEY_USAGE, frozenset({Reason.CA_KEY_USAGE}), "RFC 5280 4.2.1.3", _key_usage),
    AskedOf(Kind.SUBJECT, frozenset({Reason.SUBJECT_EMPTY}), "RFC 5280 4.1.2.6", _subject),
    *_ANY,
    AskedOf(Kind.EXTENDED_KEY_USAGE, frozenset({Reason.CA_EKU}), "RFC 5280 4.2.1.12", _extended_key_usage),
    _VALIDITY,
    AskedOf(
        Kind.PATH_LENGTH,
        frozenset({Reason.PATH_TOO_COMPLEX, Reason.PATHLEN_EXCEEDED}),
        "RFC 5280 4.2.1.9",
        _path_length,
    ),
    AskedOf(
        Kind.NAME_CONSTRAINTS,
        frozenset(
            {
                Reason.NAME_CONSTRAINT_VIOLATION,
                Reason.NAME_CONSTRAINT_UNSUPPORTED,
                Reason.NAME_CONSTRAINT_BUDGET,
            }
        ),
        "RFC 5280 4.2.1.10",
        _name_constraints,
    ),
)
"""Step 5: what the search asks of each CA, in its order."""
