"""What SQLite's errors mean for whoever asked."""

import re
import sqlite3
from collections.abc import Callable, Sequence

from app.store.connection import IntegrityViolation

_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
_UNIQUE_COLUMNS = re.compile(r"UNIQUE constraint failed: (?P<columns>[^']+)")
_UNIQUE_INDEX = re.compile(r"UNIQUE constraint failed: index '(?P<name>.+)'")
_NAMED = re.compile(r"(?:CHECK|NOT NULL) constraint failed: (?P<name>.+)", re.DOTALL)


def is_unavailable(error: sqlite3.Error) -> bool:
    """The file, the disk or another process is at fault, not the statement."""
    # The low byte is the kind; the rest says more exactly where (https://www.sqlite.org/rescode.html).
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _UNAVAILABLE


def is_busy(error: sqlite3.Error) -> bool:
    """Another process holds the lock."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_BUSY


def is_ambiguous_commit(error: sqlite3.Error) -> bool:
    """The commit was written and could not be forced to disk: a crash now may bring it back."""
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_FSYNC


def violation(
    error: sqlite3.IntegrityError, look_up: Callable[[str, str], Sequence[sqlite3.Row]]
) -> IntegrityViolation:
    """The refusal with its constraint's name; `look_up(sql, argument)` reads the schema."""
    message = str(error)
    return IntegrityViolation(message, constraint=_constraint(message, error.sqlite_errorcode, look_up))


def _constraint(message: str, code: int, look_up: Callable[[str, str], Sequence[sqlite3.Row]]) -> str:
    if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        return message.partition(":")[0]
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return ""
    if named := _UNIQUE_INDEX.match(message) or _NAMED.match(message):
        return named["name"]
    if unique := _UNIQUE_COLUMNS.match(message):
        table, columns = _split(unique["columns"])
        if code in (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID):
            return f"{table}_pkey"
        return _index_name(table, columns, look_up)
    return ""


def _split(qualified: str) -> tuple[str, list[str]]:
    pairs = [one.partition(".") for one in qualified.split(", ")]
    return pairs[0][0], [column for _, _, column in pairs]


def _index_name(table: str, columns: list[str], look_up: Callable[[str, str], Sequence[sqlite3.Row]]) -> str:
    for index in look_up('SELECT name, origin FROM pragma_index_list(?1) WHERE "unique"', table):
        indexed = look_up("SELECT name FROM pragma_index_info(?1) ORDER BY seqno", index["name"])
        if index["origin"] == "c" and [row["name"] for row in indexed] == columns:
            return str(index["name"])
    # SQLite forgets the names of constraints that stand in CREATE TABLE: answer with PostgreSQL's default.
    return "_".join([table, *columns, "key"])
