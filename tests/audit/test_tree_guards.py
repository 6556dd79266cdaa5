"""T13: the database itself refuses to change what is in the tree, and a checkpoint of anything but the tree.

Seen to fail with the trigger `audit_tile_no_delete` left out of the migration.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.audit.checkpoint import Checkpoint, Signer
from app.store import cosignatures
from app.store import tree as trees
from app.store.connection import Engine, Transaction
from app.store.database import Database, open_database
from tests.audit.notaries import KEY, ORIGIN, add, sign_all, started
from tests.audit.owner import dump, owning, require_refused
from tests.conftest import ENGINE

TABLES = ("audit_tree", "audit_leaf", "audit_sequenced", "audit_tile", "audit_checkpoint", "audit_cosignature")

EVERYWHERE = [
    *(f"DELETE FROM {table}" for table in TABLES),
    *(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1" for table in TABLES),
    "UPDATE audit_tree SET size = size - 1, published = 0",
    "UPDATE audit_tree SET root = (SELECT hash FROM audit_entry LIMIT 1)",
    "UPDATE audit_tree SET size = size - 1, root = (SELECT hash FROM audit_entry LIMIT 1)",
    "UPDATE audit_tree SET epoch = epoch - 1",
    "UPDATE audit_tree SET published = 0",
    "UPDATE audit_tree SET published = published - 1",
    "UPDATE audit_tree SET size = size + 9, published = size + 9",
    "UPDATE audit_tree SET size = size + 9, published = size + 1",
    "UPDATE audit_tree SET origin = 'x'",
    "UPDATE audit_tree SET vkey = 'x'",
    "UPDATE audit_tree SET generation = 2",
    "UPDATE audit_tree SET first_entry_id = (SELECT min(id) FROM audit_entry)",
    "INSERT INTO audit_tree SELECT 3, 'x', vkey, (SELECT min(id) FROM audit_entry), 0, root, 0, 0 FROM audit_tree",
    "INSERT INTO audit_tree SELECT 2, 'x', vkey, NULL, 0, root, 0, 0 FROM audit_tree",
    "INSERT INTO audit_tree SELECT 2, 'x', vkey, 'absent', 0, root, 0, 0 FROM audit_tree",
    "INSERT INTO audit_tree SELECT 2, 'x', vkey, (SELECT min(id) FROM audit_entry), 1, root, 0, 0 FROM audit_tree",
    "INSERT INTO audit_tree SELECT 2, origin, vkey, (SELECT min(id) FROM audit_entry), 0, root, 0, 0 FROM audit_tree",
    "INSERT INTO audit_tree SELECT 0, 'x', vkey, (SELECT min(id) FROM audit_entry), 0, root, 0, 0 FROM audit_tree",
    "UPDATE audit_leaf SET seq = seq + 1000",
    "UPDATE audit_leaf SET leaf_index = leaf_index + 1000",
    "UPDATE audit_leaf SET generation = 2",
    "INSERT INTO audit_leaf VALUES (1, 1000, 1000)",
    "INSERT INTO audit_leaf VALUES (1, -1, 1000)",
    "INSERT INTO audit_leaf SELECT 1, max(leaf_index) + 2, 1000 FROM audit_leaf",
    "INSERT INTO audit_leaf SELECT 1, max(leaf_index) + 1, min(seq) FROM audit_leaf",
    "INSERT INTO audit_leaf VALUES (2, 1, 1)",
    "UPDATE audit_sequenced SET aseq = aseq - 1",
    "UPDATE audit_sequenced SET hash = (SELECT root FROM audit_tree)",
    "UPDATE audit_sequenced SET stream = 'x', aseq = aseq + 1",
    "UPDATE audit_tile SET hashes = (SELECT root FROM audit_tree)",
    "UPDATE audit_tile SET number = number + 1",
    "UPDATE audit_tile SET generation = 2",
    "UPDATE audit_checkpoint SET note = 'x'",
    "UPDATE audit_checkpoint SET size = size + 1",
    "UPDATE audit_cosignature SET line = 'x'",
    "INSERT INTO audit_cosignature SELECT 1, max(size) + 1, 'x', 'x' FROM audit_checkpoint",
    "INSERT INTO audit_cosignature VALUES (2, 300, 'x', 'x')",
]
SQLITE = [
    *(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}" for table in TABLES),
    *(f"REPLACE INTO {table} SELECT * FROM {table}" for table in TABLES),
    "INSERT OR REPLACE INTO audit_leaf SELECT 1, max(leaf_index) + 1, min(seq) FROM audit_leaf",
    "INSERT OR REPLACE INTO audit_tile (rowid, generation, level, number, hashes) VALUES (1, 2, 0, 0, zeroblob(32))",
    "UPDATE OR REPLACE audit_tile SET rowid = 1, hashes = hashes || hashes WHERE level = 1",
    "UPDATE OR REPLACE audit_tree SET generation = 1, origin = 'x'",
    "UPDATE OR REPLACE audit_sequenced SET stream = 'sys/0', aseq = aseq + 1",
    "INSERT OR REPLACE INTO audit_sequenced SELECT generation, stream, aseq - 1, hash FROM audit_sequenced",
    "INSERT OR IGNORE INTO audit_leaf VALUES (1, 1000, 1000)",
    "UPDATE OR IGNORE audit_leaf SET seq = seq + 1000",
    "INSERT INTO audit_tile SELECT * FROM audit_tile WHERE true ON CONFLICT DO UPDATE SET hashes = zeroblob(32)",
]
POSTGRES = [
    *(f"TRUNCATE {table} CASCADE" for table in TABLES),
    "MERGE INTO audit_leaf AS l USING audit_tree AS t ON true WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM audit_checkpoint RETURNING 1) SELECT count(*) FROM gone",
    (
        "INSERT INTO audit_checkpoint SELECT * FROM audit_checkpoint"
        " ON CONFLICT (generation, size) DO UPDATE SET note = 'x'"
    ),
]
OWN = SQLITE if ENGINE is Engine.SQLITE else POSTGRES


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def signed_url(lived_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The URL of a database with a past, a tree of several tiles, checkpoints, and a witness's line."""
    folder = tmp_path_factory.mktemp("kept")
    database = open_database(lived_url)
    await database.start()
    notary = await started(database, folder)
    await sign_all(notary)
    await add(database, "sys/1", 300)
    (signed,) = await sign_all(notary)

    async def witness(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await cosignatures.insert(transaction, 1, signed.size, "witness.example", "a line\n")

    await database.write("witness", witness)
    await database.close()
    yield lived_url


@pytest.fixture
async def signed(signed_url: str) -> AsyncIterator[Database]:
    """The application's own connections to that database."""
    database = open_database(signed_url)
    await database.start()
    yield database
    await database.close()


@pytest.mark.parametrize("statement", [*EVERYWHERE, *OWN])
async def test_a_statement_that_would_change_the_tree_is_refused(
    signed: Database, signed_url: str, statement: str
) -> None:
    async with owning(signed_url) as owner:
        rows = await dump(owner)
    assert all(rows[table] for table in TABLES), "there is nothing to tamper with"

    await require_refused(signed, signed_url, statement)


def insertion(size: str, root: str) -> str:
    """The statement that stores a checkpoint of this size and root."""
    return (
        "INSERT INTO audit_checkpoint (generation, size, root, note, signed_at)"
        f" SELECT generation, {size}, {root}, 'note', 1 FROM audit_tree"
    )


@pytest.mark.parametrize(
    ("size", "root"),
    [
        ("size", "root"),
        ("size", "(SELECT hash FROM audit_entry LIMIT 1)"),
        ("size + 1", "root"),
        ("size - 1", "root"),
        ("1", "root"),
    ],
)
async def test_a_checkpoint_that_is_not_the_trees_next_state_is_refused(
    signed: Database, signed_url: str, size: str, root: str
) -> None:
    await require_refused(signed, signed_url, insertion(size, root))


@pytest.mark.parametrize(
    ("leaves", "size", "root"),
    [(0, 1, "root"), (1, 2, "root"), (2, 1, "root"), (1, 1, "(SELECT hash FROM audit_entry ORDER BY seq LIMIT 1)")],
    ids=["no leaf", "a leaf too few", "a leaf too many", "another root"],
)
async def test_a_checkpoint_whose_leaves_are_not_there_is_refused(
    signed: Database, signed_url: str, leaves: int, size: int, root: str
) -> None:
    grow = (
        f"UPDATE audit_tree SET size = size + {size}, root = (SELECT hash FROM audit_entry ORDER BY seq DESC LIMIT 1)"
    )
    place = "INSERT INTO audit_leaf SELECT 1, max(leaf_index) + 1, 5000 + max(leaf_index) FROM audit_leaf"

    await require_refused(signed, signed_url, grow, *[place] * leaves, insertion("size", root))


async def test_the_trees_next_state_with_its_leaves_is_stored(database: Database, tmp_path: Path) -> None:
    """The guards refuse what does not follow, and not merely everything."""
    await add(database, "sys/0", 2)
    await sign_all(await started(database, tmp_path))
    root = bytes([1] * 32)

    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            tree = await trees.newest_locked(transaction)
            assert tree is not None
            await trees.insert_leaves(transaction, 1, 2, [77])
            assert await trees.advance(transaction, tree, 3, root)
            note = str(Signer(ORIGIN, KEY).sign(Checkpoint(ORIGIN, 3, root).text))
            await trees.insert_checkpoint(transaction, trees.SignedTree(1, 3, root, note, 1))
            await trees.publish(transaction, 1, 3)

    await database.write("by hand", unit)

    tree = await trees.newest(database.reads)
    assert tree is not None
    assert (tree.size, tree.published) == (3, 3)
