"""What can be found in a certificate or a chain: known to every layer, knows none."""

from dataclasses import dataclass
from enum import StrEnum, unique


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """The certificate cannot be trusted."""
    WARNING = "warning"
    """It can, but someone should look."""


@unique
class FindingCode(StrEnum):
    """Stable names; a code is never reused for another meaning."""

    # Refusals, in the order in which the rules are asked.
    PRIVATE_KEY_PRESENT = "PRIVATE_KEY_PRESENT"
    INPUT_EMPTY = "INPUT_EMPTY"
    INPUT_TOO_LARGE = "INPUT_TOO_LARGE"
    NOT_PEM = "NOT_PEM"
    PEM_MALFORMED = "PEM_MALFORMED"
    PEM_UNEXPECTED_BLOCK = "PEM_UNEXPECTED_BLOCK"
    TOO_MANY_CERTIFICATES = "TOO_MANY_CERTIFICATES"
    CERT_TOO_LARGE = "CERT_TOO_LARGE"
    CERT_UNPARSEABLE = "CERT_UNPARSEABLE"
    LEAF_IN_CHAIN = "LEAF_IN_CHAIN"
    NOT_A_CA = "NOT_A_CA"
    CHAIN_INCOMPLETE = "CHAIN_INCOMPLETE"
    CHAIN_MULTIPLE_ROOTS = "CHAIN_MULTIPLE_ROOTS"
    CHAIN_AMBIGUOUS = "CHAIN_AMBIGUOUS"
    CHAIN_BRANCHED = "CHAIN_BRANCHED"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    CA_VERSION_UNSUPPORTED = "CA_VERSION_UNSUPPORTED"
    CA_KEY_USAGE = "CA_KEY_USAGE"
    SUBJECT_EMPTY = "SUBJECT_EMPTY"
    SERIAL_INVALID = "SERIAL_INVALID"
    UNSUPPORTED_CRITICAL_EXTENSION = "UNSUPPORTED_CRITICAL_EXTENSION"
    UNSUPPORTED_POLICY_CONSTRAINT = "UNSUPPORTED_POLICY_CONSTRAINT"
    CERT_NONCONFORMING = "CERT_NONCONFORMING"
    CA_EKU = "CA_EKU"
    KEY_TOO_WEAK = "KEY_TOO_WEAK"
    KEY_TOO_LARGE = "KEY_TOO_LARGE"
    KEY_EXPONENT_INVALID = "KEY_EXPONENT_INVALID"
    KEY_TYPE_UNSUPPORTED = "KEY_TYPE_UNSUPPORTED"
    SIGNATURE_ALGORITHM_WEAK = "SIGNATURE_ALGORITHM_WEAK"
    CERT_EXPIRED = "CERT_EXPIRED"
    VALIDITY_INVERTED = "VALIDITY_INVERTED"
    PATHLEN_EXCEEDED = "PATHLEN_EXCEEDED"
    NAME_CONSTRAINT_VIOLATION = "NAME_CONSTRAINT_VIOLATION"
    NAME_CONSTRAINT_UNSUPPORTED = "NAME_CONSTRAINT_UNSUPPORTED"
    NAME_CONSTRAINT_BUDGET = "NAME_CONSTRAINT_BUDGET"
    USAGE_SERVICE_MISMATCH = "USAGE_SERVICE_MISMATCH"

    # Warnings: shown, never a refusal.
    DUPLICATE_IGNORED = "DUPLICATE_IGNORED"
    ORDER_NORMALISED = "ORDER_NORMALISED"
    KEY_USAGE_MISSING = "KEY_USAGE_MISSING"
    SERIAL_ZERO = "SERIAL_ZERO"
    ROOT_SHA1_SELF_SIGNATURE = "ROOT_SHA1_SELF_SIGNATURE"
    RSA_SMALL_EXPONENT = "RSA_SMALL_EXPONENT"
    BASIC_CONSTRAINTS_NOT_CRITICAL = "BASIC_CONSTRAINTS_NOT_CRITICAL"
    NOT_YET_VALID = "NOT_YET_VALID"
    EXPIRES_SOON = "EXPIRES_SOON"
    SAME_KEY_AS = "SAME_KEY_AS"
    UNUSED = "UNUSED"
    BLOCKED_BY = "BLOCKED_BY"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in a certificate or a chain.

    `message` is one English sentence for people; names from certificates stand in it escaped.
    `index` counts certificates from 0, in the order of the text that was examined; None for the whole.
    `reference` cites the rule, for example `RFC 5280 4.2.1.9`; None where it is ours.
    """

    severity: Severity
    code: FindingCode
    message: str
    index: int | None = None
    reference: str | None = None


@unique
class ProofFlaw(StrEnum):
    """What can be wrong with a proof of possession: stable names, in the order in which they are looked for."""

    POP_CHALLENGE_EXPIRED = "POP_CHALLENGE_EXPIRED"
    POP_SIGNATURE_MALFORMED = "POP_SIGNATURE_MALFORMED"
    POP_SIGNATURE_INVALID = "POP_SIGNATURE_INVALID"
    POP_CERT_COUNT = "POP_CERT_COUNT"
    POP_CERT_WRONG_ISSUER = "POP_CERT_WRONG_ISSUER"
    POP_CERT_SIGNATURE_INVALID = "POP_CERT_SIGNATURE_INVALID"
    POP_CERT_IS_CA = "POP_CERT_IS_CA"
    POP_CODE_MISMATCH = "POP_CODE_MISMATCH"
    POP_CERT_EXPIRED = "POP_CERT_EXPIRED"
