"""What only PostgreSQL can do to us: lost connections, standbys that do not answer, other lanes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.errors import AuditUnavailable, OutcomeUnknown, StoreUnavailable
from app.store import postgres_engine
from app.store.connection import Transaction
from app.store.database import Database, open_database
from app.store.migrate import migrate
from tests.store.cluster import Cluster, until


@pytest.fixture
async def database(cluster: Cluster, admin: asyncpg.Connection, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with one table on that server."""
    del admin
    (tmp_path / "0001_note.postgres.sql").write_text("CREATE TABLE note (id INTEGER PRIMARY KEY);", encoding="utf-8")
    await migrate(cluster.url("subject"), folder=tmp_path)
    database = open_database(cluster.url("subject"), models=(), migrations=tmp_path, pool_size=3)
    await database.start()
    yield database
    await database.close()


class Insert:
    """A unit of work that writes a number, and then waits if it is told to."""

    def __init__(self, number: int, *, wait: bool = False) -> None:
        self.number = number
        self.inside = asyncio.Event()
        self.go_on = asyncio.Event()
        self.pid = 0
        if not wait:
            self.go_on.set()

    async def __call__(self, transaction: Transaction) -> int:
        """Write, say so, wait, and go on."""
        async with transaction.savepoint():
            await transaction.execute("INSERT INTO note VALUES ($1)", self.number)
            row = await transaction.fetch_one("SELECT pg_backend_pid() AS pid")
            assert row is not None
            self.pid = row["pid"]
            self.inside.set()
            await self.go_on.wait()
            # Whoever was killed meanwhile notices at the next statement.
            await transaction.fetch("SELECT 1")
        return self.number


async def numbers(database: Database) -> list[int]:
    """What a reader finds."""
    return [row["id"] for row in await database.reads.fetch("SELECT id FROM note ORDER BY id")]


async def test_keys_do_not_wait_for_one_another(database: Database) -> None:
    slow = Insert(1, wait=True)
    write = asyncio.create_task(database.write("a", slow))
    await slow.inside.wait()
    assert await database.write("b", Insert(2)) == 2
    assert await numbers(database) == [2]
    slow.go_on.set()
    assert await write == 1


async def test_a_killed_backend_costs_its_batch_and_nothing_else(database: Database, admin: asyncpg.Connection) -> None:
    victim = Insert(1, wait=True)
    mates = [asyncio.create_task(database.write("a", unit)) for unit in (victim, Insert(2))]
    await victim.inside.wait()
    await admin.execute("SELECT pg_terminate_backend($1)", victim.pid)
    victim.go_on.set()
    answers = await asyncio.gather(*mates, return_exceptions=True)
    assert [type(answer) for answer in answers] == [AuditUnavailable, AuditUnavailable]
    assert await database.write("a", Insert(3)) == 3
    assert await numbers(database) == [3]


async def test_a_server_that_crashes_and_comes_back_needs_no_restart_of_ours(
    database: Database, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_engine, "ACQUIRE_SECONDS", 0.5)
    assert await database.write("a", Insert(1)) == 1
    cluster.stop()
    with pytest.raises(AuditUnavailable):
        await database.write("a", Insert(2))
    with pytest.raises(StoreUnavailable):
        await numbers(database)
    with pytest.raises(StoreUnavailable):
        await database.probe()
    cluster.start()
    assert await database.write("a", Insert(3)) == 3
    assert await numbers(database) == [1, 3]
    await database.probe()


async def wait_for_standbys_that_are_not_there(admin: asyncpg.Connection) -> None:
    """From now on every commit waits for ever."""
    await admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await admin.execute("SELECT pg_reload_conf()")
    # The server's processes take it over one by one, and there is no telling when the last has.
    await asyncio.sleep(0.3)


