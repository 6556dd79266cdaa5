"""Migrations go forward, once each, whoever runs them and whatever interrupts them."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from app.store.connection import Engine
from app.store.database import open_database
from app.store.migrate import migrate, statements
from app.store.schema import SchemaMismatch, guards, load, pending
from app.store.url import sqlite_path

Write = Callable[[int, str, str], None]

MIGRATOR = """
import asyncio, pathlib, sys
from app.store.migrate import migrate
print("ready", flush=True)
sys.stdin.readline()
print(*asyncio.run(migrate(sys.argv[1], folder=pathlib.Path(sys.argv[2]))))
"""
KEPT = {
    Engine.SQLITE: "CREATE TRIGGER kept BEFORE DELETE ON parent BEGIN SELECT RAISE(ABORT, 'kept'); END;",
    Engine.POSTGRES: """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'kept; for ever'; END $$;
CREATE TRIGGER kept BEFORE DELETE ON parent FOR EACH ROW EXECUTE FUNCTION refuse();
""",
}
PARENT = "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);"
CHILD = "CREATE TABLE child (parent_id INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE);"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for migrations."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    return folder


@pytest.fixture
def write(folder: Path, engine: Engine) -> Write:
    """Writes a migration for the engine of this run."""

    def write(version: int, name: str, sql: str) -> None:
        (folder / f"{version:04}_{name}.{engine}.sql").write_text(sql, encoding="utf-8")

    return write


def remove(folder: Path, version: int) -> None:
    """Take a migration away."""
    next(folder.glob(f"{version:04}_*")).unlink()


async def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    """What a connection of its own finds."""
    path = sqlite_path(url)
    if path is None:
        server = await asyncpg.connect(url)
        found = [tuple(row) for row in await server.fetch(sql)]
        await server.close()
        return found
    file = sqlite3.connect(path)
    found = file.execute(sql).fetchall()
    file.close()
    return found


async def start_migrator(url: str, folder: Path) -> asyncio.subprocess.Process:
    """A program that is about to migrate, once it is told to."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-c", MIGRATOR, url, str(folder)]
    migrator = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parents[2], stdin=pipe, stdout=pipe)
    assert migrator.stdout is not None
    assert await migrator.stdout.readline() == b"ready\n"
    return migrator


def tell(migrator: asyncio.subprocess.Process) -> None:
    """Now."""
    assert migrator.stdin is not None
    migrator.stdin.write(b"\n")


async def test_each_migration_is_applied_once_and_recorded(database_url: str, folder: Path, write: Write) -> None:
    write(1, "parent", PARENT)
    write(2, "child", CHILD)
    assert await migrate(database_url, folder=folder) == ["0001_parent", "0002_child"]
    assert await migrate(database_url, folder=folder) == []
    write(3, "more", "INSERT INTO parent VALUES (1, 'one'); INSERT INTO child VALUES (1);")
    assert await migrate(database_url, folder=folder) == ["0003_more"]
    recorded = await rows(database_url, "SELECT version, name FROM schema_version ORDER BY version")
    assert recorded == [(1, "parent"), (2, "child"), (3, "more")]


async def test_four_migrators_at_once_apply_each_migration_once(database_url: str, folder: Path, write: Write) -> None:
    write(1, "parent", PARENT)
    write(2, "child", CHILD)
    many = (
        "INSERT INTO parent WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
        " SELECT i, 'one' FROM n;"
    )
    write(3, "rows", many)
    migrators = [await start_migrator(database_url, folder) for _ in range(4)]
    for one in migrators:
        tell(one)
    said = [(await one.communicate())[0].decode().split() for one in migrators]
    assert [one.returncode for one in migrators] == [0, 0, 0, 0]
    assert sorted(name for names in said for name in names) == ["0001_parent", "0002_child", "0003_rows"]
    assert await rows(database_url, "SELECT count(*) FROM parent") == [(50000,)]


async def test_a_database_newer_than_the_program_is_refused(database_url: str, folder: Path, write: Write) -> None:
    write(1, "parent", PARENT)
    write(2, "child", CHILD)
    await migrate(database_url, folder=folder)
    remove(folder, 2)
    with pytest.raises(SchemaMismatch, match="newer program"):
        await migrate(database_url, folder=folder)
    database = open_database(database_url, models=(), migrations=folder)
    with pytest.raises(SchemaMismatch, match="newer program"):
        await database.start()


async def test_an_edited_migration_is_refused(database_url: str, folder: Path, write: Write) -> None:
    write(1, "parent", PARENT)
    await migrate(database_url, folder=folder)
    write(1, "parent", PARENT + " ")
    write(2, "child", CHILD)
    with pytest.raises(SchemaMismatch, match="another text"):
        await migrate(database_url, folder=folder)
    assert await rows(database_url, "SELECT version FROM schema_version") == [(1,)]


