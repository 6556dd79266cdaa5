"""PostgreSQL as a whole: any number of servers, on any number of hosts."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from app.errors import AuditUnavailable, StoreUnavailable
from app.store.connection import CannotOpen, Connection, Engine
from app.store.leadership import PostgresLeadership
from app.store.postgres_engine import Pool, PostgresReads, PostgresTransaction
from app.store.postgres_wakes import PostgresWakes

LOOKUP_SECONDS = 1.0
"""For what an index finds at once, while a gateway waits: a server that takes longer hangs."""


class PostgresBackend:
    """See `app.store.database.Backend`."""

    engine = Engine.POSTGRES

    def __init__(self, hosts: Sequence[str], *, pool_size: int) -> None:
        self._hosts = hosts
        self._writers = Pool(hosts, size=pool_size, read_only=False)
        self._readers = Pool(hosts, size=pool_size, read_only=True)
        self.reads = PostgresReads(self._readers)
        self.lookups = PostgresReads(self._readers, seconds=LOOKUP_SECONDS)
        self.wakes = PostgresWakes(hosts)

    def lane(self, key: str) -> str:
        """One per key, which is the stream whose head row the units lock: one connection can work on it at a time."""
        return key

    async def begin(self) -> PostgresTransaction:
        """See `Backend.begin`."""
        connection = await self._writers.acquire(
            AuditUnavailable, "The database cannot be written now: nothing was done."
        )
        return PostgresTransaction(self._writers, connection)

    def snapshot(self) -> AbstractAsyncContextManager[Connection]:
        """See `Backend.snapshot`."""
        return self.reads.snapshot()

    async def open(self) -> None:
        """See `Backend.open`."""
        await self._writers.open()
        await self._readers.open()
        await self._require_durability()
        await self.wakes.open()

    async def close(self) -> None:
        """See `Backend.close`."""
        await self.wakes.close()
        await self._readers.close()
        await self._writers.close()

    def leadership(self, name: str) -> PostgresLeadership:
        """See `Backend.leadership`."""
        return PostgresLeadership(self._hosts, name)

    async def probe(self) -> None:
        """See `Backend.probe`."""
        await self.reads.fetch("SELECT count(*) FROM pg_catalog.pg_class LIMIT 1")
        connection = await self._writers.acquire(StoreUnavailable, "The database cannot be written now.")
        try:
            await connection.fetchval("SELECT 1", timeout=1)
        finally:
            await self._writers.release(connection)

    async def _require_durability(self) -> None:
        row = await self.reads.fetch_one(
            "SELECT current_setting('synchronous_commit') AS waits, current_setting('fsync') AS forces"
        )
        if row is None or row["waits"] == "off" or row["forces"] == "off":
            raise CannotOpen("PostgreSQL runs with synchronous_commit or fsync off: a commit would not last.")
