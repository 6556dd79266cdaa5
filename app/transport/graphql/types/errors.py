"""Refusals that the caller can act on, as data."""

from enum import StrEnum, unique

from app.findings import ProofFlaw
from app.transport.graphql.described import attribute, enumeration, interface, object_type
from app.transport.graphql.types.accounts import CertificateQuota
from app.transport.graphql.types.certificates import Certificate, CertificateFinding
from app.transport.graphql.types.impact import CertificateChangeImpact


@unique
class UserErrorCode(StrEnum):
    """The codes of refusals that are data."""

    INVALID_INPUT = "INVALID_INPUT"
    NAME_TAKEN = "NAME_TAKEN"
    PRIVATE_KEY_PRESENT = "PRIVATE_KEY_PRESENT"
    NOT_FOUND = "NOT_FOUND"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    DUPLICATE_CERTIFICATE = "DUPLICATE_CERTIFICATE"
    CERTIFICATE_REJECTED = "CERTIFICATE_REJECTED"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    INVALID_STATE = "INVALID_STATE"
    DELETE_WOULD_UNBLOCK = "DELETE_WOULD_UNBLOCK"
    PROOF_REJECTED = "PROOF_REJECTED"
    POP_CHALLENGE_USED = "POP_CHALLENGE_USED"
    ALREADY_CLAIMED = "ALREADY_CLAIMED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


enumeration(
    UserErrorCode,
    "UserErrorCode",
    "Why a mutation refused.",
    {
        UserErrorCode.INVALID_INPUT: "A field is missing, empty, too long or malformed.",
        UserErrorCode.NAME_TAKEN: "Another object of the account has this name.",
        UserErrorCode.PRIVATE_KEY_PRESENT: "A field that is no certificate holds what looks like a private key."
        " It was dropped; treat that key as compromised.",
        UserErrorCode.NOT_FOUND: "There is no such object, or the caller may not see it.",
        UserErrorCode.QUOTA_EXCEEDED: "The account holds as many certificates as it may.",
        UserErrorCode.DUPLICATE_CERTIFICATE: "The account already trusts this certificate for this service.",
        UserErrorCode.CERTIFICATE_REJECTED: "The certificate cannot be a trust anchor, or as a proof cannot be"
        " read; the findings say why.",
        UserErrorCode.VERSION_CONFLICT: "The object changed since it was read.",
        UserErrorCode.INVALID_STATE: "The object's present state does not allow this.",
        UserErrorCode.DELETE_WOULD_UNBLOCK: "Deleting this blacklisted certificate would let devices in, or it"
        " cannot be told whether it would: `confirmUnblock` says that this is wanted.",
        UserErrorCode.PROOF_REJECTED: "The proof of possession proves nothing; `flaw` says why.",
        UserErrorCode.POP_CHALLENGE_USED: "The challenge was answered, or a newer one took its place.",
        UserErrorCode.ALREADY_CLAIMED: "The identity is claimed already, by whomever.",
        UserErrorCode.IDEMPOTENCY_KEY_REUSED: "The idempotency key was used before with a different input.",
    },
)


@interface
class UserError:
    """A problem that the caller can act on."""

    message: str = attribute("One sentence in English, fit to show to a person.")
    code: UserErrorCode = attribute("Stable and machine-readable: branch on this, not on the message.")
    path: list[str] = attribute("The input field at fault, from `input` inwards; empty when it is none in particular.")


@object_type
class InvalidInputError(UserError):
    """A field is missing, empty, too long or malformed, or holds what it must not: the code says which."""


@object_type
class NotFoundError(UserError):
    """There is no such object, or the caller may not see it."""


@object_type
class QuotaExceededError(UserError):
    """The account holds as many certificates as it may."""

    quota: CertificateQuota = attribute("The quota as it stands.")


@object_type
class DuplicateCertificateError(UserError):
    """The account already trusts this certificate for this service."""

    existing: Certificate | None = attribute("The one that is there; null when it was deleted in this instant.")


@object_type
class CertificateRejectedError(UserError):
    """The certificate cannot be a trust anchor, or as a proof of possession cannot be read."""

    findings: list[CertificateFinding] = attribute("Everything found, the deciding one first.")


@object_type
class VersionConflictError(UserError):
    """The object changed since it was read: show the caller `current` and ask again."""

    current: Certificate | None = attribute("The certificate as it is now; null when it was deleted in this instant.")
    impact: CertificateChangeImpact | None = attribute(
        "What the change would do now, where `expectedImpact` was given and says something else; else null.",
        default=None,
    )


@object_type
class InvalidStateError(UserError):
    """The object's present state does not allow this."""


@object_type
class ProofRejectedError(UserError):
    """The proof does not match the challenge or the certificate."""

    flaw: ProofFlaw = attribute("Why: branch on this.")
    attempts_left: int = attribute("How many more proofs this challenge accepts.")


@object_type
class AlreadyClaimedError(UserError):
    """The identity is claimed already. By whom is not said, not even whether it is the caller's own account."""


@object_type
class IdempotencyKeyReusedError(UserError):
    """The idempotency key was used before with a different input."""