async def test_a_migration_that_fails_leaves_nothing(database_url: str, folder: Path, write: Write) -> None:
    write(1, "parent", PARENT)
    write(2, "wrong", f"{CHILD} CREATE TABLE parent (id INTEGER);")
    with pytest.raises((sqlite3.Error, asyncpg.PostgresError)):
        await migrate(database_url, folder=folder)
    assert await rows(database_url, "SELECT version FROM schema_version") == [(1,)]
    remove(folder, 2)
    write(2, "child", CHILD)
    assert await migrate(database_url, folder=folder) == ["0002_child"]


async def test_a_migrator_that_is_killed_midway_leaves_the_version_before(
    database_url: str, folder: Path, write: Write, engine: Engine
) -> None:
    slow = {
        Engine.SQLITE: "INSERT INTO parent WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n)"
        " SELECT i, 'endless' FROM n;",
        Engine.POSTGRES: "SELECT pg_sleep(600);",
    }
    write(1, "parent", PARENT)
    write(2, "slow", "\n".join([CHILD, "INSERT INTO parent VALUES (1, 'half');", slow[engine]]))
    migrator = await start_migrator(database_url, folder)
    tell(migrator)
    await _until_in_the_middle(database_url, engine)
    os.kill(migrator.pid, signal.SIGKILL)
    await migrator.communicate()
    if engine is Engine.POSTGRES:
        # The server notices a dead client only when it has something to tell it.
        await rows(database_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    remove(folder, 2)
    write(2, "child", CHILD)
    assert await migrate(database_url, folder=folder) == ["0002_child"]
    assert await rows(database_url, "SELECT count(*) FROM parent") == [(0,)]


async def _until_in_the_middle(url: str, engine: Engine) -> None:
    async with asyncio.timeout(30):
        while not await _in_the_middle(url, engine):  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.05)


async def _in_the_middle(url: str, engine: Engine) -> bool:
    if engine is Engine.POSTGRES:
        sql = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
        return bool(await rows(url, sql))
    path = sqlite_path(url)
    assert path is not None
    wal = path.with_name(path.name + "-wal")
    # The second migration has filled SQLite's cache and spilt into the log.
    return wal.exists() and wal.stat().st_size > 4_000_000


async def test_pending_names_what_the_database_lacks(database_url: str, folder: Path, write: Write) -> None:
    database = open_database(database_url, models=(), migrations=folder)
    await database.start()
    write(1, "parent", PARENT)
    assert await pending(database, folder) == ["0001_parent"]
    await migrate(database_url, folder=folder)
    assert await pending(database, folder) == []
    await database.close()


async def test_a_missing_guard_stops_the_start(database_url: str, folder: Path, write: Write, engine: Engine) -> None:
    write(1, "parent", PARENT + "\n" + KEPT[engine])
    await migrate(database_url, folder=folder)
    database = open_database(database_url, models=(), migrations=folder)
    await database.start()
    await database.close()
    path = sqlite_path(database_url)
    if path is None:
        await rows(database_url, "ALTER TABLE parent DISABLE TRIGGER kept")
    else:
        await rows(database_url, "DROP TRIGGER kept")
    again = open_database(database_url, models=(), migrations=folder)
    with pytest.raises(SchemaMismatch, match="missing or disabled: kept"):
        await again.start()


def test_the_guards_that_stand_follow_from_the_migrations(write: Write, folder: Path, engine: Engine) -> None:
    write(
        1,
        "some",
        "CREATE TRIGGER a BEFORE …;\n  CREATE CONSTRAINT TRIGGER b AFTER …;\ncreate trigger if not exists c …;",
    )
    write(
        2,
        "fewer",
        "DROP TRIGGER a;\nDROP TRIGGER IF EXISTS c;\nCREATE OR REPLACE TRIGGER c …;\nSELECT 'CREATE TRIGGER d';",
    )
    assert guards(load(engine, folder)) == {"b", "c"}


def test_migrations_are_numbered_without_gaps(write: Write, folder: Path, engine: Engine) -> None:
    write(1, "one", PARENT)
    write(3, "three", CHILD)
    with pytest.raises(SchemaMismatch, match="without gaps"):
        load(engine, folder)


def test_a_script_is_split_where_its_statements_end() -> None:
    script = """-- First; a comment.
CREATE TABLE a (x TEXT DEFAULT 'a;b'); CREATE TABLE b (y);
CREATE TRIGGER t AFTER INSERT ON a BEGIN
    INSERT INTO b VALUES (';'); -- inside; still
    UPDATE b SET y = 1;
END;
-- Last; a comment.
"""
    found = list(statements(script))
    assert [one.splitlines()[-1][:20] for one in found] == ["CREATE TABLE a (x TE", "CREATE TABLE b (y);", "END;"]
    with pytest.raises(SchemaMismatch, match="middle of a statement"):
        list(statements("CREATE TABLE a (x); CREATE TABLE b (y)"))
