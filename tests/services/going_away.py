"""A database that goes away and comes back when a test says so."""

import asyncio
from collections.abc import Sequence
from typing import Self

from tortoise.backends.base.client import BaseDBAsyncClient

from app.errors import AuditUnavailable, StoreUnavailable
from app.store.batching import T, Unit
from app.store.connection import Connection, Engine, Row
from app.store.database import MODELS, Backend, Database
from app.store.postgres_backend import PostgresBackend
from app.store.schema import MIGRATIONS
from app.store.sqlite_backend import SqliteBackend
from app.store.url import postgres_hosts, sqlite_path


class GoingAway(Database):
    """A database that is away while a test says so: nothing is read from it, and nothing is written.

    Lists are answered while `lists` is set; `listed` counts those that were asked for.
    """

    is_away = False

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, models=MODELS, migrations=MIGRATIONS)
        self.lists = asyncio.Event()
        self.lists.set()
        self.listed: list[str] = []
        self.reads = self.lookups = _Reads(self, backend.reads)

    @classmethod
    def of(cls, url: str) -> Self:
        """The database of a URL, beside whoever else has it open; not yet started."""
        path = sqlite_path(url)
        if path is not None:
            return cls(SqliteBackend(path, alone=False))
        return cls(PostgresBackend(postgres_hosts(url), pool_size=2))

    async def write(self, key: str, unit: Unit[T]) -> T:
        """See `Database.write`."""
        if self.is_away:
            raise AuditUnavailable("The database is away.")
        return await super().write(key, unit)


class _Reads:
    def __init__(self, database: GoingAway, reads: Connection) -> None:
        self._database = database
        self._reads = reads

    @property
    def engine(self) -> Engine:
        return self._reads.engine

    @property
    def orm(self) -> BaseDBAsyncClient:
        return self._reads.orm

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        self._require_there()
        self._database.listed.append(sql)
        await self._database.lists.wait()
        return await self._reads.fetch(sql, *args)

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        self._require_there()
        return await self._reads.fetch_one(sql, *args)

    def _require_there(self) -> None:
        if self._database.is_away:
            raise StoreUnavailable("The database is away.")
