"""Reading the audit log is an act like any other: who looked, and through which view, stands in the log."""

from dataclasses import dataclass
from typing import ClassVar

from app.actor import Scope
from app.audit.events import AuditLogRead
from app.audit.states import Target
from app.services.command import Done, Tx


@dataclass(frozen=True, slots=True)
class ReadAuditLog:
    """Look into the account's log. `view` names the place that it is looked at from, for example `auditEvents`."""

    action: ClassVar[str] = AuditLogRead.kind
    scope: ClassVar[Scope] = Scope.AUDIT_READ
    view: str
    reason: None = None

    @property
    def target(self) -> Target:
        """The log, before it is known whose."""
        return Target("audit_log", None, self.view)

    async def __call__(self, tx: Tx) -> Done[None]:
        """Nothing changes; what is read is read after this is committed."""
        return Done(None, AuditLogRead(tx.actor.account_id, self.view))
