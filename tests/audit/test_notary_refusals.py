"""A notary that would sign another history than it signed before signs nothing, and says why and what to do.

Seen to fail without the comparison with what is kept, with it looking at sizes alone, without that of the tiles with
the root, and with a tree that is compared by its epoch alone.
"""

import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit import receipts
from app.audit.checkpoint import Checkpoint, Signer
from app.audit.continuity import CannotSign, Reason
from app.audit.entry import GENESIS, entry_hash
from app.audit.kept import KeptCheckpoint
from app.audit.notary import Superseded
from app.store import tree as trees
from app.store.database import Database, open_database
from app.store.url import sqlite_path
from tests.audit.faithful import require_faithful
from tests.audit.filling import fill
from tests.audit.notaries import KEY, ORIGIN, add, notary_of, sign_all, started
from tests.audit.owner import Owner, unguarded

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TREE_TABLES = ("audit_tree", "audit_leaf", "audit_sequenced", "audit_tile", "audit_checkpoint")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A started database that is closed at the end, so that it can be copied."""
    database = open_database(url)
    await database.start()
    try:
        yield database
    finally:
        await database.close()


async def sign(url: str, folder: Path, stream: str, number: int, *places: str) -> None:
    """Add entries and sign them."""
    async with opened(url) as database:
        await add(database, stream, number)
        await sign_all(await started(database, folder, *places))


@pytest.fixture
async def yesterday(migrated_url: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Makes a copy of the database as it is now, as a backup is, and answers its URL."""
    copies = []

    async def copy() -> str:
        path = sqlite_path(migrated_url)
        if path is not None:
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(f"{path}.copy")) as target:
                source.backup(target)
            return f"{migrated_url}.copy"
        copies.append(f"{migrated_url}_copy")
        await administer(migrated_url, f"CREATE DATABASE {name_of(copies[-1])} TEMPLATE {name_of(migrated_url)}")
        return copies[-1]

    yield copy
    for url in copies:
        await administer(migrated_url, f"DROP DATABASE {name_of(url)} WITH (FORCE)")


def name_of(url: str) -> str:
    """A PostgreSQL database's name."""
    return url.rpartition("/")[2]


async def administer(url: str, sql: str) -> None:
    """Run a statement from outside the database."""
    connection = await asyncpg.connect(f"{url.rpartition('/')[0]}/postgres")
    await connection.execute(sql)
    await connection.close()


async def require_cannot_sign(
    database: Database, folder: Path, reason: Reason, message: str, *names: str, key: Ed25519PrivateKey = KEY
) -> None:
    """The notary does not start, says so in these words, leaves the tree to whoever has it, and signs nothing."""
    before = await trees.newest(database.reads)
    kept = _bytes_in(folder)
    notary = notary_of(database, folder, *names, key=key)

    with pytest.raises(CannotSign, match=message) as refusal:
        await notary.start()

    assert refusal.value.reason is reason
    with pytest.raises(Superseded):
        await notary.cycle()
    assert await trees.newest(database.reads) == before
    assert _bytes_in(folder) == kept


async def test_a_database_rolled_back_to_yesterdays_copy(
    migrated_url: str, tmp_path: Path, yesterday: Callable[[], Awaitable[str]]
) -> None:
    await sign(migrated_url, tmp_path, "sys/0", 3)
    copy = await yesterday()
    await sign(migrated_url, tmp_path, "sys/0", 2)

    async with opened(copy) as database:
        await add(database, "sys/1", 9)
        message = "checkpoint is of 5 leaves; the database has 3: it was rolled back.*`anchorage audit recover`"
        await require_cannot_sign(database, tmp_path, Reason.ROLLED_BACK, message)


async def test_yesterdays_copy_that_went_on_under_the_same_key(
    migrated_url: str, tmp_path: Path, yesterday: Callable[[], Awaitable[str]]
) -> None:
    await sign(migrated_url, tmp_path, "sys/0", 3)
    copy = await yesterday()
    await sign(migrated_url, tmp_path, "sys/0", 2)
    await sign(copy, tmp_path, "sys/0", 7, "elsewhere")

    async with opened(copy) as database:
        message = "is of 5 leaves; the database has another history of that size.*`anchorage audit recover`"
        await require_cannot_sign(database, tmp_path, Reason.HISTORY_DIFFERS, message)


