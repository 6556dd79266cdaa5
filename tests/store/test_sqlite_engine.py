"""What only SQLite can do to us: another process, a full disk, a stranger's hand on the file."""

import asyncio
import resource
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.errors import AuditUnavailable, StoreUnavailable
from app.store import sqlite_engine
from app.store.connection import CannotOpen, Transaction
from app.store.database import Database, Role, open_database
from app.store.migrate import migrate
from app.store.schema import MIGRATIONS, SchemaMismatch
from app.store.sqlite_backend import SqliteBackend
from app.store.sqlite_reads import READERS

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n"


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A file with one table."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_note.sqlite.sql").write_text("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);", "utf-8")
    path = tmp_path / "anchorage.db"
    await migrate(f"sqlite://{path}", folder=folder)
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM schema_version")
    file.close()
    return path


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    """The file, opened as a server does."""
    database = open_database(f"sqlite://{path}", models=())
    await database.start()
    yield database
    await database.close()


async def insert(transaction: Transaction) -> None:
    """A unit of work that writes one row of about a page."""
    async with transaction.savepoint():
        await transaction.execute("INSERT INTO note (text) VALUES ($1)", "x" * 4000)


async def fill(database: Database) -> None:
    """Write a hundred rows, one after another."""
    for _ in range(100):
        await database.write("a", insert)


async def count(database: Database) -> int:
    """How many rows a reader sees."""
    row = await database.reads.fetch_one("SELECT count(*) AS n FROM note")
    assert row is not None
    return int(row["n"])


async def test_a_second_server_on_the_file_is_refused_and_told_of_postgresql(database: Database, path: Path) -> None:
    second = open_database(f"sqlite://{path}", models=())
    with pytest.raises(CannotOpen, match="PostgreSQL"):
        await second.start()
    await database.write("a", insert)


async def test_a_server_may_start_once_the_other_is_gone(database: Database, path: Path) -> None:
    await database.close()
    second = open_database(f"sqlite://{path}", models=())
    await second.start()
    await second.close()


async def test_a_command_beside_the_server_loses_nothing(database: Database, path: Path) -> None:
    beside = open_database(f"sqlite://{path}", models=(), role=Role.BESIDE)
    await beside.start()
    await asyncio.gather(*(one.write("a", insert) for _ in range(150) for one in (database, beside)))
    await beside.close()
    assert await count(database) == 300


async def test_a_write_waits_for_another_process_and_is_then_refused(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "BUSY_SECONDS", 0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AuditUnavailable):
        await database.write("a", insert)
    monkeypatch.setattr(sqlite_engine, "BUSY_SECONDS", 30.0)
    write = asyncio.create_task(database.write("a", insert))
    await asyncio.sleep(0.05)
    assert await count(database) == 0
    other.execute("ROLLBACK")
    other.close()
    await write
    assert await count(database) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE note",
        "ALTER TABLE note ADD COLUMN more TEXT",
        "ATTACH ':memory:' AS other",
        "CREATE TRIGGER t AFTER INSERT ON note BEGIN DELETE FROM note; END",
        "CREATE TEMP TABLE t (x)",
        "PRAGMA synchronous = OFF",
        "PRAGMA recursive_triggers = OFF",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = ''",
        "VACUUM INTO '/tmp/copy.db'",
    ],
)
async def test_the_applications_connections_cannot_change_the_schema_or_their_settings(
    database: Database, statement: str
) -> None:
    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute(statement)

    with pytest.raises((sqlite3.Error, AuditUnavailable)):
        await database.write("a", unit)
    with pytest.raises((sqlite3.Error, StoreUnavailable)):
        await database.reads.fetch(statement)
    await database.write("a", insert)
    assert await count(database) == 1


