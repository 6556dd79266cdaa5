"""Whoever waits for a key hears of its commits, and loses no news between reading and waiting."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.store.connection import Transaction
from app.store.database import Database, open_database
from app.store.postgres_wakes import MAX_PAYLOAD_BYTES, payloads
from app.store.wakes import Watch

NEVER = 30.0


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database."""
    database = open_database(database_url, models=())
    await database.start()
    yield database
    await database.close()


async def nothing(transaction: Transaction) -> None:
    """A unit of work that does nothing."""
    del transaction


async def test_a_commit_wakes_who_waits_for_its_key(database: Database) -> None:
    with database.wakes.watch("a") as watch:
        waiting = asyncio.create_task(watch.wait(NEVER))
        await asyncio.sleep(0)
        await database.write("a", nothing)
        async with asyncio.timeout(5):
            await waiting


async def test_news_between_reading_and_waiting_are_not_lost(database: Database) -> None:
    with database.wakes.watch("a") as watch:
        await database.write("a", nothing)
        async with asyncio.timeout(5):
            await watch.wait(NEVER)


async def test_old_news_and_other_keys_wake_nobody(database: Database) -> None:
    """But for the moment in which a process begins to hear PostgreSQL's news, which wakes everybody once."""
    with database.wakes.watch("a") as watch:
        await database.write("a", nothing)
        await watch.wait(NEVER)
        assert not all([await woken_by_another_key(database, watch) for _ in range(2)])


async def woken_by_another_key(database: Database, watch: Watch) -> bool:
    await database.write("b", nothing)
    waiting = asyncio.create_task(watch.wait(NEVER))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    waiting.cancel()
    return bool(done)


async def test_waiting_ends_at_its_time_out(database: Database) -> None:
    with database.wakes.watch("a") as watch:
        async with asyncio.timeout(5):
            await watch.wait(0.01)


async def test_every_watch_of_a_key_wakes(database: Database) -> None:
    with database.wakes.watch("a") as one, database.wakes.watch("a") as two:
        await database.write("a", nothing)
        async with asyncio.timeout(5):
            await asyncio.gather(one.wait(NEVER), two.wait(NEVER))


def test_keys_are_packed_into_payloads_that_postgresql_accepts() -> None:
    keys = [f"account-{number}-é" * 20 for number in range(200)]
    packed = list(payloads([*keys, "x" * 8000]))
    assert all(len(one.encode()) <= MAX_PAYLOAD_BYTES for one in packed)
    assert "\n".join(packed).split("\n") == keys
    assert len(packed) < 12
