"""What statements, their values and their refusals look like, the same on both engines."""

import asyncio
from typing import Final

import pytest

from app.errors import StoreUnavailable
from app.store.connection import Engine, IntegrityViolation, Row, Transaction
from app.store.database import Database
from tests.store.notes import numbers

LONG: Final = {
    Engine.SQLITE: (
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 3000000)"
        " SELECT max(n) AS n FROM number"
    ),
    Engine.POSTGRES: "SELECT 3000000 AS n FROM pg_sleep(0.5)",
}


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("INSERT INTO note VALUES (1, 'another')", "note_pkey"),
        ("INSERT INTO note VALUES (2, 'note 1')", "note_unique_text"),
        ("INSERT INTO note VALUES (2, 'twenty characters or so')", "note_short"),
        ("INSERT INTO note VALUES (2, NULL)", "note.text"),
        ("INSERT INTO pair VALUES (1, 1)", "pair_a_b_key"),
        ("DELETE FROM pair", "pair_kept"),
    ],
)
async def test_a_violation_names_the_constraint_alike_on_both_engines(
    notes: Database, statement: str, constraint: str
) -> None:
    async def seed(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES (1, 'note 1')")
            await transaction.execute("INSERT INTO pair VALUES (1, 1)")

    async def violate(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute(statement)

    await notes.write("a", seed)
    with pytest.raises(IntegrityViolation) as refusal:
        await notes.write("a", violate)
    assert refusal.value.constraint == constraint


async def test_execute_counts_the_rows_of_its_own_statement(notes: Database) -> None:
    counts: list[int] = []

    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO pair VALUES (1, 1), (2, 2), (3, 3)")
            counts.append(await transaction.execute("INSERT INTO note VALUES (1, 'a'), (2, 'b')"))
            counts.append(await transaction.execute("UPDATE note SET text = text || '!'"))
            counts.append(await transaction.execute("UPDATE note SET text = 'c' WHERE id = 7"))
            counts.append(await transaction.execute("INSERT INTO note VALUES (3, 'c') RETURNING id"))
            counts.append(await transaction.execute("DELETE FROM note WHERE id < 3"))

    await notes.write("a", unit)
    assert counts == [2, 2, 0, 1, 2]


async def test_values_come_back_as_they_were_given(notes: Database) -> None:
    flag = True

    async def unit(transaction: Transaction) -> Row | None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES ($1, $2)", 2**31 - 1, "$1 é ?1")
            await transaction.execute("INSERT INTO line VALUES ($1, $2, $3)", 2**31 - 1, flag, b"\0\xff$1")
            return await transaction.fetch_one("SELECT raw FROM line WHERE note_id = $2 AND flag = $1", flag, 2**31 - 1)

    row = await notes.write("a", unit)
    assert row is not None
    assert row["raw"] == b"\0\xff$1"
    found = await notes.reads.fetch_one("SELECT text, '$1' AS kept FROM note WHERE id = $1", 2**31 - 1)
    assert found is not None
    assert (found["text"], found["kept"]) == ("$1 é ?1", "$1")
    assert await notes.reads.fetch_one("SELECT id FROM note WHERE id = $1", 1) is None


async def test_readers_cannot_write(notes: Database) -> None:
    with pytest.raises(StoreUnavailable):
        await notes.reads.fetch("INSERT INTO note VALUES (1, 'by a reader')")
    assert await numbers(notes) == []


async def test_probe_answers_when_all_is_well(notes: Database) -> None:
    await notes.probe()


async def test_who_closes_waits_for_a_statement_under_way(notes: Database, engine: Engine) -> None:
    """Seen to fail with a connection that goes back to a pool that is no longer known, which waits for it for ever."""
    under_way = asyncio.create_task(notes.reads.fetch_one(LONG[engine]))
    async with asyncio.timeout(60):
        await asyncio.sleep(0.1)
        await notes.close()
        row = await under_way
    assert row is not None
    assert row["n"] == 3_000_000
    with pytest.raises(StoreUnavailable):
        await notes.reads.fetch_one(LONG[engine])
