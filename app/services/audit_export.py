"""Exporting an account's log: an act of its own, and then a walk over the entries as of one instant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from app.actor import Scope
from app.audit.events import AuditLogExported
from app.audit.states import Target
from app.audit.stored import StoredEntry
from app.clock import to_micros
from app.errors import NotFound
from app.services.door import Done, Tx
from app.services.verification import stored_entry
from app.store import evidence
from app.store.database import Database


@dataclass(frozen=True, slots=True)
class ExportAuditLog:
    """Take a copy of the account's log. `form` is the file's, for example `jsonl`."""

    action: ClassVar[str] = AuditLogExported.kind
    scope: ClassVar[Scope] = Scope.AUDIT_READ
    form: str
    reason: None = None

    @property
    def target(self) -> Target:
        """The log, before it is known whose."""
        return Target("audit_log", None, self.form)

    async def __call__(self, tx: Tx) -> Done[None]:
        """Nothing changes; what is exported is read after this is committed, and so holds this entry too."""
        if await tx.accounts.with_id(tx.account_id) is None:
            raise NotFound("There is no account of this id.", path=("account",))
        return Done(None, AuditLogExported(tx.account_id, self.form))


@dataclass(frozen=True, slots=True)
class Interval:
    """Half-open, in UTC: from `start` up to but not at `end`; None where it is open."""

    start: datetime | None = None
    end: datetime | None = None


@asynccontextmanager
async def exported(
    database: Database, account_id: str, interval: Interval
) -> AsyncIterator[tuple[int, AsyncIterator[StoredEntry]]]:
    """How many entries of the account happened within an interval, and these entries, oldest first.

    Memory stays the same however many there are. Raises StoreUnavailable.
    """
    start = None if interval.start is None else to_micros(interval.start)
    end = None if interval.end is None else to_micros(interval.end)
    async with database.snapshot() as connection:
        among = await evidence.account_range(connection, account_id, start, end)
        found = evidence.account_entries(connection, among)
        yield among.count, (stored_entry(row, body, disclosures) async for row, body, disclosures in found)
