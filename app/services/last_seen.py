"""When a device was last let in, and below which remembered intermediates: noted in memory, written in batches.

It is no act of its own, so it has no entry.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeAlias, TypeVar

from app.errors import AuditUnavailable, OutcomeUnknown
from app.store.connection import Transaction
from app.store.database import Database
from app.store.device_writes import note_seen
from app.store.intermediates import note_used

LANE = "last-seen"
DEVICES_LIMIT = 1_000_000
"""Past this many devices between two writes the rest are not noted: memory is bounded, and nothing depends on it."""
AT_ONCE = 1_000

Noted = TypeVar("Noted", str, tuple[str, bytes])
Note: TypeAlias = Callable[[Transaction, Mapping[Noted, datetime]], Awaitable[set[Noted]]]
"""Answers what is left for the next time."""


@dataclass(slots=True)
class LastSeen:
    """Notes which devices were let in. `flush` should be called every minute or so, and at the end."""

    database: Database
    _seen: dict[str, datetime] = field(default_factory=dict)
    _used: dict[tuple[str, bytes], datetime] = field(default_factory=dict)

    def seen(self, device_id: str, at: datetime) -> None:
        """A device was let in."""
        _note(self._seen, device_id, at)

    def used(self, account_id: str, sha256: bytes, at: datetime) -> None:
        """An intermediate that the account remembers stands above a device that was let in."""
        _note(self._used, (account_id, sha256), at)

    async def flush(self) -> None:
        """Write what is new, so much in a transaction. What cannot be written now waits for the next time."""
        await self._write(note_seen, self._seen)
        await self._write(note_used, self._used)

    async def _write(self, note: Note[Noted], noted: dict[Noted, datetime]) -> None:
        everything = list(noted.items())
        for start in range(0, len(everything), AT_ONCE):
            batch = dict(everything[start : start + AT_ONCE])
            try:
                left = await self.database.write(LANE, partial(_unit, note, batch))
            except (AuditUnavailable, OutcomeUnknown):
                return
            # Not before it is written, so that nothing is lost with whoever is cancelled meanwhile.
            for key in batch.keys() - left:
                if noted.get(key) == batch[key]:
                    del noted[key]


async def _unit(note: Note[Noted], batch: dict[Noted, datetime], transaction: Transaction) -> set[Noted]:
    async with transaction.savepoint():
        return await note(transaction, batch)


def _note(noted: dict[Noted, datetime], key: Noted, at: datetime) -> None:
    if key in noted or len(noted) < DEVICES_LIMIT:
        noted[key] = at