async def test_a_second_place_that_knows_more_than_the_first(
    migrated_url: str, tmp_path: Path, yesterday: Callable[[], Awaitable[str]]
) -> None:
    await sign(migrated_url, tmp_path, "sys/0", 3, "checkpoint", "checkpoint-elsewhere")
    copy = await yesterday()
    kept = (tmp_path / "checkpoint").read_bytes()
    await sign(migrated_url, tmp_path, "sys/0", 1, "checkpoint", "checkpoint-elsewhere")
    # Whoever restores the data directory restores the first place with it.
    (tmp_path / "checkpoint").write_bytes(kept)

    async with opened(copy) as database:
        names = ("checkpoint", "checkpoint-elsewhere")
        message = "checkpoint-elsewhere is of 4 leaves; the database has 3"
        await require_cannot_sign(database, tmp_path, Reason.ROLLED_BACK, message, *names)


async def test_a_history_written_anew_with_the_genuine_key(migrated_url: str, tmp_path: Path) -> None:
    await sign(migrated_url, tmp_path, "sys/0", 5)
    async with unguarded(migrated_url) as owner:
        await rewrite(owner, aseq=3)
        for table in TREE_TABLES:
            await owner.execute(f"DELETE FROM {table}")
    async with opened(migrated_url) as database:
        await sign_all(await started(database, tmp_path, "elsewhere"))
        assert (await require_faithful(database.reads)).size == 5

        message = "has another history of that size"
        await require_cannot_sign(database, tmp_path, Reason.HISTORY_DIFFERS, message)


async def test_a_tree_that_was_emptied(migrated_url: str, tmp_path: Path) -> None:
    await sign(migrated_url, tmp_path, "sys/0", 5)
    async with unguarded(migrated_url) as owner:
        for table in TREE_TABLES:
            await owner.execute(f"DELETE FROM {table}")

    async with opened(migrated_url) as database:
        message = "of 5 leaves; the database holds no tree.*`anchorage audit recover`"
        await require_cannot_sign(database, tmp_path, Reason.ROLLED_BACK, message)


async def test_a_checkpoint_of_another_log(database: Database, tmp_path: Path) -> None:
    await add(database, "sys/0")
    await sign_all(await started(database, tmp_path))
    other = Checkpoint("other.example/log", 1, bytes(32)).text
    (tmp_path / "checkpoint").write_text(str(Signer("other.example/log", KEY).sign(other)))

    message = f"of the log other.example/log; this log is {ORIGIN}"
    await require_cannot_sign(database, tmp_path, Reason.HISTORY_DIFFERS, message)


@pytest.mark.parametrize("flaw", ["cut", "changed", "signed by a stranger", "no checkpoint"])
async def test_a_kept_checkpoint_that_cannot_be_used(database: Database, tmp_path: Path, flaw: str) -> None:
    await add(database, "sys/0", 2)
    await sign_all(await started(database, tmp_path))
    path = tmp_path / "checkpoint"
    note = path.read_text()
    text = note.partition("\n\n")[0] + "\n"
    spoilt = {
        "cut": note[:-10],
        "changed": note.replace("\n2\n", "\n1\n"),
        "signed by a stranger": str(Signer(ORIGIN, OTHER_KEY).sign(text)),
        "no checkpoint": str(Signer(ORIGIN, KEY).sign("nothing\n")),
    }
    path.write_text(spoilt[flaw])

    await require_cannot_sign(database, tmp_path, Reason.KEPT_UNUSABLE, re.escape(str(path)))


async def test_another_key_than_the_logs(database: Database, tmp_path: Path) -> None:
    await add(database, "sys/0")
    await sign_all(await started(database, tmp_path))

    message = "ANCHORAGE_LOG_KEY_FILE.*`anchorage audit recover`"
    await require_cannot_sign(database, tmp_path, Reason.OTHER_KEY, message, key=OTHER_KEY)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_tile SET hashes = (SELECT root FROM audit_tree) WHERE level = 1",
        "DELETE FROM audit_tile WHERE level = 0 AND number = 1",
        "DELETE FROM audit_tile",
        "UPDATE audit_tree SET root = (SELECT hash FROM audit_stream)",
        "UPDATE audit_tree SET size = 302",
    ],
)
async def test_tiles_that_do_not_lead_to_what_was_signed(
    database: Database, migrated_url: str, tmp_path: Path, statement: str
) -> None:
    await fill(migrated_url, "sys/0", 301)
    await sign_all(await started(database, tmp_path))
    async with unguarded(migrated_url) as owner:
        await owner.execute(statement)

    await require_cannot_sign(database, tmp_path, Reason.LOG_DAMAGED, "leaves")


