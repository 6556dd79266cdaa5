"""Running statements: what every connection of both engines does in the same way."""

import abc
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from tortoise.backends.base.client import BaseDBAsyncClient

from app.store.connection import Engine, Row

MOST_AT_ONCE = 256
"""Rows, or values of a list, of one statement of `in_powers`."""

MOST_JOINED = 400
"""Lists that one statement may join by UNION ALL: SQLite takes 500 parts in all."""

T = TypeVar("T")


class Result(NamedTuple):
    """What one statement did, as the driver reports it."""

    rows: Sequence[Row]
    changed: int
    row_id: int | None
    """SQLite's number of the row last inserted; None on PostgreSQL, where RETURNING tells."""


class Statements(abc.ABC):
    """The reading half of `app.store.connection.Connection`, on top of `run`."""

    engine: Engine

    @property
    @abc.abstractmethod
    def orm(self) -> BaseDBAsyncClient:
        """See `Connection.orm`."""

    @abc.abstractmethod
    async def run(self, sql: str, values: Sequence[object]) -> Result:
        """Run one statement whose placeholders are the engine's own."""

    def native(self, sql: str) -> str:
        """The statement with the engine's own placeholders for `$1, $2 …`."""
        return sql

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """See `Connection.fetch`."""
        return (await self.run(self.native(sql), args)).rows

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """See `Connection.fetch_one`."""
        rows = (await self.run(self.native(sql), args)).rows
        return rows[0] if rows else None


def in_powers(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in pieces whose sizes are powers of two, so that few texts of statements are prepared."""
    at = 0
    while at < len(values):
        size = 1 << (min(len(values) - at, MOST_AT_ONCE).bit_length() - 1)
        yield values[at : at + size]
        at += size


def filled(values: Sequence[T]) -> list[T]:
    """The values, of which there is one at least, and the last again until they are a power of two: likewise."""
    room = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (room - len(values))]


def places(count: int, first: int) -> str:
    """So many placeholders, numbered from the first on."""
    return ", ".join(f"${place}" for place in range(first, first + count))


def unless_locked(engine: Engine, query: str) -> str:
    """A query that locks the rows it finds, and leaves out those that another transaction has locked.

    Who notes something of a thousand rows in one transaction, and never waits for one of them, can block nobody for
    good, in whatever order others lock several. SQLite has one writer, and no locks of rows.
    """
    return query if engine is Engine.SQLITE else f"{query} FOR NO KEY UPDATE SKIP LOCKED"
