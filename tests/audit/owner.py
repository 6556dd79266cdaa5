"""The owner of a database, who can take the guards away, change what they like, and put the guards back."""

import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Protocol, cast

import asyncpg
import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from app.errors import AuditUnavailable
from app.store.connection import Engine, IntegrityViolation, Row, Transaction
from app.store.database import Database
from app.store.sqlite_connect import native
from app.store.url import sqlite_path

TABLES = (
    "audit_stream", "audit_entry", "audit_body", "audit_disclosure", "account", "certificate", "x509_certificate",
    "certificate_tombstone", "api_key", "portal_user", "idempotency_key", "audit_tree", "audit_leaf", "enrollment",
    "job", "job_chunk", "job_error", "audit_sequenced", "audit_tile", "audit_checkpoint", "audit_cosignature",
    "audit_removal", "developer_key", "possession_challenge", "standing_finding", "standing_look",
    "device_key",
)  # fmt: skip


REFUSED = (IntegrityViolation, AuditUnavailable, sqlite3.Error, asyncpg.PostgresError)
"""How a database, or our own code before it, says no."""


class Owner(Protocol):
    """A connection that nothing refuses. It can be read as a `Connection` is, also what it has not committed."""

    engine: Engine

    @property
    def orm(self) -> BaseDBAsyncClient:
        """Not here."""

    async def execute(self, sql: str, *args: object) -> None:
        """Run one statement, with `$1, $2 …` placeholders."""

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row of values."""

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """All rows."""

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """The first row, or None."""

    async def take_guards_away(self) -> None:
        """Every trigger."""

    async def put_guards_back(self) -> None:
        """What was taken away, as somebody would who hides what they did."""


@asynccontextmanager
async def unguarded(url: str) -> AsyncIterator[Owner]:
    """The owner in a transaction without guards, which is committed with the guards back in their places."""
    async with owning(url) as owner:
        await owner.execute("BEGIN")
        await owner.take_guards_away()
        yield owner
        await owner.put_guards_back()
        await owner.execute("COMMIT")


@asynccontextmanager
async def owning(url: str) -> AsyncIterator[Owner]:
    """A connection of the owner's."""
    path = sqlite_path(url)
    if path is not None:
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.row_factory = sqlite3.Row
            yield SqliteOwner(raw)
        return
    connection = await asyncpg.connect(url)
    try:
        yield PostgresOwner(connection)
    finally:
        await connection.close()


async def dump(owner: Owner) -> dict[str, list[str]]:
    """Every row of every table, to see whether anything changed."""
    return {
        table: sorted(repr(tuple(dict(row).items())) for row in await owner.fetch(f"SELECT * FROM {table}"))
        for table in TABLES
    }


async def require_refused(database: Database, url: str, *statements: str) -> None:
    """Run statements in one transaction, as code of ours would: it must be refused, and nothing may have changed."""

    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            for statement in statements:
                await transaction.execute(statement)

    async with owning(url) as owner:
        before = await dump(owner)
        with pytest.raises(REFUSED) as refusal:
            await database.write("tampering", unit)
        assert not re.search("syntax|no such|does not exist|undefined", str(refusal.value)), "it was not understood"
        assert await dump(owner) == before


class SqliteOwner:
    """See `Owner`."""

    engine = Engine.SQLITE

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        self._guards: list[sqlite3.Row] = []

    @property
    def orm(self) -> BaseDBAsyncClient:
        """See `Owner.orm`."""
        raise NotImplementedError

    async def execute(self, sql: str, *args: object) -> None:
        """See `Owner.execute`."""
        self._raw.execute(native(sql), args)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """See `Owner.execute_many`."""
        self._raw.executemany(native(sql), rows)

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """See `Owner.fetch`."""
        return cast("Sequence[Row]", self._raw.execute(native(sql), args).fetchall())

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """See `Owner.fetch_one`."""
        return cast("Row | None", self._raw.execute(native(sql), args).fetchone())

    async def take_guards_away(self) -> None:
        """See `Owner.take_guards_away`."""
        self._guards = self._raw.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for guard in self._guards:
            self._raw.execute(f"DROP TRIGGER {guard['name']}")

    async def put_guards_back(self) -> None:
        """See `Owner.put_guards_back`."""
        while self._guards:
            self._raw.execute(self._guards.pop()["sql"])


class PostgresOwner:
    """See `Owner`."""

    engine = Engine.POSTGRES

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self._guards: list[asyncpg.Record] = []

    @property
    def orm(self) -> BaseDBAsyncClient:
        """See `Owner.orm`."""
        raise NotImplementedError

    async def execute(self, sql: str, *args: object) -> None:
        """See `Owner.execute`."""
        await self._connection.execute(sql, *args)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """See `Owner.execute_many`."""
        await self._connection.executemany(sql, rows)

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """See `Owner.fetch`."""
        return cast("Sequence[Row]", await self._connection.fetch(sql, *args))

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """See `Owner.fetch_one`."""
        return cast("Row | None", await self._connection.fetchrow(sql, *args))

    async def take_guards_away(self) -> None:
        """See `Owner.take_guards_away`."""
        self._guards = await self._connection.fetch(
            "SELECT t.tgrelid::regclass::text AS relation, t.tgname AS name FROM pg_trigger AS t"
            " JOIN pg_class AS c ON c.oid = t.tgrelid"
            " WHERE t.tgenabled = 'A' AND t.tgparentid = 0 AND c.relnamespace = 'public'::regnamespace"
        )
        await self._switch("DISABLE")

    async def put_guards_back(self) -> None:
        """See `Owner.put_guards_back`."""
        # Deferred checks of what was changed meanwhile stand in the way of ALTER TABLE.
        await self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        await self._switch("ENABLE ALWAYS")

    async def _switch(self, how: str) -> None:
        for guard in self._guards:
            await self._connection.execute(f"ALTER TABLE {guard['relation']} {how} TRIGGER {guard['name']}")
