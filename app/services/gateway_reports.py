"""Which version each gateway enforces: what it decided with last, or what it says that its bundle is.

Noted in memory and written in batches. It is no act of the account's and has no entry.
"""

from dataclasses import dataclass, field
from datetime import datetime

from app.errors import AuditUnavailable, OutcomeUnknown
from app.store import gateways
from app.store.connection import Transaction
from app.store.database import Database
from app.store.gateways import Gateway

LANE = "gateways"
GATEWAYS_LIMIT = 100_000


@dataclass(slots=True)
class GatewayReports:
    """See the module. `flush` should be called every minute or so, and at the end."""

    database: Database
    _unwritten: dict[Gateway, tuple[int, datetime]] = field(default_factory=dict)

    def enforces(self, gateway: Gateway, version: int, at: datetime) -> None:
        """A gateway enforced this version at an instant. What is known of a later one stays."""
        known = self._unwritten.get(gateway)
        if (len(self._unwritten) < GATEWAYS_LIMIT) if known is None else known[1] <= at:
            self._unwritten[gateway] = (version, at)

    async def flush(self) -> None:
        """Write what is new. What cannot be written now waits for the next time."""
        reports, self._unwritten = self._unwritten, {}
        if not reports:
            return

        async def unit(transaction: Transaction) -> None:
            async with transaction.savepoint():
                await gateways.report(transaction, reports)

        try:
            await self.database.write(LANE, unit)
        except (AuditUnavailable, OutcomeUnknown):
            self._unwritten = reports | self._unwritten
