"""What the log's actions are called in the API: one name each, and a test holds the table to the log's own list."""

from enum import StrEnum, unique

from app.transport.graphql.described import enumeration


@unique
class AuditAction(StrEnum):
    """An action of the log; the values are the log's words."""

    ACCOUNT_CREATE = "account.create"
    ACCOUNT_SET_TIER = "account.set_tier"
    ACCOUNT_SET_LIMIT = "account.set_limit"
    ACCOUNT_SET_FEATURE = "account.set_feature"
    CERTIFICATE_UPLOAD = "certificate.upload"
    CERTIFICATE_UPDATE = "certificate.update"
    CERTIFICATE_SET_STATUS = "certificate.set_status"
    CERTIFICATE_DELETE = "certificate.delete"
    API_KEY_CREATE = "api_key.create"
    API_KEY_REVOKE = "api_key.revoke"
    USER_CREATE = "user.create"
    USER_SET_PASSWORD = "user.set_password"  # noqa: S105  # it names an act
    AUDIT_READ = "audit.read"
    AUDIT_EXPORT = "audit.export"
    INSTALLATION_MIGRATE = "installation.migrate"
    AUDIT_ERASURE = "audit.erasure"
    AUDIT_RETENTION = "audit.retention"
    AUDIT_RECOVER = "audit.recover"
    POSSESSION_CHALLENGE = "possession.challenge"
    POSSESSION_PROVE = "possession.prove"
    CERTIFICATE_CREATE = "certificate.create"
    DEVICE_CONNECT = "device.connect"
    DEVICE_SUSPEND = "device.suspend"
    DEVICE_RESUME = "device.resume"
    INTERMEDIATES_REMEMBER = "intermediates.remember"
    ENROLLMENT_CLAIM = "enrollment.claim"
    ENROLLMENT_RELEASE = "enrollment.release"
    ENROLLMENT_BULK_CLAIM = "enrollment.bulk_claim"
    ENROLLMENT_BULK_RELEASE = "enrollment.bulk_release"
    ENROLLMENT_CLAIM_BATCH = "enrollment.claim_batch"
    ENROLLMENT_RELEASE_BATCH = "enrollment.release_batch"
    ENROLLMENT_USE = "enrollment.use"
    JOB_FAIL = "job.fail"
    CERTIFICATE_FINDINGS = "certificate.findings"
    REQUEST_REFUSED = "request.refused"
    UNKNOWN = ""

    @classmethod
    def _missing_(cls, value: object) -> "AuditAction":
        # While gateways are upgraded one by one, the new ones write what the old ones have no name for yet; a page of
        # the log must not be lost over it.
        del value
        return cls.UNKNOWN


enumeration(
    AuditAction,
    "AuditAction",
    "What was done, or refused.",
    {
        AuditAction.ACCOUNT_CREATE: "An account was opened.",
        AuditAction.ACCOUNT_SET_TIER: "What an account pays for was changed.",
        AuditAction.ACCOUNT_SET_LIMIT: "How many certificates an account may hold was changed.",
        AuditAction.ACCOUNT_SET_FEATURE: "A feature of an account was switched on or off.",
        AuditAction.CERTIFICATE_UPLOAD: "A certificate was uploaded.",
        AuditAction.CERTIFICATE_UPDATE: "A certificate's name or description was changed.",
        AuditAction.CERTIFICATE_SET_STATUS: "A certificate was blacklisted or enabled.",
        AuditAction.CERTIFICATE_DELETE: "A certificate was deleted.",
        AuditAction.API_KEY_CREATE: "An API key was made.",
        AuditAction.API_KEY_REVOKE: "An API key was revoked.",
        AuditAction.USER_CREATE: "A person was given a sign-in.",
        AuditAction.USER_SET_PASSWORD: "A person's password was replaced.",
        AuditAction.AUDIT_READ: "The audit log was read; `targetName` says through which view.",
        AuditAction.AUDIT_EXPORT: "The audit log was exported; `targetName` says in which form.",
        AuditAction.INSTALLATION_MIGRATE: "The database was brought to a newer version.",
        AuditAction.AUDIT_ERASURE: "What the log disclosed of a subject was erased; `canonicalJson` counts it.",
        AuditAction.AUDIT_RETENTION: "Bodies of a month were archived and removed; `canonicalJson` counts them.",
        AuditAction.AUDIT_RECOVER: "A new origin of the log was begun; `targetName` is what it is called.",
        AuditAction.POSSESSION_CHALLENGE: "A challenge was made to prove possession of a certificate's key.",
        AuditAction.POSSESSION_PROVE: "Possession of a certificate's key was proven; `canonicalJson` says how.",
        AuditAction.CERTIFICATE_CREATE: "A developer certificate was made, with its private key.",
        AuditAction.DEVICE_CONNECT: "A device was let in for the first time or otherwise than before, or was refused.",
        AuditAction.DEVICE_SUSPEND: "A device was suspended.",
        AuditAction.DEVICE_RESUME: "A suspended device was let in again.",
        AuditAction.INTERMEDIATES_REMEMBER: "Intermediates were brought ahead of the devices that need them.",
        AuditAction.ENROLLMENT_CLAIM: "A device's identity was claimed.",
        AuditAction.ENROLLMENT_RELEASE: "A claim was given up.",
        AuditAction.ENROLLMENT_BULK_CLAIM: "A file of identities to claim was taken in.",
        AuditAction.ENROLLMENT_BULK_RELEASE: "A file of identities to give up was taken in.",
        AuditAction.ENROLLMENT_CLAIM_BATCH: "A job claimed the identities of some lines; `canonicalJson` counts them"
        " and holds their digest.",
        AuditAction.ENROLLMENT_RELEASE_BATCH: "A job gave up the identities of some lines; `canonicalJson` counts"
        " them and holds their digest.",
        AuditAction.ENROLLMENT_USE: "A device came in for the first time by a claim.",
        AuditAction.JOB_FAIL: "A job was given up, through a fault of ours.",
        AuditAction.CERTIFICATE_FINDINGS: "A look found something new about a certificate, or something gone;"
        " `canonicalJson` says what.",
        AuditAction.REQUEST_REFUSED: "A request was refused before anything of it ran.",
        AuditAction.UNKNOWN: "Something that this release has no name for; `canonicalJson` says what.",
    },
)
