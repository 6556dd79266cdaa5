"""Gateway processes' worth of admissions, as the program puts them together, on a clock that a test may hold."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.actor import Role
from app.clock import Clock
from app.services.admissions import Admissions, Answer
from app.services.asked import Asked
from app.services.door import Door
from app.services.last_seen import LastSeen
from app.services.reachability import Monotonic
from app.services.refused_devices import RefusedDevices
from app.services.trust_states import TrustStates
from app.store.database import Database, open_database
from app.store.database import Role as DatabaseRole
from app.store.rows import AccountRow
from app.terms import Service
from tests.fleet import Device
from tests.house import ORIGIN, actor_of

BRIDGE_SECONDS = 30.0


@dataclass
class HeldClock:
    """Seconds that pass when a test says so."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class GatewayProcess:
    """What one server process answers gateways with."""

    database: Database
    clock: Clock
    monotonic: Monotonic
    bridge_seconds: float = BRIDGE_SECONDS
    admissions: Admissions = field(init=False)

    def __post_init__(self) -> None:
        door = Door(self.database, clock=self.clock, node="gateway", software="anchorage/test")
        self.admissions = Admissions(
            self.database,
            door,
            self.clock,
            TrustStates(self.database, self.monotonic, bridge_seconds=self.bridge_seconds),
            RefusedDevices(self.database, door, self.clock),
            LastSeen(self.database),
        )

    async def ask(self, account: AccountRow, device: Device, service: Service = Service.LWM2M) -> Answer:
        """What it answers one of the account's gateways."""
        return await self.admissions.ask(actor_of(account, Role.GATEWAY), Asked(service, device.chain), ORIGIN)

    async def reason(self, account: AccountRow, device: Device) -> str:
        """Why it lets a device in, or does not."""
        return (await self.ask(account, device)).decision.reason.value

    async def flush(self) -> None:
        """Write what waits."""
        await self.admissions.refused.flush(everything=True)
        await self.admissions.seen.flush()


@asynccontextmanager
async def gateway_process(url: str, clock: Clock, monotonic: Monotonic) -> AsyncIterator[GatewayProcess]:
    """One with connections of its own: beside the server where there may be one only, and deaf to its news there."""
    database = open_database(url, role=DatabaseRole.BESIDE)
    await database.start()
    process = GatewayProcess(database, clock, monotonic)
    try:
        yield process
        await process.flush()
    finally:
        await database.close()
