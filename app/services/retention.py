"""Retention: whole months are written to an archive file, and their bodies go. Hashes stay, and so every proof."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from app.actor import Scope
from app.audit.events import AuditLogExported, MonthArchived
from app.audit.states import Target
from app.audit.stored import StoredEntry
from app.errors import InvalidInput, InvalidState, NotFound
from app.services.command import Done, Tx
from app.services.door import IDEMPOTENCY_PERIOD
from app.services.verification import as_stored
from app.store import archive_reads
from app.store.database import Database
from app.store.removals import Dropped, Removals

_SPELLED = re.compile(r"(?P<year>2\d{3})-(?P<month>0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Month:
    """A month in UTC."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """A month as people write it, 2026-01. Raises InvalidInput."""
        found = _SPELLED.fullmatch(text)
        if found is None:
            raise InvalidInput(f"{text!r} is no month: write 2026-01.", path=("month",))
        return cls(int(found["year"]), int(found["month"]))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @property
    def number(self) -> int:
        """As the log's tables write it: year * 100 + month."""
        return self.year * 100 + self.month

    @property
    def end(self) -> datetime:
        """The first instant that is no longer in it."""
        return datetime(self.year + self.month // 12, self.month % 12 + 1, 1, tzinfo=UTC)

    def require_past(self, now: datetime) -> None:
        """Raises InvalidState for a month that is not over, or whose requests may still be repeated."""
        if now < self.end + IDEMPOTENCY_PERIOD:
            raise InvalidState(
                f"{self} can be archived a day after its end: until then repeated requests are answered from it."
            )


@dataclass(frozen=True, slots=True)
class ArchiveMonth:
    """Take a copy of a month of everybody's log."""

    action: ClassVar[str] = AuditLogExported.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    month: Month
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The installation's whole log, of a month."""
        return Target("audit_log", None, f"archive {self.month}")

    async def __call__(self, tx: Tx) -> Done[None]:
        """Nothing changes; what is copied is read after this is committed."""
        self.month.require_past(tx.now)
        return Done(None, AuditLogExported(None, f"archive {self.month}"))


@dataclass(frozen=True, slots=True)
class DropArchived:
    """Remove bodies of a month that stand in a file, a bounded number of them: those after `after_seq`.

    What the state is compared with stays, and what accounts for removals.
    """

    action: ClassVar[str] = MonthArchived.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    month: Month
    archive_sha256: str
    after_seq: int
    last_seq: int
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The month."""
        return Target("audit_month", str(self.month))

    async def __call__(self, tx: Tx) -> Done[Dropped]:
        """Nothing of it is left to remove: that is refused, so that an entry never counts nothing."""
        self.month.require_past(tx.now)
        removals = Removals(tx.transaction, tx.entry_id, None)
        dropped = await removals.drop_bodies(self.month.number, self.after_seq, self.last_seq)
        if not dropped.bodies:
            raise NotFound(f"Nothing of {self.month} can be removed.", path=("month",))
        event = MonthArchived(str(self.month), dropped.bodies, dropped.disclosures, self.archive_sha256)
        return Done(dropped, event)


@asynccontextmanager
async def month_of(database: Database, month: Month) -> AsyncIterator[AsyncIterator[tuple[int, StoredEntry]]]:
    """The entries of a month whose bodies are still there, each with its number, in order, as of one instant.

    Memory stays the same however many there are. Raises StoreUnavailable.
    """
    async with database.snapshot() as connection:
        found = archive_reads.month_entries(connection, month.number)
        yield ((seq, as_stored(row)) async for seq, row in found)
