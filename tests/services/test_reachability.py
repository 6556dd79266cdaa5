"""A database that hangs holds up one of those who ask, for a second, and nobody else."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest

from app.errors import StoreUnavailable, Unauthenticated
from app.services.reachability import LATE_SECONDS, READ_SECONDS, RETRY_SECONDS, SLOW_SECONDS, Reachability


@dataclass
class Hung:
    """A database that answers when it is told to, and a clock that stands still until then."""

    now: float = 100.0
    asked: int = 0
    error: Exception | None = None
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    def monotonic(self) -> float:
        """See `Monotonic`."""
        return self.now

    async def read(self) -> str:
        """What is asked."""
        self.asked += 1
        await self.answering.wait()
        if self.error is not None:
            raise self.error
        return "read"


async def fail(reach: Reachability, hung: Hung, *, after: float) -> None:
    """Let a read fail after so many seconds."""
    hung.answering.clear()
    reading = asyncio.create_task(reach.read(hung.read))
    await asyncio.sleep(0)
    hung.now += after
    hung.error = StoreUnavailable("gone")
    hung.answering.set()
    with pytest.raises(StoreUnavailable):
        await reading


async def test_after_a_slow_failure_nobody_waits_but_one_who_tries_again() -> None:
    hung = Hung()
    reach = Reachability(hung.monotonic)
    await fail(reach, hung, after=READ_SECONDS)
    assert (reach.hangs, hung.asked) == (True, 1)

    with pytest.raises(StoreUnavailable):
        await reach.read(hung.read)
    assert hung.asked == 1, "nobody asks so soon"

    hung.now += RETRY_SECONDS
    hung.error = None
    hung.answering.clear()
    trying = asyncio.create_task(reach.read(hung.read))
    await asyncio.sleep(0)
    for _ in range(3):
        hung.now += READ_SECONDS / 4
        with pytest.raises(StoreUnavailable):
            await reach.read(hung.read)
    assert hung.asked == 2, "while one tries the others do not"

    hung.answering.set()
    assert await trying == "read"
    assert (reach.hangs, reach.unread_since) == (False, None)
    assert await reach.read(hung.read) == "read"


async def test_what_fails_at_once_is_tried_again_at_once() -> None:
    hung = Hung()
    reach = Reachability(hung.monotonic)
    for _ in range(3):
        await fail(reach, hung, after=SLOW_SECONDS / 2)
    assert (reach.hangs, hung.asked) == (False, 3)
    assert reach.unread_since == 100.0


async def test_a_refusal_is_an_answer() -> None:
    hung = Hung()
    reach = Reachability(hung.monotonic)
    await fail(reach, hung, after=READ_SECONDS)
    hung.now += RETRY_SECONDS
    hung.error = Unauthenticated("wrong")
    with pytest.raises(Unauthenticated):
        await reach.read(hung.read)
    assert (reach.hangs, reach.unread_since) == (False, None)


async def test_who_gives_up_while_trying_leaves_it_to_another() -> None:
    hung = Hung()
    reach = Reachability(hung.monotonic)
    await fail(reach, hung, after=READ_SECONDS)
    hung.now += RETRY_SECONDS
    hung.answering.clear()
    trying = asyncio.create_task(reach.read(hung.read))
    await asyncio.sleep(0)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying

    hung.error = None
    hung.answering.set()
    hung.now += READ_SECONDS + RETRY_SECONDS
    assert await reach.read(hung.read) == "read"


async def test_a_read_is_given_up_after_its_time() -> None:
    loop = asyncio.get_running_loop()
    reach = Reachability(loop.time)
    with pytest.raises(StoreUnavailable):
        await reach.read(Hung().read)
    assert reach.hangs


async def test_a_read_that_takes_long_while_others_are_answered_tells_nobody_anything() -> None:
    reach = Reachability(asyncio.get_running_loop().time)
    slow, quick = Hung(), Hung()
    quick.answering.set()
    waiting = asyncio.create_task(reach.read(slow.read))
    while not waiting.done():
        assert await reach.read(quick.read) == "read"
        await asyncio.sleep(READ_SECONDS / 10)

    with pytest.raises(StoreUnavailable):
        await waiting
    assert (reach.hangs, reach.unread_since) == (False, None)


async def test_what_the_process_itself_is_late_for_is_waited_for() -> None:
    reach = Reachability(asyncio.get_running_loop().time)
    hung = Hung()
    reading = asyncio.create_task(reach.read(hung.read))
    await asyncio.sleep(0)
    time.sleep(READ_SECONDS + 2 * LATE_SECONDS)  # noqa: ASYNC251 - what a process does that has much to do
    await asyncio.sleep(0.05)
    hung.answering.set()

    assert await reading == "read"
    assert not reach.hangs