async def test_every_commit_is_forced_to_disk_and_nobody_else_may_read_the_files(
    database: Database, path: Path
) -> None:
    async def unit(transaction: Transaction) -> tuple[object, ...]:
        names = ("synchronous", "journal_mode", "foreign_keys", "recursive_triggers", "trusted_schema")
        rows = [await transaction.fetch_one(f"PRAGMA {name}") for name in names]
        return tuple(row[name] for row, name in zip(rows, names, strict=True) if row is not None)

    assert await database.write("a", unit) == (2, "wal", 1, 1, 0)
    await database.write("a", insert)
    for file in path.parent.glob("anchorage.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_a_full_disk_refuses_writes_serves_reads_and_recovers_without_a_restart(path: Path) -> None:
    full = SqliteBackend(path, alone=True, extra_pragmas={"max_page_count": "40"})
    database = Database(full, models=(), migrations=MIGRATIONS)
    await database.start()
    with pytest.raises(AuditUnavailable):
        await fill(database)
    held = await count(database)
    assert 10 < held < 40
    answers = await asyncio.gather(*(database.write("a", insert) for _ in range(10)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {AuditUnavailable}
    assert await count(database) == held

    async def make_room(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.execute("DELETE FROM note WHERE id <= 5")

    await database.write("a", make_room)
    await database.write("a", insert)
    assert await count(database) == held - 4
    await database.close()


async def test_a_write_that_the_disk_refuses_leaves_no_ghost(database: Database, path: Path) -> None:
    await database.write("a", insert)
    wal = path.with_name(path.name + "-wal")
    with file_size_limit(wal.stat().st_size + 1000):
        answers = await asyncio.gather(*(database.write("a", insert) for _ in range(5)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {AuditUnavailable}
        assert await count(database) == 1
    await database.write("a", insert)
    assert await count(database) == 2


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process may grow past the size: the kernel refuses the write, as a broken disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_first_open_that_fails_says_so_and_may_be_tried_again(tmp_path: Path) -> None:
    database = open_database(f"sqlite://{tmp_path}/missing/anchorage.db", models=())
    with pytest.raises(CannotOpen):
        await database.start()
    (tmp_path / "missing").mkdir()
    await database.start()
    await database.probe()
    await database.close()


async def test_a_program_that_forgets_to_close_its_database_ends_all_the_same(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from app.store.database import open_database\n"
        "async def main():\n await open_database(sys.argv[1], models=()).start()\n raise SystemExit(7)\n"
        "asyncio.run(main())"
    )
    forgetful = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, f"sqlite://{tmp_path}/x.db", cwd=Path(__file__).parents[2]
    )
    async with asyncio.timeout(30):
        assert await forgetful.wait() == 7


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "anchorage.db").write_text("This is not a database. " * 100, encoding="utf-8")
    with pytest.raises(CannotOpen, match="not a database"):
        await open_database(f"sqlite://{tmp_path}/anchorage.db", models=()).start()


async def test_a_cancelled_read_stops_working(database: Database) -> None:
    endless = [asyncio.create_task(database.reads.fetch(ENDLESS)) for _ in range(READERS)]
    await asyncio.sleep(0.05)
    for read in endless:
        read.cancel()
    await asyncio.gather(*endless, return_exceptions=True)
    async with asyncio.timeout(5):
        assert await count(database) == 0


async def test_a_read_that_takes_too_long_is_ended(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.sqlite_reads.STATEMENT_SECONDS", 0.1)
    with pytest.raises(StoreUnavailable):
        await database.reads.fetch(ENDLESS)


async def test_readers_that_are_all_busy_are_waited_for_only_so_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.sqlite_reads.ACQUIRE_SECONDS", 0.1)
    endless = [asyncio.create_task(database.reads.fetch(ENDLESS)) for _ in range(READERS)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await count(database)
    for read in endless:
        read.cancel()
    await asyncio.gather(*endless, return_exceptions=True)


async def test_a_migration_that_rebuilds_a_table_keeps_the_rows_that_point_at_it(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/anchorage.db"
    (tmp_path / "0001_two.sqlite.sql").write_text(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY);"
        "CREATE TABLE child (parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE);"
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);",
        encoding="utf-8",
    )
    (tmp_path / "0002_rebuild.sqlite.sql").write_text(
        "CREATE TABLE rebuilt (id INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO rebuilt (id) SELECT id FROM parent; DROP TABLE parent; ALTER TABLE rebuilt RENAME TO parent;",
        encoding="utf-8",
    )
    (tmp_path / "0003_dangle.sqlite.sql").write_text("DELETE FROM parent;", encoding="utf-8")
    with pytest.raises(SchemaMismatch, match="rows of child that point at nothing"):
        await migrate(url, folder=tmp_path)
    with sqlite3.connect(tmp_path / "anchorage.db") as file:
        assert file.execute("SELECT parent_id FROM child").fetchall() == [(1,)]
        assert file.execute("SELECT id, name FROM parent").fetchall() == [(1, None)]
    file.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite://:memory:", "mysql://root@localhost/x", "anchorage.db"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(CannotOpen):
        open_database(url)
