"""What each finding means, for the schema."""

from app.findings import FindingCode
from app.transport.graphql.described import enumeration

FINDING_DESCRIPTIONS: dict[FindingCode, str] = {
    FindingCode.PRIVATE_KEY_PRESENT: "The input holds a private key. It was dropped; treat the key as compromised.",
    FindingCode.INPUT_EMPTY: "There is nothing in the input.",
    FindingCode.INPUT_TOO_LARGE: "The text is longer than 64 KiB.",
    FindingCode.NOT_PEM: "The text is not PEM.",
    FindingCode.PEM_MALFORMED: "A PEM block does not begin, end or decode as it should.",
    FindingCode.PEM_UNEXPECTED_BLOCK: "A PEM block holds something other than a certificate.",
    FindingCode.TOO_MANY_CERTIFICATES: "There are more than 10 certificates.",
    FindingCode.CERT_TOO_LARGE: "A certificate is larger than 16 KiB, or a name in it has more than 64 attributes.",
    FindingCode.CERT_UNPARSEABLE: "The bytes are no X.509 certificate, or a part of it is malformed.",
    FindingCode.LEAF_IN_CHAIN: "A device certificate is part of the chain: only CAs are uploaded.",
    FindingCode.NOT_A_CA: "The basic constraints do not make it a CA.",
    FindingCode.CHAIN_INCOMPLETE: "An issuer is missing: the chain must reach its self-signed root.",
    FindingCode.CHAIN_MULTIPLE_ROOTS: "There is more than one root.",
    FindingCode.CHAIN_AMBIGUOUS: "More than one certificate of the input can have issued another.",
    FindingCode.CHAIN_BRANCHED: "The certificates form more than one chain.",
    FindingCode.SIGNATURE_INVALID: "A signature was not made with the issuer's key.",
    FindingCode.CA_VERSION_UNSUPPORTED: "It is not a version 3 certificate.",
    FindingCode.CA_KEY_USAGE: "The key usage does not allow signing certificates.",
    FindingCode.SUBJECT_EMPTY: "The subject is empty.",
    FindingCode.SERIAL_INVALID: "The serial number is negative or longer than 20 octets.",
    FindingCode.UNSUPPORTED_CRITICAL_EXTENSION: "A critical extension is not understood here.",
    FindingCode.UNSUPPORTED_POLICY_CONSTRAINT: "It requires explicit policies, which are not processed here.",
    FindingCode.CERT_NONCONFORMING: "It breaks the profile of RFC 5280.",
    FindingCode.CA_EKU: "The extended key usage does not allow client authentication below this CA.",
    FindingCode.KEY_TOO_WEAK: "The key is too short.",
    FindingCode.KEY_TOO_LARGE: "The key is longer than 8192 bits.",
    FindingCode.KEY_EXPONENT_INVALID: "The RSA exponent is even, below 3, or 2^64 and more.",
    FindingCode.KEY_TYPE_UNSUPPORTED: "The key is of a kind that is not accepted.",
    FindingCode.SIGNATURE_ALGORITHM_WEAK: "The signature is made with a digest that is not accepted.",
    FindingCode.CERT_EXPIRED: "It has expired.",
    FindingCode.VALIDITY_INVERTED: "It ends before it begins.",
    FindingCode.PATHLEN_EXCEEDED: "More CAs stand below it than it allows.",
    FindingCode.NAME_CONSTRAINT_VIOLATION: "A name below it is one that it forbids.",
    FindingCode.NAME_CONSTRAINT_UNSUPPORTED: "It constrains names of a form that is not compared here.",
    FindingCode.NAME_CONSTRAINT_BUDGET: "Comparing its name constraints would take too long.",
    FindingCode.USAGE_SERVICE_MISMATCH: "The usage needs the other service.",
    FindingCode.DUPLICATE_IGNORED: "The same certificate stood in the input twice.",
    FindingCode.ORDER_NORMALISED: "The certificates were in no order; they are stored in order.",
    FindingCode.KEY_USAGE_MISSING: "It does not say what its key is for.",
    FindingCode.SERIAL_ZERO: "The serial number is zero.",
    FindingCode.ROOT_SHA1_SELF_SIGNATURE: "The root's own signature uses SHA-1; nothing depends on it.",
    FindingCode.RSA_SMALL_EXPONENT: "The RSA exponent is below 65537.",
    FindingCode.BASIC_CONSTRAINTS_NOT_CRITICAL: "The basic constraints are not marked critical.",
    FindingCode.NOT_YET_VALID: "It is not valid yet.",
    FindingCode.EXPIRES_SOON: "It expires within 90 days.",
    FindingCode.SAME_KEY_AS: "Another certificate of the account is of the same CA with the same key: a renewal.",
    FindingCode.UNUSED: "No device was let in through it for as long as the operator set; 90 days unless they did.",
    FindingCode.BLOCKED_BY: "It is active, and its devices cannot come in: a blacklisted certificate of the same CA or"
    " of one above it (the related one) stands in the way, possession is not proven yet, or its devices are suspended"
    " with it.",
}

enumeration(FindingCode, "FindingCode", "What was found in a certificate or a chain.", FINDING_DESCRIPTIONS)
