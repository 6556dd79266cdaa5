"""The owner of a database, who can take the guards away, change what they like, and put the guards back."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg

from app.store.sqlite_connect import native
from app.store.url import sqlite_path

TABLES = (
    "audit_stream", "audit_entry", "audit_body", "audit_disclosure", "account", "certificate", "x509_certificate",
    "certificate_tombstone", "api_key", "portal_user", "idempotency_key",
)  # fmt: skip


class Owner(Protocol):
    """A connection that nothing refuses."""

    async def execute(self, sql: str, *args: object) -> None:
        """Run one statement, with `$1, $2 …` placeholders."""

    async def fetch(self, sql: str, *args: object) -> Sequence[Any]:
        """Rows that answer by column name."""


@asynccontextmanager
async def unguarded(url: str, *, put_back: bool = True) -> AsyncIterator[Owner]:
    """Take every trigger away, and at the end put it back, as somebody would who hides what they did."""
    path = sqlite_path(url)
    if path is not None:
        raw = sqlite3.connect(path, isolation_level=None)
        raw.row_factory = sqlite3.Row
        triggers = raw.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for trigger in triggers:
            raw.execute(f"DROP TRIGGER {trigger['name']}")
        yield SqliteOwner(raw)
        for trigger in triggers if put_back else ():
            raw.execute(trigger["sql"])
        raw.close()
        return
    connection = await asyncpg.connect(url)
    guards = await connection.fetch(
        "SELECT t.tgrelid::regclass::text AS relation, t.tgname AS name FROM pg_trigger AS t"
        " JOIN pg_class AS c ON c.oid = t.tgrelid"
        " WHERE t.tgenabled = 'A' AND t.tgparentid = 0 AND c.relnamespace = 'public'::regnamespace"
    )
    for guard in guards:
        await connection.execute(f"ALTER TABLE {guard['relation']} DISABLE TRIGGER {guard['name']}")
    yield PostgresOwner(connection)
    for guard in guards if put_back else ():
        await connection.execute(f"ALTER TABLE {guard['relation']} ENABLE ALWAYS TRIGGER {guard['name']}")
    await connection.close()


async def dump(owner: Owner) -> dict[str, list[str]]:
    """Every row of every table, to see whether anything changed."""
    return {table: sorted(repr(tuple(row)) for row in await owner.fetch(f"SELECT * FROM {table}")) for table in TABLES}


class SqliteOwner:
    """See `Owner`."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    async def execute(self, sql: str, *args: object) -> None:
        """See `Owner.execute`."""
        self._raw.execute(native(sql), args)

    async def fetch(self, sql: str, *args: object) -> Sequence[Any]:
        """See `Owner.fetch`."""
        return self._raw.execute(native(sql), args).fetchall()


class PostgresOwner:
    """See `Owner`."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def execute(self, sql: str, *args: object) -> None:
        """See `Owner.execute`."""
        await self._connection.execute(sql, *args)

    async def fetch(self, sql: str, *args: object) -> Sequence[Any]:
        """See `Owner.fetch`."""
        return await self._connection.fetch(sql, *args)
