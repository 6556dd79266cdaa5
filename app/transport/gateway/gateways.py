"""Everything that gateways are served with, put together."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Self

from starlette.routing import Route

from app.clock import Clock
from app.services.admissions import Admissions
from app.services.door import Door
from app.services.gateway_keys import GatewayKeys
from app.services.gateway_reports import GatewayReports
from app.services.last_seen import LastSeen
from app.services.refused_devices import RefusedDevices
from app.services.trust_states import TrustStates
from app.store.database import Database
from app.transport.gate import HouseGate
from app.transport.gateway import authorize, bundle
from app.transport.gateway.gate import GatewayGate
from app.transport.gateway.remembered import Kept, RememberedAnswers
from app.transport.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Gateways:
    """What lives as long as the process."""

    trust: TrustStates
    refused: RefusedDevices
    seen: LastSeen
    reports: GatewayReports
    keys: GatewayKeys
    admissions: Admissions
    kept: Kept
    clock: Clock

    @classmethod
    def of(cls, database: Database, door: Door, clock: Clock, *, bridge_seconds: float) -> Self:
        """For one installation; `bridge_seconds` is `Settings.bridge_seconds`."""
        trust = TrustStates(database, monotonic, bridge_seconds=bridge_seconds)
        refused, seen = RefusedDevices(database, door, clock), LastSeen(database)
        return cls(
            trust=trust,
            refused=refused,
            seen=seen,
            reports=GatewayReports(database),
            keys=GatewayKeys(database, monotonic, trust.reach, bridge_seconds),
            admissions=Admissions(database, door, clock, trust, refused, seen),
            kept=Kept(),
            clock=clock,
        )

    def routes(self, house: HouseGate, metrics: Metrics) -> list[Route]:
        """All of /gateway."""
        gate = GatewayGate(house, self.keys)
        return [
            *authorize.routes(gate, self.admissions, self.reports, metrics, self.kept),
            *bundle.routes(gate, self.trust, self.reports, self.clock),
        ]

    def remembered(self, metrics: Metrics, headers: Mapping[str, str]) -> RememberedAnswers:
        """What answers again before anything else runs; `headers` are those that every answer of the server has."""
        return RememberedAnswers(
            admissions=self.admissions,
            keys=self.keys,
            reports=self.reports,
            metrics=metrics,
            clock=self.clock,
            kept=self.kept,
            shared=[(name.encode(), value.encode()) for name, value in headers.items()],
        )

    async def flush(self, *, everything: bool = False) -> None:
        """Write what waits: every minute or so, and `everything` at the end."""
        await self.seen.flush()
        await self.reports.flush()
        await self.refused.flush(everything=everything)
