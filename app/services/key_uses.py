"""When a key was last used: known to the hour, written seldom, and no act of its own, so it has no entry."""

from dataclasses import dataclass, field
from datetime import datetime

from app.clock import Clock
from app.errors import AuditUnavailable, OutcomeUnknown
from app.store.connection import Transaction
from app.store.database import Database
from app.store.key_uses import note_uses

LANE = "key-uses"
"""Its own, so that no account's writers wait for it."""

KEYS_LIMIT = 100_000
"""Past this many keys in an hour the rest are not noted: memory is bounded, and nothing depends on it."""


@dataclass(slots=True)
class KeyUses:
    """Notes which keys were used in this hour. `flush` should be called every minute or so, and at the end."""

    database: Database
    clock: Clock
    _hour: datetime = field(init=False)
    _unwritten: dict[str, datetime] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._hour = _hour_of(self.clock())

    def used(self, key_id: str) -> None:
        """A key was shown and found right."""
        hour = _hour_of(self.clock())
        if hour != self._hour:
            self._hour = hour
            self._used.clear()
        if key_id not in self._used and len(self._used) < KEYS_LIMIT:
            self._used.add(key_id)
            self._unwritten[key_id] = hour

    def was_used(self, key_id: str) -> bool:
        """Whether the key was found right in this hour, by this process."""
        return key_id in self._used

    async def flush(self) -> None:
        """Write what is new: one UPDATE for each key and hour. What cannot be written now waits for the next time."""
        uses = dict(self._unwritten)
        if not uses:
            return

        async def unit(transaction: Transaction) -> None:
            async with transaction.savepoint():
                await note_uses(transaction, uses)

        try:
            await self.database.write(LANE, unit)
        except (AuditUnavailable, OutcomeUnknown):
            return
        self._unwritten = {key: hour for key, hour in self._unwritten.items() if uses.get(key) != hour}


def _hour_of(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
