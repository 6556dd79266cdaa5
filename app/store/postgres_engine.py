"""PostgreSQL: two pools, one that writes and one that cannot, so that neither waits for the other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, cast

import asyncpg

from app.errors import AuditUnavailable, OutcomeUnknown, Refusal, StoreUnavailable
from app.store import postgres_faults
from app.store.connection import Engine, Row
from app.store.orm import PostgresOrm
from app.store.postgres_connect import CLIENT_SECONDS, CONNECTION_ERRORS, ServerConnection, make_pool
from app.store.statements import Result, Statements
from app.store.transaction import OpenTransaction

ACQUIRE_SECONDS = 5.0
SNAPSHOT_STATEMENT_SECONDS = 600.0
"""A snapshot is for whoever looks at everything, and waits for nobody."""

BEGIN_SNAPSHOT = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    # Until the transaction ends: the session's own deadlines are for short reads.
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)

_NOTHING_DONE = "The database cannot be written now: nothing was done."
_UNAVAILABLE = "The database cannot be read now: try again in a moment."
_UNKNOWN = "The answer to the commit was lost: ask again with the same idempotency key."
_NOT_REPLICATED = "The commit was not replicated, and may be lost: ask again with the same idempotency key."
_STUCK = (TimeoutError, asyncpg.InternalClientError)
"""After these the connection may look as if it were at rest, and must meet no other question."""


class Pool:
    """Connections of one kind, at most `size` of them, opened when they are needed."""

    def __init__(self, hosts: Sequence[str], *, size: int, read_only: bool) -> None:
        self._hosts = hosts
        self._size = size
        self._read_only = read_only
        self._pool: Any = None
        # Each with the pool that it goes back to, which is no longer ours while it closes.
        self._proxies: dict[ServerConnection, tuple[Any, Any]] = {}

    async def open(self) -> None:
        """Make the pool; it connects later."""
        self._pool = await make_pool(self._hosts, size=self._size, read_only=self._read_only)

    async def close(self) -> None:
        """Wait for what is in use, and close."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def acquire(
        self, refusal: type[Refusal], message: str, *, seconds: float = ACQUIRE_SECONDS
    ) -> ServerConnection:
        """A connection, within so many seconds; else the refusal."""
        pool = self._pool
        if pool is None:
            raise refusal("The database is not open.")
        try:
            proxy = await pool.acquire(timeout=seconds)
        except CONNECTION_ERRORS as error:
            raise refusal(message) from error
        connection: ServerConnection = proxy.itself()
        self._proxies[connection] = (pool, proxy)
        return connection

    async def release(self, connection: ServerConnection) -> None:
        """Give it back; one that is not at rest is closed."""
        if connection.usable:
            connection.terminate()
        pool, proxy = self._proxies.pop(connection)
        await pool.release(proxy)

    async def expire(self) -> None:
        """The server has become read-only: look for the primary again."""
        if self._pool is not None:
            await self._pool.expire_connections()


class PostgresReads(Statements):
    """See `app.store.connection.Connection`. Each statement sees everything that was committed before it began.

    One that takes longer than `seconds`, or waits so long for a connection, is given up and its connection closed.
    """

    engine = Engine.POSTGRES

    def __init__(self, pool: Pool, *, seconds: float = CLIENT_SECONDS) -> None:
        self._pool = pool
        self._seconds = seconds

    @cached_property
    def orm(self) -> PostgresOrm:
        """See `Connection.orm`."""
        return PostgresOrm(self.engine.value, self.run)

    async def run(self, sql: str, values: Sequence[object]) -> Result:
        """Run one statement. Raises StoreUnavailable."""
        async with self._connection() as connection:
            try:
                rows, tag = await connection.run(sql, values, self._seconds)
            except CONNECTION_ERRORS as error:
                if isinstance(error, _STUCK):
                    connection.terminate()
                if postgres_faults.is_unavailable(error):
                    raise StoreUnavailable(_UNAVAILABLE) from error
                raise
            except asyncio.CancelledError:
                # To be given back it would have to be heard of, and whoever gave up may not wait for that.
                connection.terminate()
                raise
        return _result(rows, tag)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["PostgresSnapshot"]:
        """See `Database.snapshot`. It has one of the pool's connections until its end."""
        async with self._connection() as connection, PostgresSnapshot(connection).begun() as snapshot:
            yield snapshot

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[ServerConnection]:
        connection = await self._pool.acquire(
            StoreUnavailable, _UNAVAILABLE, seconds=min(self._seconds, ACQUIRE_SECONDS)
        )
        try:
            yield connection
        finally:
            await self._pool.release(connection)


