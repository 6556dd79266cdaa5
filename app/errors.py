"""Every refusal: one class, one stable `code`, one sentence for people. A code is never reused.

A refusal is raised by a rule, recorded by the door, and translated to the caller's protocol by transport alone.
"""

from typing import ClassVar

from app.findings import Finding, ProofFlaw, Severity
from app.impact import Impact
from app.reasons import Reason


class Refusal(Exception):
    """An action that is not allowed as asked.

    `path` names the input field at fault, from the input inwards, in the field's own spelling (`("name",)`);
    empty when no single field is at fault. `entry_id` names the audit entry that records the refusal, once there is
    one.
    """

    code: ClassVar[str]
    entry_id: str | None = None

    def __init__(self, message: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    @property
    def recorded_code(self) -> str:
        """The code that the audit entry carries: the most exact one there is."""
        return self.code


class InvalidInput(Refusal):
    """A field is missing, empty, too long or malformed."""

    code = "INVALID_INPUT"


class NotFound(Refusal):
    """There is no such object, or it belongs to another account: the two are never told apart."""

    code = "NOT_FOUND"


class NameTaken(Refusal):
    """Names are unique in an account."""

    code = "NAME_TAKEN"


class QuotaExceeded(Refusal):
    """The account holds as many certificates as it may."""

    code = "QUOTA_EXCEEDED"

    def __init__(self, *, limit: int, used: int) -> None:
        super().__init__(
            f"The account may hold {limit} certificates and holds {used}: delete one, or ask for a higher limit."
        )
        self.limit = limit
        self.used = used


class DuplicateCertificate(Refusal):
    """The account already trusts this certificate for this service."""

    code = "DUPLICATE_CERTIFICATE"

    def __init__(self, message: str, *, existing_id: str) -> None:
        super().__init__(message, path=("source",))
        self.existing_id = existing_id


class AlreadyClaimed(Refusal):
    """The identity is claimed. By whom is not said, not even whether it is the caller's own account."""

    code = "ALREADY_CLAIMED"


class CertificateRejected(Refusal):
    """The certificate or chain breaks a rule; `findings` says which, the deciding one first among the errors."""

    code = "CERTIFICATE_REJECTED"

    def __init__(self, findings: tuple[Finding, ...], *, path: tuple[str, ...] = ("source",)) -> None:
        self.findings = findings
        self.deciding = next(finding for finding in findings if finding.severity is Severity.ERROR)
        super().__init__(self.deciding.message, path=path)

    @property
    def recorded_code(self) -> str:
        """The rule's own code, for example `CHAIN_INCOMPLETE`."""
        return self.deciding.code.value


class VersionConflict(Refusal):
    """The object changed since the caller read it."""

    code = "VERSION_CONFLICT"

    def __init__(self, *, target_id: str, expected: int, current: int) -> None:
        super().__init__(
            f"The object is at version {current}, not {expected}: look at it again before you change it.",
            path=("expectedVersion",),
        )
        self.target_id = target_id


class ImpactChanged(Refusal):
    """The change would do something else to devices than the caller was shown; `impact` is what it would do now."""

    code = "VERSION_CONFLICT"

    def __init__(self, impact: Impact, *, target_id: str) -> None:
        super().__init__(
            "The change would now do something else to devices than the preview said: look at it again.",
            path=("expectedImpact",),
        )
        self.impact = impact
        self.target_id = target_id


class InvalidState(Refusal):
    """The object's present state does not allow this."""

    code = "INVALID_STATE"


class DeleteWouldUnblock(InvalidState):
    """Deleting a blacklisted certificate lifts its block, and another record would, or may, then admit its devices."""

    code = "DELETE_WOULD_UNBLOCK"


class ChallengeUsed(InvalidState):
    """The challenge was answered, or a newer one took its place: each is good for one proof."""

    code = "POP_CHALLENGE_USED"


class ProofRejected(Refusal):
    """What was given as a proof of possession proves nothing; `flaw` says why.

    `attempts_left` is how many more proofs the challenge accepts, once whoever keeps count has said so.
    """

    code = "PROOF_REJECTED"
    attempts_left: int = 0

    def __init__(self, flaw: ProofFlaw, message: str, *, path: tuple[str, ...]) -> None:
        super().__init__(message, path=path)
        self.flaw = flaw

    @property
    def recorded_code(self) -> str:
        """The flaw's own code, for example `POP_CODE_MISMATCH`."""
        return self.flaw.value


class DeviceRefused(Refusal):
    """A device is not let in; `reason` says why."""

    code = "DEVICE_REFUSED"

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def recorded_code(self) -> str:
        """The reason's own code, for example `BLACKLISTED`."""
        return self.reason.value


class IdempotencyKeyReused(Refusal):
    """The idempotency key was used before with another input."""

    code = "IDEMPOTENCY_KEY_REUSED"


class PrivateKeyPresent(Refusal):
    """A field that is not a certificate holds what looks like a private key. It was dropped and is stored nowhere."""

    code = "PRIVATE_KEY_PRESENT"


class Unauthenticated(Refusal):
    """No credential, or one that is not valid (any more)."""

    code = "UNAUTHENTICATED"


class Forbidden(Refusal):
    """The caller is known, and may not do this in its own account."""

    code = "FORBIDDEN"


class RateLimited(Refusal):
    """The caller asked for more than its share; `retry_after_seconds` says when to come back."""

    code = "RATE_LIMITED"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(f"Too many requests: try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class AuditUnavailable(Refusal):
    """The entry cannot be written, so nothing was done. It cannot be recorded either."""

    code = "AUDIT_UNAVAILABLE"


class OutcomeUnknown(Refusal):
    """The commit's answer was lost: the action is done or it is not, never half.

    The caller repeats it with the same idempotency key and learns which.
    """

    code = "OUTCOME_UNKNOWN"


class StoreUnavailable(Refusal):
    """The database cannot be read now; nothing is wrong with the request."""

    code = "STORE_UNAVAILABLE"


class SecretsUnavailable(Refusal):
    """The key under which the installation's secrets are encrypted is not there, or is another one."""

    code = "SECRETS_UNAVAILABLE"


class HistoryUnavailable(Refusal):
    """The log cannot say how things were at that point: it has not come so far, or no longer holds what it said."""

    code = "HISTORY_UNAVAILABLE"
