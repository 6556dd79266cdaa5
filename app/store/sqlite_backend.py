"""SQLite as a whole: one file, one server."""

import fcntl
import os
import sqlite3
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from app.store.connection import CannotOpen, Connection, Engine
from app.store.leadership import FileLeadership
from app.store.sqlite_engine import SqliteTransaction, SqliteWriter
from app.store.sqlite_lookups import SqliteLookups
from app.store.sqlite_reads import SqliteReads
from app.store.wakes import LocalWakes


class SqliteBackend:
    """See `app.store.database.Backend`. `alone`: no second one may be open with `alone`, in whatever process."""

    engine = Engine.SQLITE

    def __init__(self, path: Path, *, alone: bool, extra_pragmas: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._alone = alone
        self._lock: int | None = None
        self._writer = SqliteWriter(path, extra_pragmas or {})
        self.reads = SqliteReads(path)
        self.lookups = SqliteLookups(path, self.reads)
        self.wakes = LocalWakes()

    def lane(self, key: str) -> str:
        """One for all: SQLite has one writer."""
        del key
        return ""

    async def begin(self) -> SqliteTransaction:
        """See `Backend.begin`."""
        return await self._writer.begin()

    def snapshot(self) -> AbstractAsyncContextManager[Connection]:
        """See `Backend.snapshot`."""
        return self.reads.snapshot()

    async def open(self) -> None:
        """See `Backend.open`."""
        try:
            if self._alone:
                self._lock = _lock(self._path)
            await self._writer.open()
            await self.reads.open()
            self.lookups.open()
        except (sqlite3.Error, OSError) as error:
            raise CannotOpen(f"The database {self._path} cannot be opened: {error}.") from error

    async def close(self) -> None:
        """See `Backend.close`."""
        self.lookups.close()
        await self.reads.close()
        await self._writer.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def leadership(self, name: str) -> FileLeadership:
        """See `Backend.leadership`."""
        return FileLeadership(self._path.with_name(f"{self._path.name}.{name}-lock"))

    async def probe(self) -> None:
        """See `Backend.probe`."""
        await self.reads.fetch("SELECT count(*) FROM sqlite_schema")


def _lock(path: Path) -> int:
    """The kernel lets go of it when the process ends, however it ends."""
    descriptor = os.open(path.with_name(path.name + ".serve-lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise CannotOpen(
            f"Another server already serves {path}. SQLite is for one server: for more, move to PostgreSQL"
            " (ANCHORAGE_DATABASE_URL=postgres://…)."
        ) from error
    return descriptor
