"""What only PostgreSQL can do to us: lost connections, standbys that do not answer, several hosts, other lanes."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from app.errors import AuditUnavailable, OutcomeUnknown, StoreUnavailable
from app.store import postgres_engine
from app.store.connection import CannotOpen, Transaction
from app.store.database import Database, open_database
from app.store.migrate import migrate
from tests.store.cluster import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that these tests may stop, start and set as they like."""
    cluster = Cluster.create()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture
async def admin(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to another database of that server, which is left as it was found."""
    if not cluster.is_running():
        cluster.start()
    admin = await asyncpg.connect(cluster.url("postgres"))
    await admin.execute("DROP DATABASE IF EXISTS subject WITH (FORCE)")
    await admin.execute("CREATE DATABASE subject")
    yield admin
    if not cluster.is_running():
        cluster.start()
    if admin.is_closed():
        admin = await asyncpg.connect(cluster.url("postgres"))
    await admin.execute("ALTER SYSTEM RESET ALL")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()


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


BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = 'subject'"


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


async def until(admin: asyncpg.Connection, condition: str) -> int:
    """Wait until a backend of the database under test fulfils the condition; answers its number."""
    async with asyncio.timeout(10):
        while True:
            pid = await admin.fetchval(f"{BACKENDS} AND {condition}")
            if pid is not None:
                return int(pid)
            await asyncio.sleep(0.01)


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


@contextlib.contextmanager
def frozen_host() -> Iterator[str]:
    """A host that accepts connections and says nothing: its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


async def test_hosts_are_asked_one_after_another_and_a_frozen_one_costs_a_second(
    cluster: Cluster, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    del admin
    with frozen_host() as frozen, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{unused.getsockname()[1]}"
        url = f"postgres://postgres@{frozen},{dead},127.0.0.1:{cluster.port}/subject"
        database = open_database(url, models=(), migrations=tmp_path)
        async with asyncio.timeout(20):
            await database.start()
            await database.probe()
        await database.close()


async def test_no_host_at_all_is_said_within_the_time_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_engine, "ACQUIRE_SECONDS", 0.3)
    with frozen_host() as frozen:
        database = open_database(f"postgres://nobody@{frozen}/x", models=(), migrations=tmp_path)
        with pytest.raises(StoreUnavailable):
            await database.start()


async def test_a_server_that_would_forget_commits_is_refused(
    cluster: Cluster, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    await admin.execute("ALTER DATABASE subject SET synchronous_commit = off")
    with pytest.raises(CannotOpen, match="synchronous_commit"):
        await open_database(cluster.url("subject"), models=(), migrations=tmp_path).start()
    await admin.execute("ALTER DATABASE subject RESET synchronous_commit")


async def test_a_role_that_may_not_set_the_servers_language_is_served_all_the_same(
    cluster: Cluster, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    await admin.execute("CREATE ROLE plain LOGIN")
    url = cluster.url("subject").replace("postgres@", "plain@")
    database = open_database(url, models=(), migrations=tmp_path)
    await database.start()
    await database.probe()
    await database.close()
    await admin.execute("DROP ROLE plain")


async def test_news_reach_another_gateway_and_survive_a_lost_listener(
    database: Database, cluster: Cluster, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    other = open_database(cluster.url("subject"), models=(), migrations=tmp_path)
    await other.start()
    await until(admin, "query LIKE 'LISTEN%' AND pid <> pg_backend_pid() OFFSET 1")
    with other.wakes.watch("a") as watch:
        await watch.wait(1)
        async with asyncio.timeout(10):
            await database.write("a", Insert(1))
            await watch.wait(60)
            pids = await admin.fetch(
                "SELECT pg_terminate_backend(pid), pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
                " AND pid <> pg_backend_pid()"
            )
            # Whoever hears again is woken once, for what may have been missed.
            await watch.wait(60)
            assert len(pids) == 2
            await database.write("a", Insert(2))
            await watch.wait(60)
    await other.close()


@pytest.mark.parametrize("url", ["postgres://localhost", "postgres://u:p@h1,h2/"])
def test_an_address_without_a_database_is_refused(url: str) -> None:
    with pytest.raises(CannotOpen):
        open_database(url)
