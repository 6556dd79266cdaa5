"""A database as of one instant, for whoever checks it: without a server's pools, guards or right to write."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.errors import StoreUnavailable
from app.store.connection import Connection
from app.store.postgres_connect import connect
from app.store.postgres_engine import PostgresSnapshot
from app.store.sqlite_reads import SqliteReads
from app.store.url import postgres_hosts, sqlite_path


@asynccontextmanager
async def open_snapshot(url: str) -> AsyncIterator[Connection]:
    """Somewhere to read the database of this URL, also one that is no longer fit to be served from.

    Raises CannotOpen for a URL that names none, and StoreUnavailable.
    """
    path = sqlite_path(url)
    if path is not None:
        async with SqliteReads(path).snapshot() as snapshot:
            yield snapshot
        return
    try:
        connection = await connect(postgres_hosts(url), read_only=True, deadlines=False)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise StoreUnavailable(f"PostgreSQL cannot be reached: {error}.") from error
    try:
        async with PostgresSnapshot(connection).begun() as begun:
            yield begun
    finally:
        await connection.close()
