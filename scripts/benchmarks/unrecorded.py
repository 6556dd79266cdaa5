"""What recording costs: the same commands through a door that writes no entries, on a database that asks for none.

Only here, and only on a database of the run's own: the program has no such door, and its database would refuse it.
"""

import sqlite3

import asyncpg

from app.audit import log
from app.audit.entry import Act
from app.services.door import Door
from app.store.connection import Transaction
from app.store.url import sqlite_path

_REFERENCE = " REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED"


class UnrecordedDoor(Door):
    """The door without its last step."""

    async def _append(self, transaction: Transaction, head: log.Head, act: Act) -> None:
        """Leave the entry out."""


async def ask_for_no_entries(url: str) -> None:
    """Let the database accept changes that have no entry."""
    path = sqlite_path(url)
    if path is not None:
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, '')", (_REFERENCE,))
            connection.execute(f"PRAGMA schema_version = {_schema_version(connection) + 1}")
        connection.close()
        return
    server = await asyncpg.connect(url)
    try:
        await server.execute("ALTER TABLE certificate DISABLE TRIGGER certificate_recorded")
    finally:
        await server.close()


def _schema_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA schema_version").fetchone()[0]
    return version
