"""Brings a database's schema forward, one migration a transaction, however many programs try at once."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg

from app.clock import system_clock, to_micros
from app.errors import StoreUnavailable
from app.store.connection import CannotOpen, Engine
from app.store.postgres_connect import ServerConnection, connect
from app.store.schema import (
    APPLIED,
    MIGRATIONS,
    RECORD,
    VERSION_TABLE,
    Applied,
    Migration,
    SchemaMismatch,
    load,
    remaining,
)
from app.store.sqlite_connect import native, open_for_migration
from app.store.url import postgres_hosts, sqlite_path

_LOCK = 0x616E63686F72
"""Of PostgreSQL's advisory locks, the one that migrators take: "anchor" in ASCII."""


async def migrate(url: str, *, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what the database lacks; answers the names of what was applied, in order.

    Each migration and its row in `schema_version` commit together, under a lock: programs that migrate at the same time
    wait for one another and find it done. On PostgreSQL the URL may be that of the tables' owner.

    Raises SchemaMismatch (nothing was changed), CannotOpen, StoreUnavailable, or the database's own error for SQL that
    it refuses; migrations before that one stay applied.
    """
    path = sqlite_path(url)
    if path is not None:
        return await asyncio.to_thread(_migrate_sqlite, path, load(Engine.SQLITE, folder))
    return await _migrate_postgres(postgres_hosts(url), load(Engine.POSTGRES, folder))


def _migrate_sqlite(path: Path, known: Sequence[Migration]) -> list[str]:
    try:
        connection = open_for_migration(path)
    except (sqlite3.Error, OSError) as error:
        raise CannotOpen(f"The database {path} cannot be opened: {error}.") from error
    done = []
    try:
        while applied := _step(connection, known):
            done.append(applied)
    finally:
        connection.close()
    return done


def _step(connection: sqlite3.Connection, known: Sequence[Migration]) -> str | None:
    """Apply the next migration; None when there is none left."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(VERSION_TABLE)
        # Read under the lock: another program may have applied some since.
        rows = connection.execute(APPLIED).fetchall()
        todo = remaining(known, [Applied(row["version"], row["name"], row["sha256"]) for row in rows])
        if todo:
            _apply(connection, todo[0])
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return str(todo[0]) if todo else None


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in statements(migration.sql):
        connection.execute(statement)
    # Foreign keys are off on this connection, so that a table can be rebuilt: dropping the old one would otherwise
    # delete every row that points at it. So they are checked here instead.
    if broken := connection.execute("PRAGMA foreign_key_check").fetchone():
        raise SchemaMismatch(f"Migration {migration} leaves rows of {broken['table']} that point at nothing.")
    connection.execute(native(RECORD), _record(migration))


def statements(script: str) -> Iterator[str]:
    """The statements of a script, for SQLite takes one at a time; a trigger's body holds semicolons of its own."""
    start = end = 0
    while (end := script.find(";", end) + 1) > 0:
        if sqlite3.complete_statement(script[start:end]):
            yield script[start:end].strip()
            start = end
    if any(line.strip() and not line.strip().startswith("--") for line in script[start:].splitlines()):
        raise SchemaMismatch(f"A migration ends in the middle of a statement: {script[start:].strip()[:80]!r}.")


async def _migrate_postgres(hosts: Sequence[str], known: Sequence[Migration]) -> list[str]:
    try:
        connection = await connect(hosts, deadlines=False)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise StoreUnavailable(f"PostgreSQL cannot be reached: {error}.") from error
    try:
        # The session's, so that one program applies all of them; it goes with the connection.
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(VERSION_TABLE)
        rows = await connection.fetch(APPLIED)
        todo = remaining(known, [Applied(row["version"], row["name"], row["sha256"]) for row in rows])
        for migration in todo:
            await _apply_on_server(connection, migration)
        return [str(migration) for migration in todo]
    finally:
        await connection.close()


async def _apply_on_server(connection: ServerConnection, migration: Migration) -> None:
    await connection.execute("BEGIN")
    # One message with many statements; a failure leaves the transaction to the connection's end.
    await connection.execute(migration.sql)
    await connection.execute(RECORD, *_record(migration))
    if not await connection.commit([]):
        raise StoreUnavailable(f"Migration {migration} was not replicated: see to the standbys, then migrate again.")


def _record(migration: Migration) -> tuple[int, str, int, str]:
    return migration.version, migration.name, to_micros(system_clock()), migration.sha256
