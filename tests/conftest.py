"""A fresh database for every test, on the engine that ANCHORAGE_TEST_ENGINE names: `sqlite` (if none) or `postgres`.

The suite is run once for each. A file `test_sqlite_….py` or `test_postgres_….py` belongs to one engine only.
"""

import os
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from app.store.connection import Engine
from app.store.database import Database, open_database
from app.store.migrate import migrate
from app.store.url import sqlite_path
from tests.checks import check_log
from tests.house import House
from tests.serving import Served, serving
from tests.store.cluster import Cluster

ENGINE = Engine(os.environ.get("ANCHORAGE_TEST_ENGINE", "sqlite"))

collect_ignore_glob = ["**/test_sqlite_*.py" if ENGINE is Engine.POSTGRES else "**/test_postgres_*.py"]

Backup = Callable[[], Awaitable[str]]
"""Copies a database as it is now; answers the copy's URL."""

UrlOf = Callable[[str], str]
"""The URL of a PostgreSQL database by its name."""


# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("anchorage", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anchorage")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full` runs the suites that have a short form at their full length."""
    parser.addoption("--full", action="store_true", help="races, crashes and fuzzing at their full length")


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of this run."""
    return ENGINE


@pytest.fixture(scope="session")
def postgres() -> Iterator[UrlOf]:
    """A PostgreSQL server for the whole run: the one that is given, else one of our own."""
    given = os.environ.get("ANCHORAGE_TEST_POSTGRES_URL")
    if given is not None:
        yield lambda name: f"{given.rpartition('/')[0]}/{name}"
        return
    with Cluster.running() as cluster:
        yield cluster.url


@pytest.fixture
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database of this test's own."""
    if ENGINE is Engine.SQLITE:
        yield f"sqlite://{tmp_path}/anchorage.db"
        return
    async for url in _copy_of("template1", request.getfixturevalue("postgres")):
        yield url


@pytest.fixture
async def backup(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Backup]:
    """Copies the database of `database_url`, which nobody has open, and answers the copy's URL."""
    async with AsyncExitStack() as copies:

        async def copy() -> str:
            path = sqlite_path(database_url)
            if path is None:
                postgres = request.getfixturevalue("postgres")
                template = database_url.rpartition("/")[2]
                return await copies.enter_async_context(asynccontextmanager(_copy_of)(template, postgres))
            target = path.with_name(f"copy-{secrets.token_hex(4)}.db")
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as made:
                source.backup(made)
            return f"sqlite://{target}"

        yield copy


@pytest.fixture(scope="session")
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "_Migrated":
    """A database with the program's schema, made once, from which tests get their copies."""
    return _Migrated(request, tmp_path_factory.mktemp("migrated") / "anchorage.db")


@pytest.fixture
async def migrated_url(migrated: "_Migrated", tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database of this test's own that has the program's schema and no rows."""
    source = await migrated.source()
    if ENGINE is Engine.SQLITE:
        shutil.copy(source, tmp_path / "anchorage.db")
        yield f"sqlite://{tmp_path}/anchorage.db"
        return
    async for url in _copy_of(source, migrated.postgres):
        yield url


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    """A started database of this test's own that has the program's schema and no rows."""
    database = open_database(migrated_url)
    await database.start()
    yield database
    await database.close()


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """A door on a database of this test's own. Whatever the test did, the log must tell the state at its end."""
    yield House(database, secrets_file=tmp_path / "secrets-key")
    await check_log(database)


@pytest.fixture
async def served(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """The real server after its first start, on an empty database of this test's own."""
    async with serving(database_url, tmp_path / "data") as server:
        yield server


class _Migrated:
    """Migrates when it is first asked, inside a test's event loop."""

    def __init__(self, request: pytest.FixtureRequest, path: Path) -> None:
        self._request = request
        self._path = path
        self._source: str | None = None

    @property
    def postgres(self) -> UrlOf:
        server: UrlOf = self._request.getfixturevalue("postgres")
        return server

    async def source(self) -> str:
        """The file, or the name of the database, to copy."""
        if self._source is None:
            if ENGINE is Engine.SQLITE:
                await migrate(f"sqlite://{self._path}")
                self._source = str(self._path)
            else:
                name = f"anchorage_template_{secrets.token_hex(4)}"
                await _administer(self.postgres, f"CREATE DATABASE {name}")
                await migrate(self.postgres(name))
                self._source = name
        return self._source


async def _copy_of(template: str, postgres: UrlOf) -> AsyncIterator[str]:
    name = f"anchorage_test_{secrets.token_hex(6)}"
    await _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield postgres(name)
    finally:
        await _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(postgres: UrlOf, sql: str) -> None:
    connection = await asyncpg.connect(postgres("postgres"))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
