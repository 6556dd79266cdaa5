"""Tortoise on connections that are ours: it makes SQL out of models, and never opens, begins or commits anything.

Its own clients are not used: a cancelled BEGIN locks or leaks their connections, and on SQLite a failed COMMIT is
committed by the next request. Every query names its connection (`using_db`); one that does not is refused.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from pypika_tortoise.dialects import PostgreSQLQuery, SQLLiteQuery
from tortoise.backends.asyncpg.executor import AsyncpgExecutor
from tortoise.backends.base.client import BaseDBAsyncClient, Capabilities, TransactionContext
from tortoise.backends.base_postgres.client import BasePostgresClient
from tortoise.backends.base_postgres.schema_generator import BasePostgresSchemaGenerator
from tortoise.backends.sqlite.client import SqliteClient
from tortoise.backends.sqlite.executor import SqliteExecutor
from tortoise.backends.sqlite.schema_generator import SqliteSchemaGenerator
from tortoise.context import TortoiseContext

from app.store.connection import Engine
from app.store.statements import Result

Run = Callable[[str, Sequence[object]], Awaitable[Result]]


async def _unnamed(sql: str, values: Sequence[object]) -> Result:
    del sql, values
    raise RuntimeError("the query does not name its connection: .using_db(connection.orm)")


class _OrmClient(BaseDBAsyncClient):
    """What Tortoise asks of a connection, on top of one function that runs a statement."""

    def __init__(self, connection_name: str, run: Run = _unnamed, **_: object) -> None:
        super().__init__(connection_name)
        self._run = run

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[Any]]:
        result = await self._run(query, values or ())
        return result.changed or len(result.rows), result.rows

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        return [dict(row) for row in (await self._run(query, values or ())).rows]

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        for row in values:
            await self._run(query, row)

    async def execute_script(self, query: str) -> None:
        del query
        raise RuntimeError("scripts are migrations: app.store.migrate")

    async def create_connection(self, with_db: bool) -> None:  # noqa: FBT001 - Tortoise's signature
        del with_db
        raise RuntimeError("Tortoise opens no connections here: app.store.database")

    async def close(self) -> None:
        """There is nothing of Tortoise's own to close."""

    def _in_transaction(self) -> TransactionContext:
        raise RuntimeError("the door opens the only transaction there is; inside it, use transaction.savepoint()")


class SqliteOrm(_OrmClient):
    """Tortoise's SQLite dialect."""

    query_class = SQLLiteQuery
    executor_class = SqliteExecutor
    schema_generator = SqliteSchemaGenerator
    capabilities: ClassVar[Capabilities] = SqliteClient.capabilities  # type: ignore[misc]

    async def execute_insert(self, query: str, values: list[Any]) -> int | None:
        """The new row's number."""
        return (await self._run(query, values)).row_id


class PostgresOrm(_OrmClient):
    """Tortoise's PostgreSQL dialect."""

    query_class = PostgreSQLQuery
    executor_class = AsyncpgExecutor
    schema_generator = BasePostgresSchemaGenerator
    capabilities: ClassVar[Capabilities] = BasePostgresClient.capabilities  # type: ignore[misc]

    async def execute_insert(self, query: str, values: list[Any]) -> Any:  # noqa: ANN401 - Tortoise's own row
        """What RETURNING gave."""
        rows = (await self._run(query, values)).rows
        return rows[0] if rows else None


def get_client_class(settings: dict[str, Any]) -> type[_OrmClient]:
    """Tortoise calls this for the connection that models get when a query names none."""
    return SqliteOrm if settings["credentials"]["engine"] == Engine.SQLITE else PostgresOrm


class _Registration:
    """Tortoise keeps its models in one place for the process, and their SQL in the dialect first used."""

    def __init__(self) -> None:
        self._context: TortoiseContext | None = None
        self._what: tuple[Engine, tuple[str, ...]] | None = None

    async def ensure(self, engine: Engine, modules: Sequence[str]) -> None:
        what = (engine, tuple(modules))
        if what == self._what:
            return
        if self._context is not None:
            await self._context.close_connections()
            self._context = self._what = None
        context = TortoiseContext()
        config = {
            # The name is the engine's: Tortoise caches each model's INSERT by connection name and table.
            "connections": {engine.value: {"engine": __name__, "credentials": {"engine": engine.value}}},
            "apps": {"models": {"models": list(modules), "default_connection": engine.value}},
        }
        # Entered, because `init` already asks for the present context; global, because tasks that come later ask too.
        with context:
            await context.init(config=config, _enable_global_fallback=True)
        self._context, self._what = context, what


_registration = _Registration()


async def register_models(engine: Engine, modules: Sequence[str]) -> None:
    """Make the models of these modules usable, whichever task asks. Doing it again is harmless."""
    if modules:
        await _registration.ensure(engine, modules)
