"""Several snapshots, also of several processes, that read as of one instant."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from app.store.connection import Connection, Engine
from app.store.database import Database
from app.store.postgres_engine import BEGIN_SNAPSHOT

ATTEMPTS = 1_000
"""One takes about as long as a commit, so on SQLite a busy writer comes in between now and then, and not for ever."""

_DATA_VERSION = "PRAGMA data_version"


@asynccontextmanager
async def shared_snapshots(database: Database, count: int) -> AsyncIterator[Sequence[Connection]]:
    """So many snapshots of one instant; one alone where writers leave no instant to share.

    Raises StoreUnavailable.
    """
    async with AsyncExitStack() as stack:
        first, *others = [await stack.enter_async_context(database.snapshot()) for _ in range(count)]

        async def follow(instant: str) -> None:
            for other in others:
                await begin_at(other, instant)

        yield [first, *others] if await share_instant(first, follow) else [first]


async def share_instant(
    snapshot: Connection, follow: Callable[[str], Awaitable[None]], attempts: int = ATTEMPTS
) -> bool:
    """Have others read what this snapshot reads; whether that could be done.

    `follow` is given a name for the instant, and returns once `begin_at` is done in all of the others. On SQLite the
    snapshot is begun anew with them, possibly several times: nothing that was read from it before counts any more.
    Raises StoreUnavailable.
    """
    if snapshot.engine is Engine.POSTGRES:
        row = await snapshot.fetch_one("SELECT pg_export_snapshot() AS name")
        assert row is not None  # noqa: S101  # a function's result
        await follow(row["name"])
        return True
    for _ in range(attempts):
        await snapshot.fetch("ROLLBACK")
        version = await _data_version(snapshot)
        await follow("")
        await snapshot.fetch("BEGIN")
        # It changes with every commit of any other connection (https://www.sqlite.org/pragma.html#pragma_data_version).
        # If there was none from before the others began until this has begun, they have all begun at one instant.
        if await _data_version(snapshot) == version:
            return True
    return False


async def begin_at(snapshot: Connection, instant: str) -> None:
    """End the snapshot, and begin it anew: at this instant where it has a name, and now where it has none.

    Raises StoreUnavailable.
    """
    await snapshot.fetch("ROLLBACK")
    if snapshot.engine is Engine.SQLITE:
        await snapshot.fetch("BEGIN")
        # BEGIN alone fixes nothing: the first statement that reads does.
        await _data_version(snapshot)
        return
    begin, *settings = BEGIN_SNAPSHOT
    name = instant.replace("'", "''")
    for statement in (begin, f"SET TRANSACTION SNAPSHOT '{name}'", *settings):
        await snapshot.fetch(statement)


async def _data_version(snapshot: Connection) -> int:
    row = await snapshot.fetch_one(_DATA_VERSION)
    assert row is not None  # noqa: S101  # a pragma's result
    version: int = row["data_version"]
    return version
