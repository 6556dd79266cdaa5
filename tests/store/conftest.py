"""The database of the engine's own tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from app.store.connection import Engine
from app.store.database import Database, open_database
from app.store.migrate import migrate
from tests.store.cluster import Cluster
from tests.store.notes import GUARD, TABLES


@pytest.fixture
def tables(engine: Engine, tmp_path: Path) -> Path:
    """A folder with one migration, which makes the tables of `notes`."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    tables = TABLES if engine is Engine.SQLITE else TABLES.replace("BLOB", "BYTEA")
    (folder / f"0001_tables.{engine}.sql").write_text(tables + GUARD[engine], encoding="utf-8")
    return folder


@pytest.fixture
async def notes(database_url: str, tables: Path) -> AsyncIterator[Database]:
    """A database with these tables."""
    await migrate(database_url, folder=tables)
    notes = open_database(database_url, models=(), migrations=tables)
    await notes.start()
    yield notes
    await notes.close()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A server that these tests may stop, start and set as they like."""
    with Cluster.running() as cluster:
        yield cluster


@pytest.fixture
async def admin(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to another database of that server, which is left as it was found."""
    if not cluster.is_running():
        cluster.start()
    admin = await asyncpg.connect(cluster.url("postgres"))
    await admin.execute("DROP DATABASE IF EXISTS subject WITH (FORCE)")
    await admin.execute("CREATE DATABASE subject")
    yield admin
    if not cluster.is_running():
        cluster.start()
    if admin.is_closed():
        admin = await asyncpg.connect(cluster.url("postgres"))
    await admin.execute("ALTER SYSTEM RESET ALL")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()
