"""SQLite's reader for what an index finds at once: used on the event loop's own thread, as the writer is."""

import sqlite3
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import cast

from app.errors import StoreUnavailable
from app.store.connection import Engine, Row
from app.store.orm import SqliteOrm
from app.store.sqlite_connect import native, open_reader
from app.store.sqlite_reads import SqliteReads
from app.store.statements import Result, Statements

LOOKUP_SECONDS = 0.01
"""How long the event loop may be held. What takes longer is handed to a thread."""

_LOOK_EVERY = 2_000
"""Steps of SQLite's machine between two looks at the clock."""


class SqliteLookups(Statements):
    """See `Database.lookups`. What cannot be read here, `others` read, or say why it cannot be read."""

    engine = Engine.SQLITE

    def __init__(self, path: Path, others: SqliteReads) -> None:
        self._path = path
        self._others = others
        self._raw: sqlite3.Connection | None = None
        self._deadline = 0.0

    @cached_property
    def orm(self) -> SqliteOrm:
        """See `Connection.orm`."""
        return SqliteOrm(self.engine.value, self.run)

    def open(self) -> None:
        """Raises sqlite3.Error."""
        # Whoever holds a lock must not hold the event loop.
        self._raw = open_reader(self._path, busy_seconds=0.0)
        self._raw.set_progress_handler(lambda: monotonic() > self._deadline, _LOOK_EVERY)

    def close(self) -> None:
        """Close it, whatever state it is in."""
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.close()

    def native(self, sql: str) -> str:
        """See `Statements.native`."""
        return native(sql)

    async def run(self, sql: str, values: Sequence[object]) -> Result:
        """Run one statement whose placeholders are SQLite's own. Raises StoreUnavailable."""
        if self._raw is None:
            raise StoreUnavailable("The database is not open.")
        self._deadline = monotonic() + LOOKUP_SECONDS
        try:
            rows = self._raw.execute(sql, values).fetchall()
        except sqlite3.Error:
            return await self._others.run(sql, values)
        return Result(cast("Sequence[Row]", rows), 0, None)
