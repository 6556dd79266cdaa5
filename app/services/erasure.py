"""Erasing what the log discloses of a subject. Every digest stays, so every hash, receipt and old export verifies."""

from dataclasses import dataclass, replace
from typing import ClassVar

from app.actor import Scope
from app.audit.events import SubjectErased
from app.audit.states import Target
from app.errors import InvalidState, NotFound
from app.services import states
from app.services.command import Done, Tx
from app.store.removals import Erased, Removals
from app.store.rows import UserRow


@dataclass(frozen=True, slots=True, repr=False)
class EraseSubject:
    """Remove what the account's log, or the installation's own, discloses of a subject, and the name of a person.

    A transaction removes a bounded number of disclosures: the answer says whether others may be left. A person who may
    sign in is renamed in the first, and gets the password of this hash, which nobody may know.
    """

    action: ClassVar[str] = SubjectErased.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    subject_id: str
    password_hash: str
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The subject, unnamed."""
        return Target("subject", self.subject_id)

    async def __call__(self, tx: Tx) -> Done[Erased]:
        """The entry that records it may not name the subject again: whoever asks for it cannot be the subject."""
        if tx.actor.account_id is not None and await tx.accounts.with_id(tx.actor.account_id) is None:
            raise NotFound("There is no account of this id.", path=("account",))
        removals = Removals(tx.transaction, tx.entry_id, tx.actor.account_id)
        if await removals.is_live_key(self.subject_id, tx.now):
            raise InvalidState("This key still works, and every use of it discloses anew: revoke it first.")
        user = await removals.user(self.subject_id)
        if user is not None and user.name == erased_name(user.id):
            user = None
        erased = await removals.erase(self.subject_id)
        if user is not None:
            return Done(erased, await self._renamed(tx, removals, user, erased))
        if not erased.entries:
            raise NotFound("The log discloses nothing of this subject.", path=("subject",))
        return Done(erased, SubjectErased(self.subject_id, erased.entries, erased.disclosures))

    async def _renamed(self, tx: Tx, removals: Removals, user: UserRow, erased: Erased) -> SubjectErased:
        after = replace(
            user,
            version=user.version + 1,
            name=erased_name(user.id),
            password_hash=self.password_hash,
            updated_at=tx.now,
        )
        await removals.rename_user(after)
        return SubjectErased(
            self.subject_id,
            erased.entries,
            erased.disclosures,
            states.unnamed_user_state(user),
            states.user_state(after),
        )


def erased_name(user_id: str) -> str:
    """What a person is called once their name is erased: unique, as names are."""
    return f"erased-{user_id}"
