"""SQLite: one writer, used on the event loop's own thread, and a few readers in threads of theirs.

A short statement takes 5 to 20 µs, less than handing it to another thread. Only COMMIT and ROLLBACK, which wait for the
disk, run in aiosqlite's thread, and BEGIN IMMEDIATE never waits: it is tried again until the other process is done.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import cast

import aiosqlite

from app.errors import AuditUnavailable, OutcomeUnknown
from app.store import sqlite_faults
from app.store.connection import CannotOpen, Engine, Row
from app.store.orm import SqliteOrm
from app.store.sqlite_connect import in_thread, native, open_writer
from app.store.statements import Result
from app.store.transaction import OpenTransaction

BUSY_SECONDS = 5.0
"""How long a write waits for another process, an administrative command or a migration, before it is refused."""

_FIRST_PAUSE_SECONDS = 0.001
_LONGEST_PAUSE_SECONDS = 0.05
_NOTHING_DONE = "The database cannot be written now: nothing was done."


class SqliteTransaction(OpenTransaction):
    """See `app.store.connection.Transaction`. Its statements never suspend."""

    engine = Engine.SQLITE

    def __init__(self, writer: "SqliteWriter", raw: sqlite3.Connection) -> None:
        super().__init__()
        self._writer = writer
        self._raw = raw

    @cached_property
    def orm(self) -> SqliteOrm:
        """See `Connection.orm`."""
        return SqliteOrm(self.engine.value, self.run)

    def native(self, sql: str) -> str:
        """See `Statements.native`."""
        return native(sql)

    async def run(self, sql: str, values: Sequence[object]) -> Result:
        """See `Statements.run`."""
        self.require_usable()
        try:
            cursor = self._raw.execute(sql, values)
            # Fetched even when nobody asked for rows: a statement with RETURNING is not done before.
            rows = cursor.fetchall()
        except sqlite3.Error as error:
            raise self._fault(error) from error
        return Result(cast("Sequence[Row]", rows), max(cursor.rowcount, 0), cursor.lastrowid)

    async def set_savepoint(self, name: str) -> None:
        """SAVEPOINT."""
        self._control(f"SAVEPOINT {name}")

    async def release_savepoint(self, name: str) -> None:
        """RELEASE."""
        self._control(f"RELEASE {name}")

    async def undo_savepoint(self, name: str) -> None:
        """ROLLBACK TO and RELEASE."""
        self._control(f"ROLLBACK TO {name}")
        self._control(f"RELEASE {name}")

    async def commit(self) -> None:
        """See `OpenTransaction.commit`."""
        await self._writer.commit()

    async def abandon(self) -> None:
        """See `OpenTransaction.abandon`."""
        await self._writer.abandon()

    def _control(self, sql: str) -> None:
        try:
            self._raw.execute(sql)
        except sqlite3.Error as error:
            self.lost = True
            raise AuditUnavailable(_NOTHING_DONE) from error

    def _fault(self, error: sqlite3.Error) -> Exception:
        self.mark_failed()
        # Some errors, and RAISE(ROLLBACK) in a trigger, end the whole transaction on their own.
        unavailable = sqlite_faults.is_unavailable(error)
        self.lost = unavailable or not self._raw.in_transaction
        if isinstance(error, sqlite3.IntegrityError):
            return sqlite_faults.violation(error, lambda sql, name: self._raw.execute(sql, (name,)).fetchall())
        return AuditUnavailable(_NOTHING_DONE) if unavailable else error


class SqliteWriter:
    """The only connection of the process that writes."""

    def __init__(self, path: Path, extra_pragmas: Mapping[str, str]) -> None:
        self._path = path
        self._extra_pragmas = extra_pragmas
        self._raw: sqlite3.Connection | None = None
        self._thread: aiosqlite.Connection | None = None

    async def open(self) -> None:
        """Raises sqlite3.Error, OSError or CannotOpen; it may then be tried again."""
        raw = await asyncio.to_thread(open_writer, self._path, self._extra_pragmas)
        self._thread = await in_thread(raw)
        self._raw = raw

    async def close(self) -> None:
        """Close it, whatever state it is in."""
        thread, self._thread, self._raw = self._thread, None, None
        if thread is not None:
            await thread.close()

    async def begin(self) -> SqliteTransaction:
        """Wait for the lock and begin. Raises AuditUnavailable."""
        pause = _FIRST_PAUSE_SECONDS
        deadline = asyncio.get_running_loop().time() + BUSY_SECONDS
        while True:
            try:
                if self._raw is None:
                    await self.open()
                return self._begin_now()
            except sqlite3.Error as error:
                if not sqlite_faults.is_busy(error) or asyncio.get_running_loop().time() > deadline:
                    raise AuditUnavailable(_NOTHING_DONE) from error
            except (OSError, CannotOpen) as error:
                raise AuditUnavailable(_NOTHING_DONE) from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def commit(self) -> None:
        """See `OpenTransaction.commit`."""
        thread = self._require_thread()
        try:
            await thread.commit()
        except sqlite3.Error as error:
            await self.abandon()
            if sqlite_faults.is_ambiguous_commit(error):
                raise OutcomeUnknown("The disk did not confirm: ask again with the same idempotency key.") from error
            raise AuditUnavailable("The database refused the commit: nothing was done.") from error

    async def abandon(self) -> None:
        """Undo everything; a connection that cannot is closed, and opened again by the next write."""
        thread = self._require_thread()
        try:
            await thread.rollback()
        except sqlite3.Error:
            await self.close()

    def _begin_now(self) -> SqliteTransaction:
        raw = self._raw
        if raw is None:
            raise sqlite3.ProgrammingError("the connection was closed meanwhile")
        raw.execute("BEGIN IMMEDIATE")
        return SqliteTransaction(self, raw)

    def _require_thread(self) -> aiosqlite.Connection:
        if self._thread is None:
            raise RuntimeError("the writer is not open")
        return self._thread
