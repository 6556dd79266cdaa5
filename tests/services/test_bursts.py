"""What is refused in bursts is counted, whatever becomes of the entries, of those who ask, and however many kinds come.

Seen to fail where a burst past the limit was forgotten, where one was ended while an entry of it was being written,
where what came during a failed summary replaced it, and where a cancelled request took its refusal back.
"""

import asyncio
from datetime import timedelta

import pytest

from app.services import bursts
from app.services.bursts import PERIOD, SINGLY, Bursts, Many
from tests.house import SteppingClock

Kind = tuple[str, str]


class Log:
    """What was written, unless it is away; it answers once `answering` is set."""

    def __init__(self) -> None:
        self.singly: list[Kind] = []
        self.summed = dict[Kind, int]()
        self.is_away = False
        self.answering = asyncio.Event()
        self.answering.set()
        self.asked = asyncio.Event()
        self.clock = SteppingClock()
        self.bursts: Bursts[Kind, Kind] = Bursts(self.clock, self.record, lambda kind: ("many", kind[1]))

    async def record(self, refusal: Kind, many: Many | None) -> bool:
        """See `Bursts`."""
        is_away = self.is_away
        self.asked.set()
        await self.answering.wait()
        if not is_away and many is None:
            self.singly.append(refusal)
        elif not is_away and many is not None:
            assert many.first <= many.last
            self.summed[refusal] = self.summed.get(refusal, 0) + many.count
        return not is_away

    @property
    def counted(self) -> int:
        """How many it tells of."""
        return len(self.singly) + sum(self.summed.values())


@pytest.fixture
async def log() -> Log:
    """Nothing was refused yet."""
    return Log()


ONE = ("one", "UNKNOWN")


async def test_after_twenty_of_a_minute_the_rest_are_one_entry(log: Log) -> None:
    for _ in range(SINGLY + 3):
        await log.bursts.add(ONE, ONE)
    await log.bursts.flush()
    assert (len(log.singly), log.summed) == (SINGLY, {})

    log.clock.advance(PERIOD)
    await log.bursts.add(ONE, ONE)
    assert (len(log.singly), log.summed) == (SINGLY + 1, {ONE: 3})


async def test_kinds_past_the_limit_are_counted_together(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bursts, "KINDS_LIMIT", 3)
    for number in range(100):
        await log.bursts.add((f"client {number}", "UNKNOWN"), (f"client {number}", "UNKNOWN"))
    await log.bursts.flush(everything=True)
    assert log.counted == 100
    assert len(log.singly) == 3 + SINGLY


async def test_a_burst_does_not_end_while_an_entry_of_it_is_written(log: Log) -> None:
    log.is_away = True
    log.answering.clear()
    adding = asyncio.create_task(log.bursts.add(ONE, ONE))
    await log.asked.wait()
    log.clock.advance(2 * PERIOD)
    await log.bursts.flush()
    log.answering.set()
    await adding

    log.is_away = False
    await log.bursts.flush()
    assert log.summed == {ONE: 1}


async def test_what_comes_while_a_summary_fails_is_counted_with_it(log: Log) -> None:
    for _ in range(SINGLY + 5):
        await log.bursts.add(ONE, ONE)
    log.clock.advance(PERIOD)
    log.is_away = True
    log.answering.clear()
    log.asked.clear()
    flushing = asyncio.create_task(log.bursts.flush())
    await log.asked.wait()
    log.bursts.add_later(ONE, ONE)
    log.answering.set()
    await flushing

    log.is_away = False
    await log.bursts.flush()
    assert (len(log.singly), log.summed) == (SINGLY, {ONE: 6})


async def test_who_is_cancelled_takes_nothing_back(log: Log) -> None:
    """Neither the refusal that is being recorded, nor the burst before it whose minute is over."""
    for _ in range(SINGLY + 5):
        await log.bursts.add(ONE, ONE)
    log.clock.advance(PERIOD + timedelta(seconds=1))
    log.is_away = True
    log.answering.clear()
    log.asked.clear()
    adding = asyncio.create_task(log.bursts.add(ONE, ONE))
    await log.asked.wait()
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)
    log.is_away = False
    log.answering.set()
    await log.bursts.add(ONE, ONE)

    await log.bursts.flush(everything=True)
    assert log.counted == SINGLY + 5 + 2