async def test_a_full_tile_that_was_changed_is_found_where_what_is_kept_needs_it(
    database: Database, migrated_url: str, tmp_path: Path
) -> None:
    await fill(migrated_url, "sys/0", 200)
    await sign_all(await started(database, tmp_path))
    await add(database, "sys/1", 100)
    await sign_all(await started(database, tmp_path, "elsewhere"))
    async with unguarded(migrated_url) as owner:
        await owner.execute(
            "UPDATE audit_tile SET hashes = (SELECT root FROM audit_tree) WHERE level = 0 AND number = 0"
        )

    await require_cannot_sign(database, tmp_path, Reason.LOG_DAMAGED, "truncated")


async def test_without_what_was_kept_signing_goes_on_and_keeps_again(database: Database, tmp_path: Path) -> None:
    await add(database, "sys/0")
    await sign_all(await started(database, tmp_path))
    (tmp_path / "checkpoint").unlink()
    await add(database, "sys/0")

    notary = notary_of(database, tmp_path)
    assert await notary.start() == 0
    (signed,) = await sign_all(notary)

    assert str(KeptCheckpoint(tmp_path / "checkpoint").read()) == signed.note
    assert await notary_of(database, tmp_path).start() == 1
    await require_faithful(database.reads)


async def test_a_checkpoint_that_cannot_be_kept_is_not_published_before_it_can(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "mounted").mkdir()
    notary = await started(database, tmp_path, "checkpoint", "mounted/checkpoint")
    (tmp_path / "mounted").rmdir()
    await add(database, "sys/0")

    with pytest.raises(CannotSign, match="mounted/checkpoint: No such file") as refusal:
        await notary.cycle()

    assert refusal.value.reason is Reason.KEPT_UNUSABLE
    assert await receipts.published(database.reads) is None

    (tmp_path / "mounted").mkdir()
    await notary.start()
    upto = await receipts.published(database.reads)
    assert upto is not None
    assert upto.note == (tmp_path / "mounted" / "checkpoint").read_text() == (tmp_path / "checkpoint").read_text()


async def test_a_database_that_loses_its_last_commits_under_a_running_notary(
    database: Database, migrated_url: str, tmp_path: Path
) -> None:
    """What a standby does that takes over without them: the notary, and its epoch, are still the same."""
    notary = await started(database, tmp_path)
    await add(database, "sys/0", 2)
    await sign_all(notary)
    async with unguarded(migrated_url) as owner:
        remembered = {table: await owner.fetch(f"SELECT * FROM {table}") for table in TREE_TABLES}
    await add(database, "sys/1", 2)
    await sign_all(notary)
    async with unguarded(migrated_url) as owner:
        await owner.execute("DELETE FROM audit_entry WHERE stream = 'sys/1'")
        await owner.execute("DELETE FROM audit_stream WHERE stream = 'sys/1'")
        for table, rows in remembered.items():
            await owner.execute(f"DELETE FROM {table}")
            for row in rows:
                places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
                await owner.execute(f"INSERT INTO {table} VALUES ({places})", *tuple(row))
    await add(database, "sys/2", 2)

    with pytest.raises(Superseded):
        await notary.cycle()
    await require_cannot_sign(database, tmp_path, Reason.ROLLED_BACK, "of 4 leaves; the database has 2")


def _bytes_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.glob("checkpoint*")}


async def rewrite(owner: Owner, *, aseq: int) -> None:
    """Change an entry of sys/0, and chain those after it anew, as a careful forger does."""
    rows = await owner.fetch("SELECT * FROM audit_entry WHERE stream = 'sys/0' ORDER BY aseq")
    prev = GENESIS
    for row in rows:
        body = bytes([7] * 32) if row["aseq"] == aseq else bytes(row["body_sha256"])
        made = entry_hash("sys/0", row["aseq"], prev, body)
        await owner.execute(
            "UPDATE audit_entry SET prev = $1, body_sha256 = $2, hash = $3 WHERE seq = $4", prev, body, made, row["seq"]
        )
        prev = made
    await owner.execute("UPDATE audit_stream SET hash = $1 WHERE stream = 'sys/0'", prev)
