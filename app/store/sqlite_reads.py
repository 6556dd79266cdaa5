"""SQLite's readers: a few connections that cannot write, each with a thread, so that no read waits for a writer."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import cast

from app.errors import StoreUnavailable
from app.store import sqlite_faults
from app.store.connection import Engine, Row
from app.store.orm import SqliteOrm
from app.store.sqlite_connect import in_thread, native, open_reader
from app.store.statements import Result, Statements

READERS = 4
ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
SNAPSHOT_STATEMENT_SECONDS = 600.0
"""A snapshot is for whoever looks at everything, and waits for nobody."""

_LOOK_EVERY = 20_000
"""Steps of SQLite's machine between two looks at the clock: a fraction of a millisecond."""

_UNAVAILABLE = "The database cannot be read now: try again in a moment."


class _Reader:
    """One connection, and until when its present statement may run."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.deadline = 0.0
        self.thread = in_thread(raw)
        # Not `interrupt()`: that is lost when it comes before the first step or hits the next statement after the last.
        raw.set_progress_handler(lambda: monotonic() > self.deadline, _LOOK_EVERY)


class SqliteReads(Statements):
    """See `app.store.connection.Connection`. Each statement sees everything that was committed before it began.

    A statement whose caller is cancelled, or that takes longer than 10 s, is interrupted; its connection serves on.
    """

    engine = Engine.SQLITE

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all: list[_Reader] = []
        self._free: asyncio.LifoQueue[_Reader] = asyncio.LifoQueue()
        self._working: set[asyncio.Task[Result]] = set()

    @cached_property
    def orm(self) -> SqliteOrm:
        """See `Connection.orm`."""
        return SqliteOrm(self.engine.value, self.run)

    async def open(self) -> None:
        """Raises sqlite3.Error."""
        for _ in range(READERS):
            reader = _Reader(await asyncio.to_thread(open_reader, self._path))
            await reader.thread
            self._all.append(reader)
            self._free.put_nowait(reader)

    async def close(self) -> None:
        """Wait for the statements that run, and close."""
        if self._working:
            await asyncio.wait(self._working)
        readers, self._all = self._all, []
        for reader in readers:
            await reader.thread.close()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["SqliteSnapshot"]:
        """See `Database.snapshot`. It has a connection of its own, and needs none of the others open."""
        try:
            reader = _Reader(await asyncio.to_thread(open_reader, self._path))
            await reader.thread
            snapshot = SqliteSnapshot(reader)
            try:
                await snapshot.run("BEGIN", ())
                yield snapshot
            finally:
                await reader.thread.close()
        except sqlite3.Error as error:
            if sqlite_faults.is_unavailable(error):
                raise StoreUnavailable(_UNAVAILABLE) from error
            raise

    def native(self, sql: str) -> str:
        """See `Statements.native`."""
        return native(sql)

    async def run(self, sql: str, values: Sequence[object]) -> Result:
        """Run one statement whose placeholders are SQLite's own. Raises StoreUnavailable."""
        if not self._all:
            raise StoreUnavailable("The database is not open.")
        reader = await self._acquire()
        reader.deadline = monotonic() + STATEMENT_SECONDS
        # A task of its own, so that the connection goes back when its thread is done with it, not when the caller is.
        task = asyncio.create_task(self._work(reader, sql, values))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        try:
            return await asyncio.shield(task)
        finally:
            # Until the task is done the reader is ours; afterwards it may be someone else's.
            if not task.done():
                reader.deadline = 0.0

    async def _acquire(self) -> _Reader:
        if not self._free.empty():
            return self._free.get_nowait()
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                return await self._free.get()
        except TimeoutError as error:
            raise StoreUnavailable(_UNAVAILABLE) from error

    async def _work(self, reader: _Reader, sql: str, values: Sequence[object]) -> Result:
        try:
            rows = await reader.thread.execute_fetchall(sql, values)
        except sqlite3.Error as error:
            if sqlite_faults.is_unavailable(error):
                raise StoreUnavailable(_UNAVAILABLE) from error
            raise
        finally:
            self._free.put_nowait(reader)
        return Result(cast("Sequence[Row]", rows), 0, None)


class SqliteSnapshot(Statements):
    """One connection in one transaction, which sees what was committed before its first statement and nothing after."""

    engine = Engine.SQLITE

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    @cached_property
    def orm(self) -> SqliteOrm:
        """See `Connection.orm`."""
        return SqliteOrm(self.engine.value, self.run)

    def native(self, sql: str) -> str:
        """See `Statements.native`."""
        return native(sql)

    async def run(self, sql: str, values: Sequence[object]) -> Result:
        """Run one statement whose placeholders are SQLite's own. Raises StoreUnavailable."""
        self._reader.deadline = monotonic() + SNAPSHOT_STATEMENT_SECONDS
        try:
            rows = await self._reader.thread.execute_fetchall(sql, values)
        except sqlite3.Error as error:
            if sqlite_faults.is_unavailable(error):
                raise StoreUnavailable(_UNAVAILABLE) from error
            raise
        return Result(cast("Sequence[Row]", rows), 0, None)
