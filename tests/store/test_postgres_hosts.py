"""Which PostgreSQL server is asked, which is refused, and what gateways tell one another."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.errors import StoreUnavailable
from app.store import postgres_engine
from app.store.connection import CannotOpen, Transaction
from app.store.database import open_database
from app.store.postgres_connect import ServerConnection, connect
from tests.store.cluster import BACKENDS, Cluster, until


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


async def test_whoever_is_cancelled_while_connecting_leaves_no_connection(
    cluster: Cluster, admin: asyncpg.Connection
) -> None:
    for moment in range(60):
        connecting = asyncio.create_task(connect([cluster.url("subject")]))
        await asyncio.sleep(moment * 0.0005)
        connecting.cancel()
        for answer in await asyncio.gather(connecting, return_exceptions=True):
            if isinstance(answer, ServerConnection):
                await answer.close()
    gc.collect()
    async with asyncio.timeout(10):
        while await admin.fetchval(f"SELECT count(*) FROM ({BACKENDS}) AS left_over"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


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


async def nothing(transaction: Transaction) -> None:
    """A unit of work that does nothing."""
    del transaction


async def test_news_reach_another_gateway_and_survive_a_lost_listener(
    cluster: Cluster, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    one, other = (open_database(cluster.url("subject"), models=(), migrations=tmp_path) for _ in range(2))
    await one.start()
    await other.start()
    await until(admin, "query LIKE 'LISTEN%' AND pid <> pg_backend_pid() OFFSET 1")
    with other.wakes.watch("a") as watch:
        await watch.wait(1)
        async with asyncio.timeout(10):
            await one.write("a", nothing)
            await watch.wait(60)
            pids = await admin.fetch(
                "SELECT pg_terminate_backend(pid), pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
                " AND pid <> pg_backend_pid()"
            )
            # Whoever hears again is woken once, for what may have been missed.
            await watch.wait(60)
            assert len(pids) == 2
            await one.write("a", nothing)
            await watch.wait(60)
    await other.close()
    await one.close()


@pytest.mark.parametrize("url", ["postgres://localhost", "postgres://u:p@h1,h2/"])
def test_an_address_without_a_database_is_refused(url: str) -> None:
    with pytest.raises(CannotOpen):
        open_database(url)
