"""Which migrations there are, which of them a database has, and whether the triggers they made still stand."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.store.connection import CannotOpen, Connection, Engine

MIGRATIONS = Path(__file__).parent / "migrations"

VERSION_TABLE = (
    "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " applied_at BIGINT NOT NULL, sha256 TEXT NOT NULL)"
)
APPLIED = "SELECT version, name, sha256 FROM schema_version ORDER BY version"
RECORD = "INSERT INTO schema_version (version, name, applied_at, sha256) VALUES ($1, $2, $3, $4)"

_FILE = re.compile(r"(?P<version>\d{4})_(?P<name>\w+)\.(?P<engine>sqlite|postgres)\.sql")
_CREATED = re.compile(
    r"^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:CONSTRAINT\s+)?TRIGGER\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)",
    re.IGNORECASE | re.MULTILINE,
)
_DROPPED = re.compile(r"^\s*DROP\s+TRIGGER\s+(?:IF\s+EXISTS\s+)?(\w+)", re.IGNORECASE | re.MULTILINE)
_TABLE_EXISTS = {
    Engine.SQLITE: "SELECT 1 AS found FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'",
    Engine.POSTGRES: "SELECT 1 AS found WHERE to_regclass('schema_version') IS NOT NULL",
}
# On PostgreSQL a trigger can stand and be switched off: tgenabled is D.
_TRIGGERS = {
    Engine.SQLITE: "SELECT name FROM sqlite_schema WHERE type = 'trigger'",
    Engine.POSTGRES: "SELECT tgname AS name FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}


class SchemaMismatch(CannotOpen):
    """The database's schema is not one that this program can use."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step forward, as it stands in its file; it is never edited once it has been applied anywhere."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the file's text, in hexadecimal digits."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.version:04}_{self.name}"


@dataclass(frozen=True, slots=True)
class Applied:
    """What the database says of a migration that it has."""

    version: int
    name: str
    sha256: str


class HasReads(Protocol):
    """A `Database`, or enough of one."""

    @property
    def reads(self) -> Connection:
        """Where to read."""


def load(engine: Engine, folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """The engine's migrations in their order. Raises SchemaMismatch if a number is missing or given twice."""
    found = []
    for path in sorted(folder.glob(f"*.{engine.value}.sql")):
        parts = _FILE.fullmatch(path.name)
        if parts is None:
            raise SchemaMismatch(f"{path.name} is not named like a migration: NNNN_name.{engine.value}.sql.")
        found.append(Migration(int(parts["version"]), parts["name"], path.read_text(encoding="utf-8")))
    if [one.version for one in found] != list(range(1, len(found) + 1)):
        raise SchemaMismatch("The migrations are not numbered 1, 2, 3 … without gaps.")
    return tuple(found)


def remaining(known: Sequence[Migration], applied: Sequence[Applied]) -> tuple[Migration, ...]:
    """The migrations that a database with these still needs.

    Raises SchemaMismatch if it has one that this program does not know, or knows with another text.
    """
    if len(applied) > len(known):
        raise SchemaMismatch(
            f"The database is at schema version {applied[-1].version} and this program knows {len(known)}:"
            " it was migrated by a newer program. Start that one, or restore the backup made before."
        )
    for mine, theirs in zip(known, applied, strict=False):
        if (mine.version, mine.sha256) != (theirs.version, theirs.sha256):
            raise SchemaMismatch(
                f"The database has migration {theirs.version:04}_{theirs.name} with another text than this program's"
                f" {mine}: a migration is never edited, write a new one."
            )
    return tuple(known[len(applied) :])


async def pending(database: HasReads, folder: Path = MIGRATIONS) -> list[str]:
    """The names of the migrations that the database still needs: empty when it is ready. Raises SchemaMismatch."""
    known = load(database.reads.engine, folder)
    return [str(one) for one in remaining(known, await _applied(database.reads))]


async def require_guards(connection: Connection, folder: Path = MIGRATIONS) -> None:
    """Raises SchemaMismatch if a trigger that the applied migrations made is gone or switched off.

    The triggers refuse changes of the audit log; without them the database still works, so nobody would notice.
    """
    known = load(connection.engine, folder)
    applied = await _applied(connection)
    remaining(known, applied)
    there = {row["name"] for row in await connection.fetch(_TRIGGERS[connection.engine])}
    if missing := guards(known[: len(applied)]) - there:
        raise SchemaMismatch(
            f"Triggers that guard the database are missing or disabled: {', '.join(sorted(missing))}."
            " Somebody removed them: find out who and why before you serve from it."
        )


def guards(migrations: Sequence[Migration]) -> set[str]:
    """The triggers that stand after these migrations, by name."""
    standing: set[str] = set()
    for one in migrations:
        standing |= set(_CREATED.findall(one.sql))
        standing -= set(_DROPPED.findall(one.sql)) - set(_CREATED.findall(one.sql))
    return standing


async def _applied(connection: Connection) -> list[Applied]:
    if await connection.fetch_one(_TABLE_EXISTS[connection.engine]) is None:
        return []
    rows = await connection.fetch(APPLIED)
    return [Applied(version=row["version"], name=row["name"], sha256=row["sha256"]) for row in rows]
