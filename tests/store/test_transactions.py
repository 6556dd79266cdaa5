"""The contract of `Database.write` and its transactions, on the engine of this run."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.errors import AuditUnavailable, NotFound
from app.store.batching import MAX_BATCH
from app.store.connection import IntegrityViolation, Transaction
from app.store.database import Database, open_database
from tests.store.notes import insert, numbers, write_and_refuse


async def test_what_write_answered_is_there_for_every_reader(notes: Database) -> None:
    assert await notes.write("a", insert(1)) == 1
    assert await numbers(notes) == [1]


async def test_units_that_wait_together_share_transactions_of_at_most_64(notes: Database) -> None:
    transactions: list[int] = []

    async def unit(transaction: Transaction) -> None:
        transaction.memo["units"] = transaction.memo.get("units", 0) + 1
        if transaction.memo["units"] == 1:
            transactions.append(0)
        transactions[-1] += 1

    await asyncio.gather(*(notes.write("a", unit) for _ in range(3 * MAX_BATCH)))
    assert sum(transactions) == 3 * MAX_BATCH
    assert max(transactions) == MAX_BATCH
    assert len(transactions) <= 4


async def test_units_of_one_key_run_in_the_order_of_their_coming(notes: Database) -> None:
    order: list[int] = []

    def unit(number: int) -> Callable[[Transaction], Awaitable[None]]:
        async def append(_: Transaction) -> None:
            order.append(number)

        return append

    await asyncio.gather(*(notes.write("a", unit(number)) for number in range(200)))
    assert order == list(range(200))


async def test_a_unit_that_raises_gets_its_exception_and_its_mates_go_on(notes: Database) -> None:
    async def refuse(transaction: Transaction) -> None:
        await write_and_refuse(transaction, 99)

    async def collide(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES (98, 'ghost')")
            await transaction.execute("INSERT INTO note VALUES (1, 'again')")

    answers = await asyncio.gather(
        *(notes.write("a", unit) for unit in (insert(1), refuse, insert(2), collide, insert(3))),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [int, NotFound, int, IntegrityViolation, int]
    assert await numbers(notes) == [1, 2, 3]


async def test_what_a_raising_unit_did_outside_its_savepoint_is_committed(notes: Database) -> None:
    async def refuse_and_record(transaction: Transaction) -> None:
        try:
            await write_and_refuse(transaction, 1)
        except NotFound:
            async with transaction.savepoint():
                await transaction.execute("INSERT INTO note VALUES (2, 'its record')")
            raise

    with pytest.raises(NotFound):
        await notes.write("a", refuse_and_record)
    assert await numbers(notes) == [2]


async def test_the_memo_lives_as_long_as_the_transaction_and_goes_back_with_a_savepoint(notes: Database) -> None:
    seen: list[object] = []

    async def first(transaction: Transaction) -> None:
        transaction.memo["head"] = 1
        with pytest.raises(NotFound):
            await write_and_refuse(transaction, 2)
        seen.append(transaction.memo["head"])

    async def second(transaction: Transaction) -> None:
        seen.append(transaction.memo.get("head"))

    await asyncio.gather(notes.write("a", first), notes.write("a", second))
    await notes.write("a", second)
    assert seen == [1, 1, None]


async def test_savepoints_nest(notes: Database) -> None:
    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES (1, 'outer')")
            with pytest.raises(NotFound):
                await write_and_refuse(transaction, 2)
            await transaction.execute("INSERT INTO note VALUES (3, 'outer again')")

    await notes.write("a", unit)
    assert await numbers(notes) == [1, 3]


async def test_nothing_goes_on_in_a_savepoint_in_which_a_statement_failed(notes: Database) -> None:
    async def swallow(transaction: Transaction) -> None:
        async with transaction.savepoint():
            with pytest.raises(IntegrityViolation):
                await transaction.execute("INSERT INTO note VALUES (1, $1)", "x" * 20)
            with pytest.raises(RuntimeError, match="roll it back"):
                await transaction.execute("INSERT INTO note VALUES (2, 'after')")

    with pytest.raises(RuntimeError, match="went nowhere"):
        await notes.write("a", swallow)
    await notes.write("a", insert(3))
    assert await numbers(notes) == [3]


async def test_a_statement_that_fails_outside_a_savepoint_costs_the_batch_and_nothing_else(notes: Database) -> None:
    async def careless(transaction: Transaction) -> None:
        await transaction.execute("INSERT INTO note VALUES (1, NULL)")

    answers = await asyncio.gather(
        *(notes.write("a", unit) for unit in (insert(2), careless, insert(3))), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {AuditUnavailable}
    assert isinstance(answers[1], AuditUnavailable)
    assert isinstance(answers[1].__cause__, IntegrityViolation)
    await notes.write("a", insert(4))
    assert await numbers(notes) == [4]


async def test_a_transaction_does_not_outlive_its_unit(notes: Database) -> None:
    kept: list[Transaction] = []

    async def unit(transaction: Transaction) -> None:
        kept.append(transaction)

    await notes.write("a", unit)
    with pytest.raises(RuntimeError, match="over"):
        await kept[0].execute("INSERT INTO note VALUES (1, 'late')")
    with pytest.raises(RuntimeError, match="over"):
        async with kept[0].savepoint():
            raise AssertionError
    assert await numbers(notes) == []


async def test_a_commit_that_the_database_refuses_leaves_no_ghost(notes: Database) -> None:
    async def dangling(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO line (note_id) VALUES (7)")

    answers = await asyncio.gather(*(notes.write("a", unit) for unit in (insert(1), dangling)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [AuditUnavailable, AuditUnavailable]
    await notes.write("a", insert(2))
    assert await numbers(notes) == [2]
    assert await notes.reads.fetch("SELECT note_id FROM line") == []


async def test_a_cancelled_caller_loses_its_answer_and_nothing_else(notes: Database) -> None:
    writes = [asyncio.create_task(notes.write("a", insert(number))) for number in range(1, 11)]
    await asyncio.sleep(0)
    for write in writes[::2]:
        write.cancel()
    await asyncio.gather(*writes, return_exceptions=True)
    await notes.write("a", insert(11))
    assert await numbers(notes) == list(range(1, 12))


async def test_close_finishes_what_is_queued(database_url: str, notes: Database, tables: Path) -> None:
    writes = [asyncio.create_task(notes.write(f"key {n % 5}", insert(n))) for n in range(1, 200)]
    await asyncio.sleep(0)
    await notes.close()
    assert await asyncio.gather(*writes) == [1] * 199
    with pytest.raises(AuditUnavailable):
        await notes.write("a", insert(200))
    again = open_database(database_url, models=(), migrations=tables)
    await again.start()
    assert len(await numbers(again)) == 199
    await again.close()


async def test_a_reader_does_not_wait_for_a_unit_and_does_not_see_it(notes: Database) -> None:
    may_end = asyncio.Event()
    began = asyncio.Event()

    async def slow(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES (1, 'slow')")
            began.set()
            await may_end.wait()

    write = asyncio.create_task(notes.write("a", slow))
    await began.wait()
    assert await numbers(notes) == []
    assert notes.oldest_wait_seconds() > 0
    may_end.set()
    await write
    assert await numbers(notes) == [1]
    assert notes.oldest_wait_seconds() == 0
