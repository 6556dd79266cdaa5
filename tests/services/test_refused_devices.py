"""Refused devices are counted, whatever becomes of the entries that tell of them, and of the writes that count them.

Seen to fail where whoever came during a write that failed waited for the next flush, or for a database that hangs;
where each refusal was a write of its own; where what waits had no bound; and where a cancelled request took the counts
of others with it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app.audit.entry import Act
from app.errors import AuditUnavailable
from app.reasons import Reason
from app.services import refused_devices
from app.services.bursts import SINGLY
from app.services.certificates import SetCertificateStatus
from app.services.door import Door
from app.store import denials
from app.store.batching import T, Unit
from app.store.database import Database
from app.store.denials import Total
from app.store.device_rows import DeviceRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device
from tests.house import House, Said, actor_of, upload_of
from tests.rules.authority import Made, make

STRANGER = make("X")
MINUTES = timedelta(minutes=2)


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


async def asking(house: House) -> tuple[Gateway, Held]:
    """A gateway that asks about strangers, and what stands before the log."""
    gateway = Gateway(house, (await house.account()).id)
    held = Held(house.door)
    gateway.admissions.refused.door = held  # type: ignore[assignment]
    return gateway, held


async def come(gateway: Gateway, held: Held, strangers: list[Made]) -> list[asyncio.Task[object]]:
    """Strangers whose refusals are being written."""
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(gateway.ask(each)) for each in strangers]
    for _ in strangers:
        await held.asked.acquire()
    return tasks


async def counted(house: House, gateway: Gateway) -> int:
    """How many refused devices the log tells of."""
    await gateway.flush()
    log = [Said.of(entry) for entry in await house.log_of(gateway.account_id)]
    refused = [one for one in log if (one.action, one.result) == ("device.connect", "refused")]
    changes: list[Any] = [one.body["change"] for one in refused]
    return sum(change.get("count", 1) for change in changes)


async def test_a_refusal_whose_entry_is_under_way_while_its_minute_ends_is_counted(house: House) -> None:
    gateway, held = await asking(house)
    tasks = await come(gateway, held, [device(f"x{number}", STRANGER) for number in range(5)])

    house.clock.advance(MINUTES)
    await gateway.admissions.refused.flush()
    held.answered.set()
    await asyncio.gather(*tasks)
    held.is_away = False

    assert await counted(house, gateway) == 5


async def test_what_came_while_a_summary_could_not_be_written_is_counted_with_it(house: House) -> None:
    gateway, held = await asking(house)
    held.answered.set()
    await asyncio.gather(*await come(gateway, held, [device(f"x{number}", STRANGER) for number in range(SINGLY)]))

    house.clock.advance(MINUTES)
    held.answered.clear()
    flushing = asyncio.create_task(gateway.admissions.refused.flush())
    await held.asked.acquire()
    tasks = await come(gateway, held, [device(f"y{number}", STRANGER) for number in range(3)])
    held.answered.set()
    await asyncio.gather(flushing, *tasks)
    held.is_away = False

    assert await counted(house, gateway) == SINGLY + 3


@dataclass
class Writes:
    """A database that can be read, and written unless it is away; neither is said before `answered` is set."""

    database: Database
    is_away: bool = True
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    count: int = 0

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


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers wait for what is written however long it takes."""
    monkeypatch.setattr(refused_devices, "HOLD_SECONDS", 600.0)


@pytest.mark.usefixtures("patient")
async def test_who_comes_during_a_write_that_fails_is_answered_after_the_next(house: House) -> None:
    devices = await Blacklisted.of(house, 2)
    first = await devices.come([0])
    await devices.writes.asked.acquire()
    second = await devices.come([1])

    devices.writes.answered.set()
    await all_end(first + second)

    assert await devices.total() == Total(0, 0)
    await devices.back()
    assert await devices.total() == Total(2, 2)


@pytest.mark.usefixtures("patient")
async def test_those_who_come_during_a_write_are_one_write_before_they_are_answered(house: House) -> None:
    devices = await Blacklisted.of(house, 6)
    devices.writes.is_away = False
    first = await devices.come([0])
    await devices.writes.asked.acquire()
    others = [task for number in (1, 2, 3, 4, 5, 1) for task in await devices.come([number])]

    devices.writes.answered.set()
    await all_end(first + others)

    assert await devices.total() == Total(6, 7)
    assert devices.writes.count == 2
    await devices.gateway.flush()


async def test_a_request_that_is_cancelled_takes_no_counts_with_it(house: House) -> None:
    devices = await Blacklisted.of(house, 2)
    tasks = await devices.come([0, 1])
    await devices.writes.asked.acquire()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    await devices.back()

    assert await devices.total() == Total(2, 2)
    assert await counted(house, devices.gateway) == 2


async def test_what_waits_is_bounded_and_no_attempt_is_lost(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full: the database can be read, and not written."""
    monkeypatch.setattr(refused_devices, "WAITING_LIMIT", 3)
    devices = await Blacklisted.of(house, 5)
    devices.writes.answered.set()
    for number in (0, 1, 2, 3, 4, 3, 0):
        await devices.ask(number)

    await devices.back()

    assert await devices.total() == Total(3 + 1, 7)
    now = [await devices.gateway.device(each.id) for each in devices.devices]
    assert [row.refused_at is not None for row in now] == [True, True, True, False, False]


async def test_a_database_that_hangs_holds_no_answer_for_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_devices, "HOLD_SECONDS", 0.05)
    devices = await Blacklisted.of(house, 2)
    devices.log.is_away = True

    await all_end([asyncio.create_task(devices.ask(number)) for number in (0, 1, 0)])
    assert await devices.total() == Total(0, 0)

    devices.log.is_away = False
    devices.log.answered.set()
    await devices.back()
    await devices.ask(1)
    assert await devices.total() == Total(2, 4)
    assert await counted(house, devices.gateway) == 4


async def test_denials_of_devices_past_the_limit_are_counted_together(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "DEVICES_LIMIT", 2)
    devices = await Blacklisted.of(house, 5)
    await devices.back()
    for _ in range(2):
        for number in range(5):
            await devices.ask(number)
    assert await devices.total() == Total(2 + 1, 10)

    devices.writes.answered.clear()
    tasks = await devices.come([4, 3, 2, 1, 0])
    devices.writes.answered.set()
    await all_end(tasks)

    assert await devices.total() == Total(2 + 1, 15)
    await devices.gateway.flush()
