"""Strangers are recorded, and cannot make the log grow as they like."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app.clock import system_clock
from app.ids import new_id
from app.rules.credential import Credential
from app.settings import Settings
from app.transport.gate import WRONG_KEYS_PER_MINUTE
from tests.transport.http.conftest import Customer
from tests.transport.http.running import Running, serving
from tests.transport.http.test_framing import POST, statuses

PIPELINED = 50


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, 12, 0, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The instant that the test set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Stands still until it is moved."""
    return Clock()


@pytest.fixture
async def running(settings: Settings, clock: Clock) -> AsyncIterator[Running]:
    """A server in one minute."""
    async with serving(settings, clock=clock) as server:
        yield server


def wrong_key() -> str:
    """A key that is spelled right and that nobody made."""
    return Credential(new_id(system_clock()), secrets.token_bytes(32)).text


def request_with(key: str, *, last: bool) -> bytes:
    """A request, written out: a client library would be most of what these tests wait for."""
    end = b"Connection: close\r\n" if last else b""
    return POST + b"Authorization: Bearer %s\r\n%sContent-Length: 2\r\n\r\n{}" % (key.encode(), end)


async def try_keys(running: Running, count: int) -> list[int]:
    """Send that many wrong keys; answers with the statuses."""
    requests = [request_with(wrong_key(), last=n % PIPELINED == PIPELINED - 1) for n in range(count)]
    batches = (b"".join(requests[start : start + PIPELINED]) for start in range(0, count, PIPELINED))
    answers = await asyncio.gather(*(running.raw(batch) for batch in batches))
    found = [status for answer in answers for status in statuses(answer)]
    assert len(found) == count
    return found


async def test_1000_wrong_keys_are_at_most_21_entries_that_say_how_many(running: Running, clock: Clock) -> None:
    answered = await try_keys(running, 1_000)
    clock.now += timedelta(minutes=1)
    await running.parts.strangers.flush()
    entries = await running.entries("UNAUTHENTICATED")
    assert set(answered) == {401}
    assert len(entries) == 21
    counted = [entry["change"]["count"] for entry in entries if entry["change"]]
    assert 20 + sum(counted) == 1_000
    assert 'anchorage_refusals_total{code="UNAUTHENTICATED"} 1000.0' in running.parts.metrics.exposition().decode()


async def test_the_count_of_a_burst_is_written_when_the_server_stops(settings: Settings) -> None:
    async with serving(settings) as running:
        await try_keys(running, 50)
    async with serving(settings) as running:
        entries = await running.entries("UNAUTHENTICATED")
    assert [entry["change"] is None for entry in entries] == [True] * 20 + [False]
    assert entries[-1]["change"]["count"] == 30


async def test_forgers_are_slowed_down_and_their_neighbours_are_not(
    running: Running, customer: Customer, clock: Clock
) -> None:
    assert (await running.operate(customer.key)).status_code == 200
    await try_keys(running, WRONG_KEYS_PER_MINUTE)
    assert (await running.operate(wrong_key())).status_code == 429
    assert (await running.operate(customer.key)).status_code == 200
    clock.now += timedelta(minutes=1)
    assert (await running.operate(wrong_key())).status_code == 401
