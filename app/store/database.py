"""The database: readers, one way to write, and who hears of it. The URL says which engine.

Everything that is written passes through `Database.write`, and only the door calls it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.errors import StoreUnavailable
from app.store.batching import GroupCommit, T, Unit
from app.store.connection import Connection, Engine
from app.store.leadership import Leadership
from app.store.orm import register_models
from app.store.postgres_backend import PostgresBackend
from app.store.schema import MIGRATIONS, require_guards
from app.store.sqlite_backend import SqliteBackend
from app.store.transaction import OpenTransaction
from app.store.url import postgres_hosts, sqlite_path
from app.store.wakes import Wakes

PROBE_SECONDS = 2.0
MODELS = ("app.store.models",)


class Role(StrEnum):
    """Who opens the database: on SQLite there is one server, and anything else is beside it."""

    SERVE = "serve"
    BESIDE = "beside"


class Backend(Protocol):
    """What an engine brings."""

    engine: Engine

    @property
    def reads(self) -> Connection:
        """Connections that cannot write."""

    @property
    def lookups(self) -> Connection:
        """See `Database.lookups`."""

    @property
    def wakes(self) -> Wakes:
        """Who hears of what was committed."""

    def lane(self, key: str) -> str:
        """Units of one lane run one after another, in shared transactions; lanes do not wait for one another."""

    async def begin(self) -> OpenTransaction:
        """Raises AuditUnavailable."""

    def snapshot(self) -> AbstractAsyncContextManager[Connection]:
        """See `Database.snapshot`."""

    async def open(self) -> None:
        """Raises CannotOpen or StoreUnavailable."""

    async def close(self) -> None:
        """Close every connection."""

    async def probe(self) -> None:
        """Read something through every pool. Raises StoreUnavailable."""

    def leadership(self, name: str) -> Leadership:
        """A claim to lead in what is named."""


class Database:
    """See the module."""

    def __init__(self, backend: Backend, *, models: Sequence[str], migrations: Path) -> None:
        self._backend = backend
        self._models = models
        self._migrations = migrations
        self._commits = GroupCommit(begin=backend.begin, lane=backend.lane, committed=backend.wakes.announce)
        self.engine: Engine = backend.engine
        self.reads: Connection = backend.reads
        self.lookups: Connection = backend.lookups
        """As `reads`, for statements that find a few rows by an index, where a thread's handoff would cost the most."""
        self.wakes: Wakes = backend.wakes

    async def write(self, key: str, unit: Unit[T]) -> T:
        """Run the unit in a transaction, with others that wait for the same key, and answer after the commit.

        The unit does its work inside `transaction.savepoint()`; if it raises, that is its answer, its mates go on, and
        what it did outside a savepoint is committed. It runs to its end in a task that is not the caller's: a cancelled
        caller loses the answer and nothing else. `key` is then announced to `wakes`.

        Raises AuditUnavailable if nothing was done; OutcomeUnknown if nobody can say whether it was.
        """
        return await self._commits.submit(key, unit)

    def snapshot(self) -> AbstractAsyncContextManager[Connection]:
        """Somewhere to read for as long as it takes, all of it as of one instant, while others write.

        Entering raises StoreUnavailable. A snapshot keeps SQLite's write-ahead log, or PostgreSQL's dead rows, from
        being cleared away: it is for checks and exports, not for requests.
        """
        return self._backend.snapshot()

    def leadership(self, name: str) -> Leadership:
        """A claim of this process to lead, among all that use the database, in what is named: lower-case letters."""
        return self._backend.leadership(name)

    async def start(self) -> None:
        """Open the connections. Raises CannotOpen or StoreUnavailable; nothing is left open then."""
        await register_models(self.engine, self._models)
        try:
            await self._backend.open()
            await require_guards(self.reads, self._migrations)
        except BaseException:
            await self._backend.close()
            raise

    async def close(self) -> None:
        """Finish the units that are queued, then close the connections."""
        await self._commits.drain()
        await self._backend.close()

    async def probe(self) -> None:
        """Read something through every pool, within 2 s. Raises StoreUnavailable."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._backend.probe()
        except TimeoutError as error:
            raise StoreUnavailable("The database did not answer in time.") from error

    def oldest_wait_seconds(self) -> float:
        """For how long the oldest unit of work has been queued or running: what a watchdog looks at."""
        return self._commits.oldest_wait_seconds()

    def refuses_writes(self, within_seconds: float) -> bool:
        """Whether the last transaction could not be written, so recently: a full disk, a server that is gone."""
        return self._commits.refuses(within_seconds)


def open_database(
    url: str,
    *,
    role: Role = Role.SERVE,
    pool_size: int = 10,
    models: Sequence[str] = MODELS,
    migrations: Path = MIGRATIONS,
) -> Database:
    """The database of this URL, not yet started: `sqlite:///abs/path`, `sqlite://rel/path`, or `postgres://…`.

    `pool_size` is the number of PostgreSQL connections that write, and again of those that read. Raises CannotOpen.
    """
    path = sqlite_path(url)
    if path is not None:
        return Database(SqliteBackend(path, alone=role is Role.SERVE), models=models, migrations=migrations)
    return Database(PostgresBackend(postgres_hosts(url), pool_size=pool_size), models=models, migrations=migrations)
