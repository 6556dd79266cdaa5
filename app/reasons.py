"""Why a device is let in, or is not: known to every layer, knows none."""

from enum import StrEnum, unique


@unique
class Reason(StrEnum):
    """Stable names; one is never reused for another meaning.

    Those that a certificate at fault gives are spelled as in `FindingCode`: the same flaw has the same name in an
    upload and in a decision.
    """

    TRUSTED = "TRUSTED"
    """A valid path ends in a CA that the account trusts for this service. The only one that lets a device in."""

    # What was presented cannot be read.
    INPUT_EMPTY = "INPUT_EMPTY"
    INPUT_TOO_LARGE = "INPUT_TOO_LARGE"
    NOT_PEM = "NOT_PEM"
    PEM_MALFORMED = "PEM_MALFORMED"
    PEM_UNEXPECTED_BLOCK = "PEM_UNEXPECTED_BLOCK"
    PRIVATE_KEY_PRESENT = "PRIVATE_KEY_PRESENT"
    TOO_MANY_CERTIFICATES = "TOO_MANY_CERTIFICATES"
    CERT_TOO_LARGE = "CERT_TOO_LARGE"
    CERT_UNPARSEABLE = "CERT_UNPARSEABLE"
    ENDPOINT_NAME_INVALID = "ENDPOINT_NAME_INVALID"

    # The device's own certificate.
    LEAF_IS_CA = "LEAF_IS_CA"
    LEAF_KEY_USAGE = "LEAF_KEY_USAGE"
    LEAF_EKU = "LEAF_EKU"
    LEAF_NONCONFORMING = "LEAF_NONCONFORMING"
    LEAF_IS_VERIFICATION_CERT = "LEAF_IS_VERIFICATION_CERT"

    # The account's decisions.
    BLACKLISTED = "BLACKLISTED"
    """A blacklisted CA stands above the device, on whichever path and of whichever service."""
    WRONG_SERVICE = "WRONG_SERVICE"
    POSSESSION_PENDING = "POSSESSION_PENDING"
    NO_TRUST_PATH = "NO_TRUST_PATH"
    NOT_ENROLLED = "NOT_ENROLLED"
    """The trusting record is of the usage ENROLLMENT, and the account has not claimed this device, or not first."""
    DEVICE_SUSPENDED = "DEVICE_SUSPENDED"

    # Every path is broken: the first flaw.
    NOT_A_CA = "NOT_A_CA"
    CA_VERSION_UNSUPPORTED = "CA_VERSION_UNSUPPORTED"
    CA_KEY_USAGE = "CA_KEY_USAGE"
    CA_EKU = "CA_EKU"
    SUBJECT_EMPTY = "SUBJECT_EMPTY"
    SERIAL_INVALID = "SERIAL_INVALID"
    UNSUPPORTED_CRITICAL_EXTENSION = "UNSUPPORTED_CRITICAL_EXTENSION"
    UNSUPPORTED_POLICY_CONSTRAINT = "UNSUPPORTED_POLICY_CONSTRAINT"
    CERT_NONCONFORMING = "CERT_NONCONFORMING"
    KEY_TOO_WEAK = "KEY_TOO_WEAK"
    KEY_TOO_LARGE = "KEY_TOO_LARGE"
    KEY_EXPONENT_INVALID = "KEY_EXPONENT_INVALID"
    KEY_TYPE_UNSUPPORTED = "KEY_TYPE_UNSUPPORTED"
    SIGNATURE_ALGORITHM_WEAK = "SIGNATURE_ALGORITHM_WEAK"
    CERT_EXPIRED = "CERT_EXPIRED"
    CERT_NOT_YET_VALID = "CERT_NOT_YET_VALID"
    VALIDITY_INVERTED = "VALIDITY_INVERTED"
    PATHLEN_EXCEEDED = "PATHLEN_EXCEEDED"
    NAME_CONSTRAINT_VIOLATION = "NAME_CONSTRAINT_VIOLATION"
    NAME_CONSTRAINT_UNSUPPORTED = "NAME_CONSTRAINT_UNSUPPORTED"
    NAME_CONSTRAINT_BUDGET = "NAME_CONSTRAINT_BUDGET"

    PATH_TOO_COMPLEX = "PATH_TOO_COMPLEX"
    """Deciding would take more signature checks, steps or certificates than are spent on one device."""
    STATE_UNKNOWN = "STATE_UNKNOWN"
    """What the account trusts cannot be read now, and what was last known is too old to decide with."""
