"""When a device was last let in: noted in memory, written in batches, and no act of its own, so it has no entry."""

from dataclasses import dataclass, field
from datetime import datetime

from app.errors import AuditUnavailable, OutcomeUnknown
from app.store.connection import Transaction
from app.store.database import Database
from app.store.device_writes import note_seen

LANE = "last-seen"
DEVICES_LIMIT = 1_000_000
"""Past this many devices between two writes the rest are not noted: memory is bounded, and nothing depends on it."""
AT_ONCE = 1_000


@dataclass(slots=True)
class LastSeen:
    """Notes which devices were let in. `flush` should be called every minute or so, and at the end."""

    database: Database
    _seen: dict[str, datetime] = field(default_factory=dict)

    def seen(self, device_id: str, at: datetime) -> None:
        """A device was let in."""
        if device_id in self._seen or len(self._seen) < DEVICES_LIMIT:
            self._seen[device_id] = at

    async def flush(self) -> None:
        """Write what is new, so many devices in a transaction. What cannot be written now waits for the next time."""
        seen, self._seen = self._seen, {}
        devices = sorted(seen)
        for start in range(0, len(devices), AT_ONCE):
            batch = {device_id: seen[device_id] for device_id in devices[start : start + AT_ONCE]}

            async def unit(transaction: Transaction, batch: dict[str, datetime] = batch) -> None:
                async with transaction.savepoint():
                    await note_seen(transaction, batch)

            try:
                await self.database.write(LANE, unit)
            except (AuditUnavailable, OutcomeUnknown):
                left = {device_id: seen[device_id] for device_id in devices[start:]}
                self._seen = left | self._seen
                return
