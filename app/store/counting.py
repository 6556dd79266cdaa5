"""Counting that stops where an exact count would be a scan of millions."""

from typing import TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from app.store.connection import Connection

COUNT_LIMIT = 10_000

M = TypeVar("M", bound=Model)


def counting(found: str) -> str:
    """A statement whose one row says as `n` how many rows another one finds; `counted` says what that means."""
    return f"SELECT count(*) AS n FROM ({found} LIMIT {COUNT_LIMIT + 1}) AS counted"


def counted(count: int) -> int | None:
    """A count of `counting`: None over COUNT_LIMIT."""
    return None if count > COUNT_LIMIT else count


async def count(connection: Connection, found: str, *values: object) -> int | None:
    """How many rows a statement finds; None over COUNT_LIMIT."""
    row = await connection.fetch_one(counting(found), *values)
    return counted(0 if row is None else int(row["n"]))


async def count_of(connection: Connection, query: QuerySet[M]) -> int | None:
    """How many rows a query of the models finds; None over COUNT_LIMIT."""
    key = query.model._meta.pk_attr  # noqa: SLF001 - Tortoise tells it nowhere else
    found = await query.limit(COUNT_LIMIT + 1).using_db(connection.orm).values_list(key, flat=True)
    return counted(len(found))
