"""Refused devices are counted, whatever becomes of the entries that tell of them, and of the writes that count them.

Seen to fail where whoever came during a write that failed waited for the next flush, or for a database that hangs;
where each refusal was a write of its own; where what waits had no bound; and where a cancelled request took the counts
of others with it.
"""

import asyncio
from datetime import timedelta

import pytest

from app.services import refused_devices
from app.services.bursts import SINGLY
from app.services.certificates import DeleteCertificate
from app.store import denials, reads
from app.store.denials import Total
from tests.connecting import Gateway, device
from tests.house import House, actor_of
from tests.rules.authority import Made, make
from tests.services.refusing import Blacklisted, Held, all_end, counted

STRANGER = make("X")
MINUTES = timedelta(minutes=2)


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


async def test_denials_of_a_deleted_record_are_forgotten(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that are counted when it is deleted already; a record that stands keeps its own."""
    monkeypatch.setattr(denials, "FORGOTTEN_AT_ONCE", 1)
    devices, others = [await Blacklisted.of(house, 3) for _ in range(2)]
    tasks = await devices.come([0, 1, 2])
    await devices.writes.asked.acquire()
    account = await reads.account(house.database.reads, devices.gateway.account_id)
    assert account is not None
    await house.perform(actor_of(account), DeleteCertificate(devices.record_id))
    await others.back()
    await others.ask(0)
    devices.writes.is_away = False
    devices.writes.answered.set()
    await all_end(tasks)
    assert (await devices.total(), await others.total()) == (Total(3, 3), Total(1, 1))

    house.clock.advance(refused_devices.TIDY_EVERY)
    await others.gateway.flush()

    assert (await devices.total(), await others.total()) == (Total(0, 0), Total(1, 1))
    await devices.gateway.flush()
