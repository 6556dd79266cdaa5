"""What reads and commands see of the database, the same on both engines.

Statements are written with `$1, $2 …` placeholders. Values are int, str, bytes, bool and None; every instant is an int
(`app.clock`). A boolean comes back from SQLite as 0 or 1.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Any, Protocol

from tortoise.backends.base.client import BaseDBAsyncClient

Row = Mapping[str, Any]
"""A row answers by column name: `row["id"]`. That is all that both drivers' rows have in common."""


class Engine(StrEnum):
    """Which database it is, for the few statements that differ."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


class CannotOpen(Exception):
    """The database cannot be opened as the settings ask; the message is a sentence for whoever runs the program."""


class IntegrityViolation(Exception):
    """The database itself refused a row: a unique, check, foreign key or not-null constraint, or a trigger.

    `constraint` is spelled alike on both engines as far as they tell:

    - unique: the index's or constraint's name; for one without a name PostgreSQL's default (`t_a_b_key`, `t_pkey`)
    - check: its name
    - not null: `table.column`
    - trigger: what stands before the first colon of the message it raises
    - foreign key: its name on PostgreSQL; SQLite does not tell, so it is empty there
    """

    def __init__(self, message: str, *, constraint: str) -> None:
        super().__init__(message)
        self.constraint = constraint


class Connection(Protocol):
    """Somewhere to read.

    Raises `StoreUnavailable` when the database cannot be read now; inside a transaction, `AuditUnavailable`.
    """

    @property
    def engine(self) -> Engine:
        """Which database it is."""

    @property
    def orm(self) -> BaseDBAsyncClient:
        """The same connection for Tortoise: `Model.filter(…).using_db(connection.orm)`."""

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """All rows of one statement."""

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """The first row, or None."""


class Transaction(Connection, Protocol):
    """Somewhere to read and write, until the unit of work that was given it returns.

    A statement that fails leaves the enclosing savepoint unusable until it is rolled back, on both engines (PostgreSQL
    insists on it; SQLite would go on, and code tested on it alone would break).
    """

    memo: dict[str, Any]
    """Lives as long as the transaction and goes back with its savepoints. It is copied flat: put values in, never
    change them in place."""

    async def execute(self, sql: str, *args: object) -> int:
        """Run one statement; answers how many rows it changed itself, not counting triggers and cascades."""

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo what was done inside on any exception, which goes on; keep it otherwise. Nested, never interleaved."""
