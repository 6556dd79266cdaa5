"""Devices that are refused, with what stands before the log and before the counts of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.audit.entry import Act
from app.errors import AuditUnavailable
from app.reasons import Reason
from app.services.certificates import SetCertificateStatus
from app.services.door import Door
from app.store import denials
from app.store.batching import T, Unit
from app.store.connection import Connection
from app.store.database import Database
from app.store.denials import Total
from app.store.device_rows import DeviceRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device
from tests.house import House, Said, actor_of, upload_of
from tests.rules.authority import Made, make


@dataclass
class Held:
    """A door whose log is away, and does not say so before `answered` is set."""

    door: Door
    is_away: bool = True
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def record(self, act: Act, stream: str) -> None:
        """See `Door.record`."""
        self.asked.release()
        if self.is_away:
            await self.answered.wait()
            raise AuditUnavailable("The log is away.")
        await self.door.record(act, stream)


async def counted(house: House, gateway: Gateway) -> int:
    """How many refused devices the log tells of."""
    await gateway.flush()
    log = [Said.of(entry) for entry in await house.log_of(gateway.account_id)]
    refused = [one for one in log if (one.action, one.result) == ("device.connect", "refused")]
    changes: list[Any] = [one.body["change"] for one in refused]
    return sum(change.get("count", 1) for change in changes)


@dataclass
class Writes:
    """A database that can be read, and written unless it is away; neither is said before `answered` is set."""

    database: Database
    is_away: bool = True
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    count: int = 0

    @property
    def reads(self) -> Connection:
        """See `Database.reads`."""
        return self.database.reads

    async def write(self, key: str, unit: Unit[T]) -> T:
        """See `Database.write`."""
        self.count += 1
        self.asked.release()
        await self.answered.wait()
        if self.is_away:
            raise AuditUnavailable("The database is away.")
        return await self.database.write(key, unit)


@dataclass
class Blacklisted:
    """Devices that came in, and whose CA was blacklisted since; what stands before the log, and before the counts."""

    house: House
    gateway: Gateway
    record_id: str
    made: list[Made]
    devices: list[DeviceRow]
    log: Held
    writes: Writes

    @classmethod
    async def of(cls, house: House, count: int) -> "Blacklisted":
        account = await house.account()
        ca, actor = make("CA"), actor_of(account)
        record = await house.perform(actor, upload_of(ca, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M))
        gateway = Gateway(house, account.id)
        made = [device(f"d{number}", ca) for number in range(count)]
        devices = [await gateway.let_in(each, service=Service.LWM2M) for each in made]
        await house.perform(actor, SetCertificateStatus(record.id, Status.INACTIVE))
        log, writes = Held(house.door, is_away=False), Writes(house.database)
        gateway.admissions.refused.door = log  # type: ignore[assignment]
        gateway.admissions.refused.database = writes  # type: ignore[assignment]
        return cls(house, gateway, record.id, made, devices, log, writes)

    async def ask(self, number: int) -> None:
        """Have a device come, and be refused."""
        answer = await self.gateway.ask(self.made[number], service=Service.LWM2M)
        assert answer.decision.reason is Reason.BLACKLISTED

    async def come(self, numbers: Sequence[int]) -> list[asyncio.Task[None]]:
        """Devices that have come, and are counted, and may not be answered yet."""
        tasks = [asyncio.create_task(self.ask(number)) for number in numbers]
        for _ in numbers:
            await self.log.asked.acquire()
        return tasks

    async def back(self) -> None:
        """The database is there again, and what waits is written."""
        self.writes.is_away = False
        self.writes.answered.set()
        await self.gateway.flush()

    async def total(self) -> Total:
        """What is counted of the record."""
        found = await denials.totals(self.house.database.reads, self.gateway.account_id, [self.record_id])
        return found[self.record_id]


async def all_end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Those who asked are answered."""
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
