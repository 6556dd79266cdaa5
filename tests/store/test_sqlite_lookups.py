"""What is looked up on the event loop: it sees what was committed, and holds the loop for nobody."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from app.errors import StoreUnavailable
from app.store import sqlite_reads
from app.store.connection import Transaction
from app.store.database import Database, open_database
from app.store.sqlite_lookups import LOOKUP_SECONDS
from tests.store.test_sqlite_engine import ENDLESS

COUNT = "SELECT count(*) AS n FROM note"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "anchorage.db"
    with closing(sqlite3.connect(path)) as file:
        file.executescript("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
    database = open_database(f"sqlite://{path}", models=())
    await database.start()
    yield database
    await database.close()


async def write(transaction: Transaction) -> None:
    async with transaction.savepoint():
        await transaction.execute("INSERT INTO note (text) VALUES ($1)", "x")


async def test_a_lookup_sees_what_was_committed_before_it_and_needs_no_other_thread(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sqlite_reads.SqliteReads, "run")
    for number in range(3):
        rows = await database.lookups.fetch(COUNT)
        assert rows[0]["n"] == number
        await database.write("a", write)


async def test_what_takes_long_is_handed_to_a_thread_and_the_loop_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.sqlite_reads.STATEMENT_SECONDS", 0.5)
    long = asyncio.create_task(database.lookups.fetch(ENDLESS))
    await asyncio.sleep(0)

    rows = await database.lookups.fetch(COUNT)

    assert LOOKUP_SECONDS <= 0.01
    assert rows[0]["n"] == 0
    assert not long.done()
    with pytest.raises(StoreUnavailable):
        await long


async def test_nothing_is_written_by_a_lookup(database: Database) -> None:
    with pytest.raises((StoreUnavailable, sqlite3.Error)):
        await database.lookups.fetch("INSERT INTO note (text) VALUES ('x') RETURNING id")

    assert (await database.lookups.fetch(COUNT))[0]["n"] == 0


async def test_a_database_that_is_closed_is_said_to_be(database: Database) -> None:
    await database.close()

    with pytest.raises(StoreUnavailable):
        await database.lookups.fetch(COUNT)
