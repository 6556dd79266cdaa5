"""What a database keeps of rows that were deleted: copies in its files, which no transaction clears away.

SQLite: `secure_delete` overwrites what is deleted, and yet copies stay, measured: where a page is split, the rows that
move leave their bytes behind in its free space, and no later deletion finds those. VACUUM builds every page anew;
then the write-ahead log, which holds the old pages, is emptied. PostgreSQL: VACUUM lets dead rows' bytes stand until
something overwrites them; VACUUM FULL writes the table anew. Neither reaches what a copy or a backup holds.
"""

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import asyncpg

from app.store.postgres_connect import ServerConnection, connect
from app.store.sqlite_connect import open_for_migration
from app.store.url import postgres_hosts, sqlite_path

PATIENCE_SECONDS = 30.0
"""For how long whoever still reads what was there before is waited for."""

_PAUSE_SECONDS = 0.25
_PERSONAL = ("audit_disclosure", "portal_user")
_PARTITIONS = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_body'::regclass"
_OWNED = (
    "SELECT current_user AS role, bool_and(pg_has_role(current_user, relowner, 'USAGE')) AS owned FROM pg_class"
    " WHERE relname = ANY($1) AND relnamespace = current_schema()::regnamespace"
)
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


async def clear(url: str, *, months: Sequence[int] = (), patience_seconds: float = PATIENCE_SECONDS) -> str | None:
    """Leave no copy of deleted disclosures and names, or of these months' bodies, in the files of the database.

    Writers wait while tables are written anew. Answers None when it is done, else a sentence: what is in the way, and
    what to do; it may be tried again.
    """
    path = sqlite_path(url)
    if path is not None:
        return await asyncio.to_thread(_clear_sqlite, path, patience_seconds)
    try:
        connection = await connect(postgres_hosts(url), deadlines=False)
    except _FAULTS as error:
        return f"PostgreSQL cannot be reached: {error}."
    try:
        return await _clear_postgres(connection, months, patience_seconds)
    except _FAULTS as error:
        return f"PostgreSQL refused: {error}."
    finally:
        await connection.close()


def _clear_sqlite(path: Path, patience_seconds: float) -> str | None:
    try:
        with closing(open_for_migration(path)) as connection:
            # The copy that is built holds what everybody else still has, and may be larger than the memory.
            connection.execute("PRAGMA temp_store = FILE")
            connection.execute("VACUUM")
            # While it waits for readers it keeps writers waiting too: shortly, and then again.
            connection.execute("PRAGMA busy_timeout = 200")
            return (
                None
                if _emptied(connection, patience_seconds)
                else (
                    "Somebody still reads the database as it was before (an export, a verification, a backup),"
                    " so its write-ahead log cannot be emptied: let them finish."
                )
            )
    except (sqlite3.Error, OSError) as error:
        return f"SQLite could not build the file {path} anew: {error}."


def _emptied(connection: sqlite3.Connection, patience_seconds: float) -> bool:
    deadline = monotonic() + patience_seconds
    while True:
        is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not is_busy or monotonic() > deadline:
            return not is_busy
        sleep(_PAUSE_SECONDS)


async def _clear_postgres(connection: ServerConnection, months: Sequence[int], patience_seconds: float) -> str | None:
    there = {row["name"] for row in await connection.fetch(_PARTITIONS)}
    tables = [*_PERSONAL, *(name for month in months if (name := f"audit_body_{month}") in there)]
    row = await connection.fetchrow(_OWNED, tables)
    if row is None or not row["owned"]:
        return f"The role {row and row['role']} does not own the tables. Let their owner run {_by_hand(tables)}."
    # Whoever waits for a table keeps everybody behind it waiting: shortly, and then again.
    await connection.execute("SET lock_timeout = '2s'")
    deadline = monotonic() + patience_seconds
    for table in tables:
        while not await _written_anew(connection, table):
            if monotonic() > deadline:
                return (
                    f"Somebody still reads {table} as it was before (an export, a verification, a backup):"
                    f" let them finish, or run {_by_hand(tables)} then."
                )
            await asyncio.sleep(_PAUSE_SECONDS)
    return None


async def _written_anew(connection: ServerConnection, table: str) -> bool:
    """Whether the table's new file holds nothing but what is there: a reader of before keeps dead rows alive."""
    told: list[str] = []

    def listen(_: object, message: asyncpg.PostgresLogMessage) -> None:
        # "3 dead row versions cannot be removed yet", in whatever language the server speaks.
        told.extend(re.findall(r"\d+", message.detail or "")[:1])

    connection.add_log_listener(listen)
    try:
        await connection.execute(f"VACUUM (FULL, VERBOSE) {table}")
    except asyncpg.LockNotAvailableError:
        return False
    finally:
        connection.remove_log_listener(listen)
    return told == ["0"]


def _by_hand(tables: Sequence[str]) -> str:
    return f"`VACUUM (FULL) {', '.join(tables)}`"
