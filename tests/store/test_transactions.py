"""The contract of `Database.write`, its transactions and the readers, on the engine of this run."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from app.errors import AuditUnavailable, NotFound, StoreUnavailable
from app.store.batching import MAX_BATCH
from app.store.connection import Engine, IntegrityViolation, Row, Transaction
from app.store.database import Database, open_database
from app.store.migrate import migrate

TABLES = """
CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL, CONSTRAINT note_short CHECK (length(text) < 20));
CREATE UNIQUE INDEX note_unique_text ON note (text);
CREATE TABLE pair (a INTEGER NOT NULL, b INTEGER NOT NULL, UNIQUE (a, b));
CREATE TABLE line (note_id INTEGER NOT NULL REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED, flag BOOLEAN, raw BLOB);
"""
GUARD = {
    Engine.SQLITE: """
CREATE TRIGGER pair_kept BEFORE DELETE ON pair BEGIN SELECT RAISE(ABORT, 'pair_kept: pairs are for ever'); END;
CREATE TRIGGER note_copied AFTER UPDATE ON note BEGIN UPDATE pair SET b = b + 1; END;
""",
    Engine.POSTGRES: """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'pair_kept: pairs are for ever'; END $$;
CREATE TRIGGER pair_kept BEFORE DELETE ON pair FOR EACH ROW EXECUTE FUNCTION refuse();
""",
}


@pytest.fixture
def tables(engine: Engine, tmp_path: Path) -> Path:
    """A folder with one migration, which makes a few tables of this file's own."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    tables = TABLES if engine is Engine.SQLITE else TABLES.replace("BLOB", "BYTEA")
    (folder / f"0001_tables.{engine}.sql").write_text(tables + GUARD[engine], encoding="utf-8")
    return folder


@pytest.fixture
async def database(database_url: str, tables: Path) -> AsyncIterator[Database]:
    """A database with these tables."""
    await migrate(database_url, folder=tables)
    database = open_database(database_url, models=(), migrations=tables)
    await database.start()
    yield database
    await database.close()


def insert(number: int, text: str = "") -> Callable[[Transaction], Awaitable[int]]:
    """A unit of work that writes one note."""

    async def unit(transaction: Transaction) -> int:
        async with transaction.savepoint():
            return await transaction.execute("INSERT INTO note VALUES ($1, $2)", number, text or f"note {number}")

    return unit


async def write_and_refuse(transaction: Transaction, number: int) -> None:
    """Write a note, remember it, and refuse."""
    async with transaction.savepoint():
        await transaction.execute("INSERT INTO note VALUES ($1, 'ghost')", number)
        transaction.memo["head"] = number
        raise NotFound("no such thing")


async def numbers(database: Database) -> list[int]:
    """The notes that a reader sees."""
    return [row["id"] for row in await database.reads.fetch("SELECT id FROM note ORDER BY id")]


async def test_what_write_answered_is_there_for_every_reader(database: Database) -> None:
    assert await database.write("a", insert(1)) == 1
    assert await numbers(database) == [1]


async def test_units_that_wait_together_share_transactions_of_at_most_64(database: Database) -> None:
    transactions: list[int] = []

    async def unit(transaction: Transaction) -> None:
        transaction.memo["units"] = transaction.memo.get("units", 0) + 1
        if transaction.memo["units"] == 1:
            transactions.append(0)
        transactions[-1] += 1

    await asyncio.gather(*(database.write("a", unit) for _ in range(3 * MAX_BATCH)))
    assert sum(transactions) == 3 * MAX_BATCH
    assert max(transactions) == MAX_BATCH
    assert len(transactions) <= 4


async def test_units_of_one_key_run_in_the_order_of_their_coming(database: Database) -> None:
    order: list[int] = []

    def unit(number: int) -> Callable[[Transaction], Awaitable[None]]:
        async def append(_: Transaction) -> None:
            order.append(number)

        return append

    await asyncio.gather(*(database.write("a", unit(number)) for number in range(200)))
    assert order == list(range(200))


