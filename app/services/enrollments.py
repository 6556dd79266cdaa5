"""Claiming a device's identity before the device comes, and giving the claim up: one at a time.

`app.services.bulk` does both with files.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.actor import Scope
from app.audit.enrollment_events import EnrollmentClaimed, EnrollmentReleased
from app.audit.states import Json, Target
from app.errors import AlreadyClaimed, InvalidInput, NotFound
from app.ids import new_id
from app.rules import enrollment
from app.services import state_fields, states
from app.services.command import Done, Tx
from app.store.enrollments import EnrollmentRow


@dataclass(frozen=True, slots=True)
class ClaimEnrollment:
    """Claim a device's identity, which nobody in the whole installation may hold, the account itself included.

    A claim that no device uses ends after `expires_after_days`; None means never.
    """

    action: ClassVar[str] = EnrollmentClaimed.kind
    scope: ClassVar[Scope] = Scope.DEVICES_WRITE
    identity_text: str
    expires_after_days: int | None = None
    reason: None = None

    @property
    def target(self) -> Target:
        """A claim that is not there yet, by the identity where it is one."""
        try:
            fingerprint = enrollment.parse_identity(self.identity_text)
        except InvalidInput:
            return Target("enrollment")
        return Target("enrollment", None, enrollment.render_identity(fingerprint))

    @property
    def identity(self) -> Json:
        """The request; for how long a claim holds is a setting, and no part of it."""
        return {"identity": self.identity_text}

    async def __call__(self, tx: Tx) -> Done[EnrollmentRow]:
        """Whose the identity is, is not said."""
        fingerprint = enrollment.parse_identity(self.identity_text)
        claimed = EnrollmentRow(
            id=new_id(tx.now),
            account_id=tx.account_id,
            version=1,
            fingerprint=fingerprint,
            created_at=tx.now,
            expires_at=enrollment.expiry(tx.now, self.expires_after_days),
            claimed_at=None,
            device_id=None,
            job_id=None,
            created_audit_id=tx.entry_id,
        )
        if not await tx.enrollments.insert([claimed]):
            raise AlreadyClaimed("This identity is claimed already.", path=("identity",))
        return Done(claimed, EnrollmentClaimed(states.enrollment_state(claimed)))

    def recall(self, change: Json, account_id: str) -> EnrollmentRow:
        """The claim as it was made."""
        return states.enrollment_row(state_fields.after(change), account_id)


@dataclass(frozen=True, slots=True)
class ReleaseEnrollment:
    """Give up a claim, also one that a device has used or whose time is over: the identity is free again."""

    action: ClassVar[str] = EnrollmentReleased.kind
    scope: ClassVar[Scope] = Scope.DEVICES_WRITE
    enrollment_id: str
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The claim, as the caller names it."""
        return Target("enrollment", self.enrollment_id)

    @property
    def identity(self) -> Json:
        """The request."""
        return {"id": self.enrollment_id, "reason": self.reason}

    async def __call__(self, tx: Tx) -> Done[EnrollmentRow]:
        """Answer with the claim as it was."""
        held = await tx.enrollments.with_id(self.enrollment_id)
        if held is None:
            raise NotFound("The account has no claim of this id.", path=("id",))
        await tx.enrollments.release_one(held, tx.now)
        return Done(held, EnrollmentReleased(states.enrollment_state(held)))

    def recall(self, change: Json, account_id: str) -> EnrollmentRow:
        """The claim as it was before it was given up."""
        return states.enrollment_row(state_fields.before(change), account_id)