class PostgresSnapshot(Statements):
    """One connection in one transaction, which sees what was committed before its first statement and nothing after."""

    engine = Engine.POSTGRES

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    @cached_property
    def orm(self) -> PostgresOrm:
        """See `Connection.orm`."""
        return PostgresOrm(self.engine.value, self.run)

    @asynccontextmanager
    async def begun(self) -> AsyncIterator["PostgresSnapshot"]:
        """The snapshot, from here to the end of the block. Raises StoreUnavailable."""
        try:
            for statement in BEGIN_SNAPSHOT:
                await self.run(statement, ())
            yield self
        finally:
            if self._connection.is_in_transaction():
                await self.run("ROLLBACK", ())

    async def run(self, sql: str, values: Sequence[object]) -> Result:
        """Run one statement. Raises StoreUnavailable."""
        try:
            rows, tag = await self._connection.run(sql, values, SNAPSHOT_STATEMENT_SECONDS)
        except CONNECTION_ERRORS as error:
            if isinstance(error, _STUCK):
                self._connection.terminate()
            if postgres_faults.is_unavailable(error):
                raise StoreUnavailable(_UNAVAILABLE) from error
            raise
        return _result(rows, tag)


class PostgresTransaction(OpenTransaction):
    """See `app.store.connection.Transaction`.

    BEGIN, SAVEPOINT and RELEASE cannot fail by themselves, so they are kept back and sent with the next statement's
    round trip; the same with what stands before COMMIT.
    """

    engine = Engine.POSTGRES

    def __init__(self, pool: Pool, connection: ServerConnection) -> None:
        super().__init__()
        self._pool = pool
        self._connection = connection
        self._kept_back = ["BEGIN"]
        # Tortoise's prefetching asks several things at once; a connection answers one.
        self._turn = asyncio.Lock()

    @cached_property
    def orm(self) -> PostgresOrm:
        """See `Connection.orm`."""
        return PostgresOrm(self.engine.value, self.run)

    async def run(self, sql: str, values: Sequence[object]) -> Result:
        """See `OpenTransaction.run`."""
        async with self._turn:
            self.require_usable()
            try:
                await self._send_kept_back()
                rows, tag = await self._connection.run(sql, values, CLIENT_SECONDS)
            except CONNECTION_ERRORS as error:
                raise await self._fault(error) from error
        return _result(rows, tag)

    async def set_savepoint(self, name: str) -> None:
        """SAVEPOINT, with the next statement."""
        self._kept_back.append(f"SAVEPOINT {name}")

    async def release_savepoint(self, name: str) -> None:
        """RELEASE, with the next statement."""
        self._kept_back.append(f"RELEASE {name}")

    async def undo_savepoint(self, name: str) -> None:
        """ROLLBACK TO and RELEASE, with the next statement."""
        self._kept_back += [f"ROLLBACK TO {name}", f"RELEASE {name}"]

    async def commit(self) -> None:
        """See `OpenTransaction.commit`. Without a time-out and never cancelled (`ServerConnection.commit` says why)."""
        try:
            if self._connection.is_closed():
                raise AuditUnavailable(_NOTHING_DONE)
            if not await self._connection.commit(self._kept_back):
                raise OutcomeUnknown(_NOT_REPLICATED)
        except CONNECTION_ERRORS as error:
            if isinstance(error, asyncpg.PostgresError) and postgres_faults.is_certain_refusal(error):
                await self._expire_if_read_only(error)
                raise AuditUnavailable("The database refused the commit: nothing was done.") from error
            self._connection.terminate()
            raise OutcomeUnknown(_UNKNOWN) from error
        finally:
            await self._pool.release(self._connection)

    async def abandon(self) -> None:
        """See `OpenTransaction.abandon`."""
        try:
            if not self._connection.is_closed():
                await self._connection.execute("ROLLBACK", timeout=CLIENT_SECONDS)
        except CONNECTION_ERRORS:
            self._connection.terminate()
        finally:
            await self._pool.release(self._connection)

    async def _send_kept_back(self) -> None:
        if self._kept_back:
            await self._connection.execute("; ".join(self._kept_back), timeout=CLIENT_SECONDS)
            self._kept_back.clear()

    async def _fault(self, error: Exception) -> Exception:
        self.mark_failed()
        await self._expire_if_read_only(error)
        if postgres_faults.is_lost(error) or not self._connection.usable:
            self.lost = True
            # After a time-out of ours the statement may still run: nothing else must meet it on this connection.
            self._connection.terminate()
        if violation := postgres_faults.violation(error):
            return violation
        return AuditUnavailable(_NOTHING_DONE) if self.lost or postgres_faults.is_unavailable(error) else error

    async def _expire_if_read_only(self, error: Exception) -> None:
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            await self._pool.expire()


def _result(rows: Sequence[asyncpg.Record], tag: str) -> Result:
    # "UPDATE 3", "DELETE 3", "INSERT 0 3"; the number after SELECT counts what was read.
    word, _, number = tag.rpartition(" ")
    changed = int(number) if word.startswith(("UPDATE", "DELETE", "INSERT", "MERGE")) else 0
    return Result(cast("Sequence[Row]", rows), changed, None)