async def test_a_unit_that_raises_gets_its_exception_and_its_mates_go_on(database: Database) -> None:
    async def refuse(transaction: Transaction) -> None:
        await write_and_refuse(transaction, 99)

    async def collide(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES (98, 'ghost')")
            await transaction.execute("INSERT INTO note VALUES (1, 'again')")

    answers = await asyncio.gather(
        *(database.write("a", unit) for unit in (insert(1), refuse, insert(2), collide, insert(3))),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [int, NotFound, int, IntegrityViolation, int]
    assert await numbers(database) == [1, 2, 3]


async def test_what_a_raising_unit_did_outside_its_savepoint_is_committed(database: Database) -> None:
    async def refuse_and_record(transaction: Transaction) -> None:
        try:
            await write_and_refuse(transaction, 1)
        except NotFound:
            async with transaction.savepoint():
                await transaction.execute("INSERT INTO note VALUES (2, 'its record')")
            raise

    with pytest.raises(NotFound):
        await database.write("a", refuse_and_record)
    assert await numbers(database) == [2]


async def test_the_memo_lives_as_long_as_the_transaction_and_goes_back_with_a_savepoint(database: Database) -> None:
    seen: list[object] = []

    async def first(transaction: Transaction) -> None:
        transaction.memo["head"] = 1
        with pytest.raises(NotFound):
            await write_and_refuse(transaction, 2)
        seen.append(transaction.memo["head"])

    async def second(transaction: Transaction) -> None:
        seen.append(transaction.memo.get("head"))

    await asyncio.gather(database.write("a", first), database.write("a", second))
    await database.write("a", second)
    assert seen == [1, 1, None]


async def test_savepoints_nest(database: Database) -> None:
    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES (1, 'outer')")
            with pytest.raises(NotFound):
                await write_and_refuse(transaction, 2)
            await transaction.execute("INSERT INTO note VALUES (3, 'outer again')")

    await database.write("a", unit)
    assert await numbers(database) == [1, 3]


async def test_nothing_goes_on_in_a_savepoint_in_which_a_statement_failed(database: Database) -> None:
    async def swallow(transaction: Transaction) -> None:
        async with transaction.savepoint():
            with pytest.raises(IntegrityViolation):
                await transaction.execute("INSERT INTO note VALUES (1, $1)", "x" * 20)
            with pytest.raises(RuntimeError, match="roll it back"):
                await transaction.execute("INSERT INTO note VALUES (2, 'after')")

    with pytest.raises(RuntimeError, match="went nowhere"):
        await database.write("a", swallow)
    await database.write("a", insert(3))
    assert await numbers(database) == [3]


async def test_a_statement_that_fails_outside_a_savepoint_costs_the_batch_and_nothing_else(database: Database) -> None:
    async def careless(transaction: Transaction) -> None:
        await transaction.execute("INSERT INTO note VALUES (1, NULL)")

    answers = await asyncio.gather(
        *(database.write("a", unit) for unit in (insert(2), careless, insert(3))), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {AuditUnavailable}
    assert isinstance(answers[1], AuditUnavailable)
    assert isinstance(answers[1].__cause__, IntegrityViolation)
    await database.write("a", insert(4))
    assert await numbers(database) == [4]


async def test_a_transaction_does_not_outlive_its_unit(database: Database) -> None:
    kept: list[Transaction] = []

    async def unit(transaction: Transaction) -> None:
        kept.append(transaction)

    await database.write("a", unit)
    with pytest.raises(RuntimeError, match="over"):
        await kept[0].execute("INSERT INTO note VALUES (1, 'late')")
    with pytest.raises(RuntimeError, match="over"):
        async with kept[0].savepoint():
            raise AssertionError
    assert await numbers(database) == []


async def test_a_commit_that_the_database_refuses_leaves_no_ghost(database: Database) -> None:
    async def dangling(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO line (note_id) VALUES (7)")

    answers = await asyncio.gather(
        *(database.write("a", unit) for unit in (insert(1), dangling)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [AuditUnavailable, AuditUnavailable]
    await database.write("a", insert(2))
    assert await numbers(database) == [2]
    assert await database.reads.fetch("SELECT note_id FROM line") == []


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
    database: Database, statement: str, constraint: str
) -> None:
    async def seed(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES (1, 'note 1')")
            await transaction.execute("INSERT INTO pair VALUES (1, 1)")

    async def violate(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute(statement)

    await database.write("a", seed)
    with pytest.raises(IntegrityViolation) as refusal:
        await database.write("a", violate)
    assert refusal.value.constraint == constraint


async def test_execute_counts_the_rows_of_its_own_statement(database: Database) -> None:
    counts: list[int] = []

    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO pair VALUES (1, 1), (2, 2), (3, 3)")
            counts.append(await transaction.execute("INSERT INTO note VALUES (1, 'a'), (2, 'b')"))
            counts.append(await transaction.execute("UPDATE note SET text = text || '!'"))
            counts.append(await transaction.execute("UPDATE note SET text = 'c' WHERE id = 7"))
            counts.append(await transaction.execute("INSERT INTO note VALUES (3, 'c') RETURNING id"))
            counts.append(await transaction.execute("DELETE FROM note WHERE id < 3"))

    await database.write("a", unit)
    assert counts == [2, 2, 0, 1, 2]


async def test_values_come_back_as_they_were_given(database: Database) -> None:
    flag = True

    async def unit(transaction: Transaction) -> Row | None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES ($1, $2)", 2**31 - 1, "$1 é ?1")
            await transaction.execute("INSERT INTO line VALUES ($1, $2, $3)", 2**31 - 1, flag, b"\0\xff$1")
            return await transaction.fetch_one("SELECT raw FROM line WHERE note_id = $2 AND flag = $1", flag, 2**31 - 1)

    row = await database.write("a", unit)
    assert row is not None
    assert row["raw"] == b"\0\xff$1"
    found = await database.reads.fetch_one("SELECT text, '$1' AS kept FROM note WHERE id = $1", 2**31 - 1)
    assert found is not None
    assert (found["text"], found["kept"]) == ("$1 é ?1", "$1")
    assert await database.reads.fetch_one("SELECT id FROM note WHERE id = $1", 1) is None


async def test_a_cancelled_caller_loses_its_answer_and_nothing_else(database: Database) -> None:
    writes = [asyncio.create_task(database.write("a", insert(number))) for number in range(1, 11)]
    await asyncio.sleep(0)
    for write in writes[::2]:
        write.cancel()
    await asyncio.gather(*writes, return_exceptions=True)
    await database.write("a", insert(11))
    assert await numbers(database) == list(range(1, 12))


async def test_close_finishes_what_is_queued(database_url: str, database: Database, tables: Path) -> None:
    writes = [asyncio.create_task(database.write(f"key {n % 5}", insert(n))) for n in range(1, 200)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*writes) == [1] * 199
    with pytest.raises(AuditUnavailable):
        await database.write("a", insert(200))
    again = open_database(database_url, models=(), migrations=tables)
    await again.start()
    assert len(await numbers(again)) == 199
    await again.close()


async def test_a_reader_does_not_wait_for_a_unit_and_does_not_see_it(database: Database) -> None:
    may_end = asyncio.Event()
    began = asyncio.Event()

    async def slow(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES (1, 'slow')")
            began.set()
            await may_end.wait()

    write = asyncio.create_task(database.write("a", slow))
    await began.wait()
    assert await numbers(database) == []
    assert database.oldest_wait_seconds() > 0
    may_end.set()
    await write
    assert await numbers(database) == [1]
    assert database.oldest_wait_seconds() == 0


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(StoreUnavailable):
        await database.reads.fetch("INSERT INTO note VALUES (1, 'by a reader')")
    assert await numbers(database) == []


async def test_probe_answers_when_all_is_well(database: Database) -> None:
    await database.probe()
