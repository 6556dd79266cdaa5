"""When devices were last let in is kept until it is written, and bounded.

Seen to fail where a flush that was cancelled, or whose second write failed, lost what it had taken out.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from app.errors import AuditUnavailable
from app.services import last_seen
from app.services.last_seen import LastSeen
from app.store.batching import T, Unit
from app.store.database import Database
from app.terms import Service, Usage
from tests.connecting import Gateway, device
from tests.house import House, actor_of, upload_of
from tests.rules.authority import make

COUNT = 3


@dataclass
class Writes:
    """A database that takes so many writes, and then fails; or says nothing before it is told to."""

    database: Database
    left: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, key: str, unit: Unit[T]) -> T:
        """See `Database.write`."""
        self.asked.set()
        await self.answered.wait()
        if not self.left:
            raise AuditUnavailable("The database is away.")
        self.left -= 1
        return await self.database.write(key, unit)


@dataclass
class Fleet:
    """Devices that have come in, one of them noted in a transaction."""

    gateway: Gateway
    ids: list[str]
    writes: Writes
    seen: LastSeen

    @classmethod
    async def of(cls, house: House) -> "Fleet":
        account = await house.account()
        ca, gateway = make("CA"), Gateway(house, account.id)
        await house.perform(actor_of(account), upload_of(ca, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M))
        ids = [(await gateway.let_in(device(f"d{n}", ca), service=Service.LWM2M)).id for n in range(COUNT)]
        await gateway.flush()
        house.clock.advance(timedelta(hours=1))
        writes = Writes(house.database)
        return cls(gateway, sorted(ids), writes, LastSeen(writes))  # type: ignore[arg-type]

    def see(self, at: datetime) -> None:
        """All of them come again."""
        for each in self.ids:
            self.seen.seen(each, at)

    async def noted(self, at: datetime) -> int:
        """How many are noted as seen then."""
        return [(await self.gateway.device(each)).last_seen_at for each in self.ids].count(at)


@pytest.fixture
def one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction notes one device."""
    monkeypatch.setattr(last_seen, "AT_ONCE", 1)


@pytest.mark.usefixtures("one_at_once")
async def test_what_is_left_after_a_write_that_failed_is_written_the_next_time(house: House) -> None:
    fleet, at = await Fleet.of(house), house.clock()
    fleet.see(at)
    fleet.writes.answered.set()

    for written in range(COUNT):
        fleet.writes.left = 1
        await fleet.seen.flush()
        assert await fleet.noted(at) == written + 1

    fleet.writes.asked.clear()
    await fleet.seen.flush()
    assert not fleet.writes.asked.is_set(), "nothing is left"


@pytest.mark.usefixtures("one_at_once")
async def test_a_flush_that_is_cancelled_loses_nothing(house: House) -> None:
    fleet, at = await Fleet.of(house), house.clock()
    fleet.see(at)
    flushing = asyncio.create_task(fleet.seen.flush())
    await fleet.writes.asked.wait()
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)

    fleet.writes.left = COUNT
    fleet.writes.answered.set()
    await fleet.seen.flush()

    assert await fleet.noted(at) == COUNT


async def test_who_comes_again_while_it_is_written_is_noted_again(house: House) -> None:
    fleet, at = await Fleet.of(house), house.clock()
    later = at + timedelta(seconds=1)
    fleet.see(at)
    flushing = asyncio.create_task(fleet.seen.flush())
    await fleet.writes.asked.wait()
    fleet.see(later)
    fleet.writes.left = 2
    fleet.writes.answered.set()
    await flushing
    assert await fleet.noted(at) == COUNT

    await fleet.seen.flush()
    assert await fleet.noted(later) == COUNT


async def test_devices_past_the_bound_are_not_noted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_seen, "DEVICES_LIMIT", 2)
    fleet, at = await Fleet.of(house), house.clock()
    fleet.see(at)
    fleet.writes.left = COUNT
    fleet.writes.answered.set()

    await fleet.seen.flush()
    assert await fleet.noted(at) == 2

    fleet.seen.seen(fleet.ids[2], at)
    await fleet.seen.flush()
    assert await fleet.noted(at) == COUNT, "there is room again"
