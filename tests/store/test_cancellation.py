"""T1: callers come and go at any moment; the engine stays whole.

The planted bug is Tortoise's own engine, which the last test puts through the same: it hangs or leaks.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.store.connection import Engine, Transaction
from app.store.database import Database, open_database
from app.store.migrate import migrate
from tests.store import stock_engine
from tests.store.conformance import ROUNDS, Refused, require_conformance


@pytest.fixture
async def database(database_url: str, engine: Engine, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with the table of the conformance test."""
    (tmp_path / f"0001_note.{engine}.sql").write_text("CREATE TABLE note (id INTEGER PRIMARY KEY);", encoding="utf-8")
    await migrate(database_url, folder=tmp_path)
    database = open_database(database_url, models=(), migrations=tmp_path, pool_size=5)
    await database.start()
    yield database
    await database.close()


class OurEngine:
    """See `conformance.Subject`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.submitted: set[int] = set()
        """Everything that a caller asked for before it was cancelled."""

    async def write(self, number: int, *, refuse: bool) -> None:
        """See `conformance.Subject.write`. Five keys, so that on PostgreSQL several lanes work at once."""

        async def unit(transaction: Transaction) -> None:
            async with transaction.savepoint():
                await transaction.execute("INSERT INTO note VALUES ($1)", number)
                if refuse:
                    raise Refused

        self.submitted.add(number)
        await self._database.write(f"key {number % 5}", unit)

    async def numbers(self) -> list[int]:
        """See `conformance.Subject.numbers`."""
        return [row["id"] for row in await self._database.reads.fetch("SELECT id FROM note")]


async def test_400_cancellations_leave_no_hang_no_leak_and_no_ghost(database: Database) -> None:
    await require_conformance(OurEngine(database))


async def test_a_unit_whose_caller_was_cancelled_is_done_all_the_same(database: Database) -> None:
    ours = OurEngine(database)
    await require_conformance(ours)
    kept = {number for number in ours.submitted if number >= ROUNDS or number % 3}
    assert set(await ours.numbers()) == kept


async def test_every_connection_works_after_cancellations(database: Database) -> None:
    await require_conformance(OurEngine(database))
    lanes = 1 if database.engine is Engine.SQLITE else 5
    inside = asyncio.Barrier(lanes)

    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.fetch("SELECT 1")
            await inside.wait()

    async with asyncio.timeout(10):
        await asyncio.gather(*(database.write(f"key {lane}", unit) for lane in range(lanes)))


async def test_tortoises_own_engine_does_not_pass_this_test(database_url: str, engine: Engine) -> None:
    """Why the engine is ours: if this ever fails, Tortoise may have become good enough to use as it is.

    Seen with tortoise-orm 1.1.9: on SQLite the first cancelled BEGIN locks the only connection for ever; on PostgreSQL
    all connections of the pool leak.
    """
    url = database_url.replace("postgres://", "asyncpg://") if engine is Engine.POSTGRES else database_url
    stock = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.store.stock_engine", url],
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert stock.stdout.strip() == stock_engine.READY, stock.stderr
    assert stock.returncode != 0
