"""Opening one connection to a SQLite file: what it must keep, and what it may never do."""

import os
import re
import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import aiosqlite

from app.store.connection import CannotOpen

_PLACEHOLDER = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\d+)""")

_READING_PRAGMAS = frozenset(
    {
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
        # Not a reading one, but what erasure needs: the last copies of what was erased leave the write-ahead log.
        "wal_checkpoint",
    }
)
_FORBIDDEN = frozenset(
    {
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_CREATE_VIEW,
        sqlite3.SQLITE_CREATE_VTABLE,
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_TEMP_INDEX,
        sqlite3.SQLITE_DROP_TEMP_TABLE,
        sqlite3.SQLITE_DROP_TEMP_TRIGGER,
        sqlite3.SQLITE_DROP_TEMP_VIEW,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_DROP_VIEW,
        sqlite3.SQLITE_DROP_VTABLE,
        sqlite3.SQLITE_REINDEX,
    }
)

_SHARED_PRAGMAS = {"trusted_schema": "OFF", "cell_size_check": "ON", "temp_store": "MEMORY"}
_WRITER_PRAGMAS = {
    "journal_mode": "WAL",
    **_SHARED_PRAGMAS,
    "synchronous": "FULL",
    "foreign_keys": "ON",
    # INSERT OR REPLACE deletes without firing the delete triggers otherwise (https://www.sqlite.org/lang_conflict.html).
    "recursive_triggers": "ON",
    "secure_delete": "ON",
    "journal_size_limit": str(64 * 1024 * 1024),
    # In pages: the ends of the log's indexes change with every commit, and copying them back less often is less work.
    "wal_autocheckpoint": "4000",
    # Waiting for another process would hold the event loop: the writer tries again by itself.
    "busy_timeout": "0",
}
_READER_PRAGMAS = {**_SHARED_PRAGMAS, "query_only": "ON"}
_MUST_HOLD = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1, "trusted_schema": 0}


@lru_cache(maxsize=4096)
def native(sql: str) -> str:
    """The statement with SQLite's numbered placeholders (`?1`) for `$1`, outside quotation marks."""
    return _PLACEHOLDER.sub(lambda found: f"?{found[1]}" if found[1] else found[0], sql)


def open_writer(path: Path, extra_pragmas: Mapping[str, str]) -> sqlite3.Connection:
    """The connection that writes, its settings asserted.

    Raises sqlite3.Error, or CannotOpen where the file system cannot keep the promises.
    """
    _create(path)
    connection = _connect(path, "rw")
    try:
        _apply(connection, {**_WRITER_PRAGMAS, **extra_pragmas})
        _require_promises(connection)
        connection.set_authorizer(_authorize)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path, *, busy_seconds: float = 5.0) -> sqlite3.Connection:
    """A connection that cannot write; `busy_seconds` is how long it waits for a lock. Raises sqlite3.Error."""
    connection = _connect(path, "ro")
    try:
        _apply(connection, {**_READER_PRAGMAS, "busy_timeout": f"{busy_seconds * 1000:.0f}"})
        connection.set_authorizer(_authorize)
    except BaseException:
        connection.close()
        raise
    return connection


def in_thread(connection: sqlite3.Connection) -> aiosqlite.Connection:
    """The connection with a thread of its own, once it is awaited.

    It is opened before: aiosqlite's thread, when the opening failed in it, could answer after the event loop is gone.
    """
    threaded = aiosqlite.Connection(lambda: connection, 64)
    # Else a program that ends by an exception, without closing its database, would never end.
    threaded._thread.daemon = True  # noqa: SLF001 - aiosqlite has no setting for it
    return threaded


def open_for_migration(path: Path) -> sqlite3.Connection:
    """A connection that may change the schema; `app.store.migrate` says why its foreign keys are off.

    Raises sqlite3.Error or OSError.
    """
    _create(path)
    connection = _connect(path, "rw")
    _apply(connection, {**_WRITER_PRAGMAS, "busy_timeout": "60000", "foreign_keys": "OFF"})
    return connection


def _create(path: Path) -> None:
    # Because SQLite would leave it readable by everyone; its companions take over the mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        # No transaction that we did not begin ourselves.
        isolation_level=None,
        # Used by one thread at a time, but not always by the same.
        check_same_thread=False,
        cached_statements=512,
    )
    connection.row_factory = sqlite3.Row
    return connection


def _require_promises(connection: sqlite3.Connection) -> None:
    for name, expected in _MUST_HOLD.items():
        if connection.execute(f"PRAGMA {name}").fetchone()[0] != expected:
            raise CannotOpen(
                f"SQLite {sqlite3.sqlite_version} does not accept PRAGMA {name} = {expected} for this file:"
                " it must lie on a local file system."
            )


def _apply(connection: sqlite3.Connection, pragmas: Mapping[str, str]) -> None:
    for name, value in pragmas.items():
        connection.execute(f"PRAGMA {name} = {value}").fetchall()


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _inside: str | None) -> int:
    """Refuse what only a migration may do (it has a connection of its own)."""
    if action in _FORBIDDEN:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and second is not None and first not in _READING_PRAGMAS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
