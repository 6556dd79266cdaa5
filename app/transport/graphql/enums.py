"""The enums of the API: our own enumerations under the names that callers know, each value described."""

from enum import StrEnum, unique

from app.actor import ActorType, Role, Scope
from app.findings import ProofFlaw, Severity
from app.rules.enrollment import LineCode
from app.terms import (
    ClientCertForm,
    EnrollmentStatus,
    JobKind,
    JobStatus,
    Possession,
    Service,
    Status,
    Tier,
    Usage,
)
from app.transport.graphql.described import enumeration


@unique
class OrderDirection(StrEnum):
    """The direction of an ordering."""

    ASC = "ASC"
    DESC = "DESC"


@unique
class CertificateOrderField(StrEnum):
    """What a list of certificates is sorted by; the values are the columns."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    NAME = "name"
    EXPIRES_AT = "expires_at"


@unique
class AuditOutcome(StrEnum):
    """How an act went; the values are those of the log."""

    SUCCEEDED = "success"
    REFUSED = "refused"
    FAILED = "failed"


@unique
class ReceiptAbsence(StrEnum):
    """Why an entry has no receipt."""

    NOT_YET_SIGNED = "NOT_YET_SIGNED"


enumeration(
    OrderDirection,
    "OrderDirection",
    "The direction of an ordering.",
    {OrderDirection.ASC: "Smallest, or oldest, first.", OrderDirection.DESC: "Largest, or newest, first."},
)
enumeration(
    CertificateOrderField,
    "CertificateOrderField",
    "What to order certificates by.",
    {
        CertificateOrderField.CREATED_AT: "When it was uploaded, or made.",
        CertificateOrderField.UPDATED_AT: "When it last changed.",
        CertificateOrderField.NAME: "Its name, by the numbers of its characters: capitals before small letters.",
        CertificateOrderField.EXPIRES_AT: "When it expires.",
    },
)
enumeration(
    AuditOutcome,
    "AuditOutcome",
    "How it went.",
    {
        AuditOutcome.SUCCEEDED: "It was done.",
        AuditOutcome.REFUSED: "It was refused; nothing changed.",
        AuditOutcome.FAILED: "It failed, and the fault is ours; nothing changed.",
    },
)
enumeration(
    ReceiptAbsence,
    "ReceiptAbsence",
    "Why there is no receipt.",
    {
        ReceiptAbsence.NOT_YET_SIGNED: "No checkpoint came to cover the entry within three seconds. It stands all"
        " the same: ask again later, and look at `health` if that does not help.",
    },
)
enumeration(
    Tier,
    "AccountTier",
    "What an account pays for.",
    {
        Tier.DEVELOPER: "At most 10 certificates, unless the operator set another limit.",
        Tier.COMMERCIAL: "At most 50 certificates, unless the operator set another limit.",
    },
)
enumeration(
    Status,
    "CertificateStatus",
    "Whether devices may use a certificate.",
    {
        Status.ACTIVE: "Devices that chain to it may bootstrap and connect.",
        Status.INACTIVE: "Blacklisted: devices that chain to it may not, whatever else vouches for them.",
    },
)
enumeration(
    Service,
    "CertificateService",
    "Which server accepts devices that chain to a certificate.",
    {
        Service.BOOTSTRAP: "The bootstrap server, which then hands out LwM2M credentials.",
        Service.LWM2M: "The LwM2M server directly, with no bootstrap.",
    },
)
enumeration(
    Usage,
    "CertificateUsage",
    "How devices will use a certificate.",
    {
        Usage.CREDENTIALS: "Credentials that the account issues itself: it can prove that it holds the key.",
        Usage.ENROLLMENT: "Enrollment, first to claim: received from the device manufacturer or a supplier."
        " It needs the service `BOOTSTRAP`.",
        Usage.THIRD_PARTY_CA: "A third party's CA, which issues LwM2M device certificates: the account cannot prove"
        " ownership. It needs the service `LWM2M`.",
    },
)
enumeration(
    Possession,
    "PossessionStatus",
    "Whether the account has shown that it holds the private key.",
    {
        Possession.NOT_REQUIRED: "It does not have to: the usage or the account asks for none.",
        Possession.PENDING: "It has to, and has not yet: until then the certificate admits no device.",
        Possession.PROVEN: "It has.",
    },
)
enumeration(
    ProofFlaw,
    "ProofFlaw",
    "Why a proof of possession was rejected.",
    {
        ProofFlaw.POP_CHALLENGE_EXPIRED: "It came too late; no attempt is taken.",
        ProofFlaw.POP_SIGNATURE_MALFORMED: "It does not have the form of a signature of the certificate's key.",
        ProofFlaw.POP_SIGNATURE_INVALID: "The certificate's key did not make the signature over the challenge's text.",
        ProofFlaw.POP_CERT_COUNT: "There is not exactly one verification certificate.",
        ProofFlaw.POP_CERT_WRONG_ISSUER: "The verification certificate names another issuer.",
        ProofFlaw.POP_CERT_SIGNATURE_INVALID: "The certificate's key did not sign the verification certificate, or not"
        " with SHA-2.",
        ProofFlaw.POP_CERT_IS_CA: "The verification certificate is a CA's.",
        ProofFlaw.POP_CODE_MISMATCH: "The verification certificate's one common name is not the challenge's code.",
        ProofFlaw.POP_CERT_EXPIRED: "The verification certificate is not valid within 24 hours of now.",
    },
)
enumeration(
    ClientCertForm,
    "ClientCertificateForm",
    "In which form a gateway hands on the chain that a device presented.",
    {
        ClientCertForm.RFC9440: "The `Client-Cert` and `Client-Cert-Chain` headers of RFC 9440.",
        ClientCertForm.XFCC: "Envoy's `x-forwarded-client-cert` header.",
        ClientCertForm.PEM: "PEM text in a header, percent-encoded.",
        ClientCertForm.DER: "DER in a header, as Base64.",
    },
)
enumeration(
    EnrollmentStatus,
    "EnrollmentStatus",
    "What has become of the claim of a device's identity.",
    {
        EnrollmentStatus.WAITING: "The device has not come yet.",
        EnrollmentStatus.USED: "A device has used it: it does not expire any more.",
        EnrollmentStatus.EXPIRED: "Its time was over before a device used it: it counts as none, and anybody may claim"
        " the identity.",
    },
)
enumeration(
    JobKind,
    "JobKind",
    "What a job does with the lines of its file.",
    {
        JobKind.ENROLLMENT_CLAIM: "Claims the identities.",
        JobKind.ENROLLMENT_RELEASE: "Gives up the claims of the identities.",
    },
)
enumeration(
    JobStatus,
    "JobStatus",
    "How far a job is.",
    {
        JobStatus.QUEUED: "It waits for its turn.",
        JobStatus.RUNNING: "Some of its lines are done.",
        JobStatus.DONE: "All of its lines are done, or refused.",
        JobStatus.FAILED: "It was given up, through a fault of ours. What is done stays done.",
    },
)
enumeration(
    LineCode,
    "JobErrorCode",
    "Why a line of a file was refused.",
    {
        LineCode.LINE_TOO_LONG: "It is longer than 4,096 bytes.",
        LineCode.NOT_UTF8: "It is not UTF-8.",
        LineCode.NOT_CSV: "It is not CSV: most likely a quotation mark is not closed on its line.",
        LineCode.INVALID_IDENTITY: "Its first value is no enrollment identity: `A-` and 32 pairs of hexadecimal digits"
        " with colons between them.",
        LineCode.ALREADY_CLAIMED: "The identity is claimed already, by whomever: an earlier line of the file included.",
        LineCode.NOT_FOUND: "The account holds no claim of the identity, or gave it up with an earlier line.",
    },
)
enumeration(
    Scope,
    "ApiScope",
    "What a key or session may do.",
    {
        Scope.CERTIFICATES_READ: "Read certificates, previews and changes to certificates.",
        Scope.CERTIFICATES_WRITE: "Upload, make, rename, blacklist, enable and delete certificates, and prove"
        " possession of their keys.",
        Scope.DEVICES_READ: "Read devices, and ask for trust decisions.",
        Scope.DEVICES_WRITE: "Suspend and resume devices.",
        Scope.AUDIT_READ: "Read the audit log and its live feed.",
        Scope.API_KEYS_READ: "Read which API keys there are; never their secrets.",
        Scope.API_KEYS_WRITE: "Create and revoke API keys.",
        Scope.GATEWAY: "Ask at `/gateway` whether devices may come in, and let them in.",
    },
)
enumeration(
    Role,
    "Role",
    "A named set of scopes; a key has exactly one.",
    {
        Role.ADMIN: "Everything in its account.",
        Role.OPERATOR: "Certificates and devices.",
        Role.VIEWER: "Certificates and devices, for reading only.",
        Role.AUDITOR: "The audit log, certificates and devices, for reading only.",
        Role.GATEWAY: "For a gateway that lets devices in: nothing of this API.",
    },
)
enumeration(
    ActorType,
    "ActorKind",
    "What kind of caller did something.",
    {
        ActorType.USER: "A person, signed in to the portal.",
        ActorType.API_KEY: "A program, with an API key.",
        ActorType.DEVICE: "A device.",
        ActorType.SYSTEM: "The service itself, or its operator at the command line.",
        ActorType.ANONYMOUS: "Somebody who showed no credentials.",
    },
)
enumeration(
    Severity,
    "FindingSeverity",
    "How much a finding matters.",
    {
        Severity.ERROR: "The certificate cannot be trusted, or a stored one no longer could.",
        Severity.WARNING: "It can, but someone should look.",
    },
)