async def test_a_commit_whose_wait_for_the_standbys_was_cancelled_is_not_called_done(
    database: Database, admin: asyncpg.Connection
) -> None:
    await wait_for_standbys_that_are_not_there(admin)
    writes = [asyncio.create_task(database.write("a", Insert(number))) for number in (1, 2)]
    pid = await until(admin, "wait_event = 'SyncRep'")
    assert not any(write.done() for write in writes)
    await admin.execute("SELECT pg_cancel_backend($1)", pid)
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(answer) for answer in answers] == [OutcomeUnknown, OutcomeUnknown]
    # Visible, and gone after a failover: exactly what nobody may be told.
    assert await numbers(database) == [1, 2]


async def test_a_backend_killed_while_it_commits_leaves_the_outcome_unknown(
    database: Database, admin: asyncpg.Connection
) -> None:
    await wait_for_standbys_that_are_not_there(admin)
    write = asyncio.create_task(database.write("a", Insert(1)))
    pid = await until(admin, "wait_event = 'SyncRep'")
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    with pytest.raises(OutcomeUnknown):
        await write


async def test_a_callers_cancellation_does_not_end_the_wait_for_the_standbys(
    database: Database, admin: asyncpg.Connection
) -> None:
    await wait_for_standbys_that_are_not_there(admin)
    write = asyncio.create_task(database.write("a", Insert(1)))
    await until(admin, "wait_event = 'SyncRep'")
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    await asyncio.sleep(0.2)
    assert await numbers(database) == []
    await admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
    await admin.execute("SELECT pg_reload_conf()")
    assert await database.write("a", Insert(2)) == 2
    assert await numbers(database) == [1, 2]


async def test_a_statement_that_takes_too_long_costs_its_unit_only(database: Database) -> None:
    async def slow(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("SET LOCAL statement_timeout = '50ms'")
            await transaction.fetch("SELECT pg_sleep(60)")

    answers = await asyncio.gather(
        *(database.write("a", unit) for unit in (Insert(1), slow, Insert(2))), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [int, AuditUnavailable, int]
    assert await numbers(database) == [1, 2]


async def test_a_deadlock_costs_one_of_two_units(database: Database) -> None:
    await database.write("a", Insert(1))
    await database.write("a", Insert(2))
    both = asyncio.Barrier(2)

    def unit(first: int, second: int) -> "object":
        async def cross(transaction: Transaction) -> int:
            async with transaction.savepoint():
                await transaction.fetch("SELECT id FROM note WHERE id = $1 FOR UPDATE", first)
                await both.wait()
                await transaction.fetch("SELECT id FROM note WHERE id = $1 FOR UPDATE", second)
            return first

        return database.write(f"key {first}", cross)

    answers = await asyncio.gather(unit(1, 2), unit(2, 1), return_exceptions=True)  # type: ignore[call-overload]
    assert sorted(type(answer).__name__ for answer in answers) == ["AuditUnavailable", "int"]


async def test_a_pool_that_is_exhausted_is_waited_for_only_so_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_engine, "ACQUIRE_SECONDS", 0.2)
    holders = [Insert(number, wait=True) for number in range(3)]
    writes = [asyncio.create_task(database.write(f"key {one.number}", one)) for one in holders]
    await asyncio.gather(*(one.inside.wait() for one in holders))
    with pytest.raises(AuditUnavailable):
        await database.write("another", Insert(7))
    assert await numbers(database) == []
    for one in holders:
        one.go_on.set()
    assert await asyncio.gather(*writes) == [0, 1, 2]


async def test_a_server_that_becomes_read_only_is_left_for_one_that_writes(
    database: Database, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_engine, "ACQUIRE_SECONDS", 0.5)
    before, after = Insert(1), Insert(3)
    await database.write("a", before)
    await admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await admin.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.3)
    with pytest.raises(AuditUnavailable):
        await database.write("a", Insert(2))
    # Now no host at all takes writes; the connection that was good before must not be asked again.
    with pytest.raises(AuditUnavailable):
        await database.write("a", Insert(2))
    await admin.execute("SET default_transaction_read_only = off")
    await admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
    await admin.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.3)
    assert await database.write("a", after) == 3
    assert before.pid != after.pid
    assert await numbers(database) == [1, 3]
