"""The enums of devices and trust decisions, each value described."""

from enum import StrEnum, unique

from app.reasons import Reason
from app.rules.checks import Kind
from app.rules.explanation import Place
from app.terms import DeviceStatus
from app.transport.graphql.described import enumeration


@unique
class TrustOutcome(StrEnum):
    """Whether a device gets in."""

    ALLOWED = "ALLOWED"
    DENIED = "DENIED"


REASON_DESCRIPTIONS: dict[Reason, str] = {
    Reason.TRUSTED: "A valid path ends in a certificate that the account trusts for this service: it gets in.",
    Reason.INPUT_EMPTY: "There is no certificate.",
    Reason.INPUT_TOO_LARGE: "The text is longer than 64 KiB.",
    Reason.NOT_PEM: "The text is not PEM.",
    Reason.PEM_MALFORMED: "A PEM block does not begin, end or decode as it should.",
    Reason.PEM_UNEXPECTED_BLOCK: "A PEM block holds something other than a certificate.",
    Reason.PRIVATE_KEY_PRESENT: "The input holds a private key. It was dropped; treat the key as compromised.",
    Reason.TOO_MANY_CERTIFICATES: "There are more than 10 certificates.",
    Reason.CERT_TOO_LARGE: "A certificate is larger than 16 KiB, or a name in it has more than 64 attributes.",
    Reason.CERT_UNPARSEABLE: "The bytes are no X.509 certificate, or a part of it is malformed.",
    Reason.ENDPOINT_NAME_INVALID: "The endpoint name is empty, longer than 255 characters, or has invisible ones.",
    Reason.LEAF_IS_CA: "The device presents a CA certificate as its own.",
    Reason.LEAF_KEY_USAGE: "The key usage of the device's certificate is not one for devices.",
    Reason.LEAF_EKU: "The extended key usage of the device's certificate does not allow client authentication.",
    Reason.LEAF_NONCONFORMING: "The device's certificate breaks the profile of RFC 5280.",
    Reason.LEAF_IS_VERIFICATION_CERT: "It is a verification certificate, which proves possession of a CA's key.",
    Reason.BLACKLISTED: "A blacklisted CA stands above the device, on whichever path and of whichever service.",
    Reason.WRONG_SERVICE: "A path ends in a certificate that the account trusts, for the other service.",
    Reason.POSSESSION_PENDING: "A path ends in a certificate whose possession is not proven yet.",
    Reason.NO_TRUST_PATH: "No path ends in a certificate that the account trusts.",
    Reason.NOT_ENROLLED: "The certificate is for enrollment, and the account has not claimed this device, or another"
    " account claimed it first.",
    Reason.DEVICE_SUSPENDED: "The chain would get in, and the device is suspended.",
    Reason.NOT_A_CA: "The basic constraints of a certificate on the path do not make it a CA.",
    Reason.CA_VERSION_UNSUPPORTED: "A CA on the path has no version 3 certificate.",
    Reason.CA_KEY_USAGE: "The key usage of a CA on the path does not allow signing certificates.",
    Reason.CA_EKU: "The extended key usage of a CA on the path does not allow client authentication below it.",
    Reason.SUBJECT_EMPTY: "The subject of a CA on the path is empty.",
    Reason.SERIAL_INVALID: "The serial number is negative or longer than 20 octets.",
    Reason.UNSUPPORTED_CRITICAL_EXTENSION: "A critical extension is not understood here.",
    Reason.UNSUPPORTED_POLICY_CONSTRAINT: "Explicit policies are required, which are not processed here.",
    Reason.CERT_NONCONFORMING: "A certificate breaks the profile of RFC 5280.",
    Reason.KEY_TOO_WEAK: "A key is too short.",
    Reason.KEY_TOO_LARGE: "A key is longer than 8192 bits.",
    Reason.KEY_EXPONENT_INVALID: "An RSA exponent is even, below 3, or 2^64 and more.",
    Reason.KEY_TYPE_UNSUPPORTED: "A key is of a kind that is not accepted.",
    Reason.SIGNATURE_ALGORITHM_WEAK: "A signature is made with a digest that is not accepted.",
    Reason.CERT_EXPIRED: "A certificate has expired.",
    Reason.CERT_NOT_YET_VALID: "A certificate is not valid yet.",
    Reason.VALIDITY_INVERTED: "A certificate ends before it begins.",
    Reason.PATHLEN_EXCEEDED: "More CAs stand below a CA than it allows.",
    Reason.NAME_CONSTRAINT_VIOLATION: "A name below a CA is one that it forbids.",
    Reason.NAME_CONSTRAINT_UNSUPPORTED: "A CA constrains names of a form that is not compared here.",
    Reason.NAME_CONSTRAINT_BUDGET: "Comparing a CA's name constraints would take too long.",
    Reason.PATH_TOO_COMPLEX: "Deciding would take more signatures, steps or CAs than are spent on one device.",
    Reason.STATE_UNKNOWN: "What the account trusts could not be read. Gateways alone are answered so.",
}

enumeration(
    TrustOutcome,
    "TrustOutcome",
    "Whether a device gets in.",
    {TrustOutcome.ALLOWED: "It does.", TrustOutcome.DENIED: "It does not."},
)
enumeration(Reason, "TrustReason", "Why a device gets in, or does not.", REASON_DESCRIPTIONS)
enumeration(
    DeviceStatus,
    "DeviceStatus",
    "How far a device came, or that it is suspended.",
    {
        DeviceStatus.BOOTSTRAPPED: "It came in at the bootstrap server, and not at the LwM2M server yet.",
        DeviceStatus.REGISTERED: "It came in at the LwM2M server.",
        DeviceStatus.SUSPENDED: "It may not come in until somebody lets it.",
    },
)
enumeration(
    Place,
    "TrustPathRole",
    "What a certificate is on a path.",
    {
        Place.DEVICE: "The device's own.",
        Place.INTERMEDIATE: "Above the device, and none that the account decided about.",
        Place.ANCHOR: "The CA of a certificate of the account, which trusts it or blocks it.",
    },
)
enumeration(
    Kind,
    "TrustCheckKind",
    "What can be checked about a certificate on a path.",
    {
        Kind.BASIC_CONSTRAINTS: "Basic constraints make it a CA above the device, and none of the device's own.",
        Kind.VERSION: "A CA's certificate is of version 3.",
        Kind.KEY_USAGE: "Key usage allows what it is used for.",
        Kind.EXTENDED_KEY_USAGE: "Extended key usage allows client authentication, or certificates for it.",
        Kind.SUBJECT: "A CA has a name.",
        Kind.SERIAL_NUMBER: "The serial number is one.",
        Kind.EXTENSIONS: "Every critical extension is understood here.",
        Kind.CONFORMITY: "It keeps the profile of RFC 5280.",
        Kind.DEVICE_CERTIFICATE: "The device's own is none that was made to prove possession of a CA.",
        Kind.ALGORITHM: "The key and the digest are strong enough.",
        Kind.VALIDITY: "The instant lies within the validity.",
        Kind.NAME_CHAINING: "The next certificate of the path, or the one whose key is tried, is named as its issuer.",
        Kind.SIGNATURE: "The key of the next certificate, or of one known by its issuer's name, made its signature.",
        Kind.BLACKLIST: "It is of no CA that the account has blacklisted.",
        Kind.PATH_LENGTH: "The path below it is short enough.",
        Kind.NAME_CONSTRAINTS: "Its name constraints are kept below it.",
        Kind.ANCHOR_POLICY: "The account trusts it: active, proven and for this service.",
    },
)
