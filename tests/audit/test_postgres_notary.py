"""What only PostgreSQL can do to a notary: commits that become visible out of order, and waits for standbys.

Seen to fail with a commit that was not replicated taken for one that was.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from app.audit import receipts
from app.audit.notary import Superseded
from app.errors import OutcomeUnknown
from app.store.connection import Transaction
from app.store.database import Database, open_database
from app.store.migrate import migrate
from tests.audit.faithful import require_faithful
from tests.audit.notaries import add, entries, sign_all, started
from tests.store.cluster import Cluster, until

PATIENCE_SECONDS = 20


class Slow:
    """Entries whose transaction stays open."""

    def __init__(self, stream: str, number: int) -> None:
        self._append = entries(stream, number)
        self.inside = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, transaction: Transaction) -> None:
        """Append, and wait."""
        await self._append(transaction)
        self.inside.set()
        await self.go_on.wait()


async def test_entries_of_a_transaction_that_ends_late_get_their_places_after_later_ones(
    database: Database, tmp_path: Path
) -> None:
    notary = await started(database, tmp_path)
    # Whoever writes first in a month makes its table, and everybody waits until that is committed.
    await add(database, "sys/0")
    late = [Slow("sys/1", 3), Slow("sys/2", 2)]
    writing = [asyncio.create_task(database.write(f"late {at}", one)) for at, one in enumerate(late)]
    await asyncio.gather(*(one.inside.wait() for one in late))
    await add(database, "sys/3", 4)
    assert [signed.size for signed in await sign_all(notary)] == [5]
    for one, task in reversed(list(zip(late, writing, strict=True))):
        one.go_on.set()
        await task
        await sign_all(notary)

    tree = await require_faithful(database.reads)
    assert tree.size == 10
    rows = await database.reads.fetch("SELECT seq FROM audit_leaf ORDER BY leaf_index")
    assert [row["seq"] for row in rows] != sorted(row["seq"] for row in rows)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that these tests may set as they like."""
    with Cluster.running() as cluster:
        yield cluster


@pytest.fixture
async def admin(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to another database of that server."""
    admin = await asyncpg.connect(cluster.url("postgres"))
    await admin.execute("CREATE DATABASE subject")
    yield admin
    await admin.execute("DROP DATABASE subject WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def subject(cluster: Cluster, admin: asyncpg.Connection) -> AsyncIterator[Database]:
    """A database on that server."""
    await migrate(cluster.url("subject"))
    database = open_database(cluster.url("subject"))
    await database.start()
    yield database
    # Else neither the last commit nor dropping the database would ever end.
    await set_standbys(admin, "RESET synchronous_standby_names")
    await database.close()


async def set_standbys(admin: asyncpg.Connection, setting: str) -> None:
    """Which standbys a commit waits for."""
    await admin.execute(f"ALTER SYSTEM {setting}")
    await admin.execute("SELECT pg_reload_conf()")
    # The server's processes take it over one by one, and there is no telling when the last has.
    await asyncio.sleep(0.3)


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
async def test_a_checkpoint_whose_commit_was_not_replicated_is_neither_kept_nor_published(
    subject: Database, admin: asyncpg.Connection, tmp_path: Path, how: str
) -> None:
    notary = await started(subject, tmp_path)
    await add(subject, "sys/0")
    await sign_all(notary)
    kept = (tmp_path / "checkpoint").read_text()
    await add(subject, "sys/0", 2)
    await set_standbys(admin, "SET synchronous_standby_names = 'nobody'")

    signing = asyncio.create_task(notary.cycle())
    backend = await until(admin, "wait_event = 'SyncRep'")
    await admin.execute(f"SELECT {how}($1)", backend)
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(signing, PATIENCE_SECONDS)

    # It is visible here, and would be gone after a failover.
    (row,) = await subject.reads.fetch("SELECT max(size) AS size FROM audit_checkpoint")
    assert row["size"] == 3
    assert (tmp_path / "checkpoint").read_text() == kept
    upto = await receipts.published(subject.reads)
    assert upto is not None
    assert upto.note == kept

    # A commit of the publisher's own, once there are standbys again, covers it: the next start publishes it.
    await set_standbys(admin, "RESET synchronous_standby_names")
    with pytest.raises(Superseded):
        await notary.cycle()
    await notary.start()
    upto = await receipts.published(subject.reads)
    assert upto is not None
    assert upto.size == 3
    assert (tmp_path / "checkpoint").read_text() == upto.note
    await require_faithful(subject.reads)


async def test_a_start_whose_commit_was_not_replicated_publishes_nothing(
    subject: Database, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    notary = await started(subject, tmp_path)
    await add(subject, "sys/0")
    await set_standbys(admin, "SET synchronous_standby_names = 'nobody'")
    signing = asyncio.create_task(notary.cycle())
    await admin.execute("SELECT pg_cancel_backend($1)", await until(admin, "wait_event = 'SyncRep'"))
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(signing, PATIENCE_SECONDS)

    starting = asyncio.create_task(notary.start())
    await admin.execute("SELECT pg_cancel_backend($1)", await until(admin, "wait_event = 'SyncRep'"))
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(starting, PATIENCE_SECONDS)

    assert await receipts.published(subject.reads) is None
    assert not (tmp_path / "checkpoint").exists()
    with pytest.raises(Superseded):
        await notary.cycle()
