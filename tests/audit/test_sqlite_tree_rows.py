"""SQLite numbers the rows of a table by itself, and REPLACE takes away whatever row has the number that it is given.

The application's connection fires the triggers of what is deleted so; others need not. Seen to fail without the numbers
in the triggers of `audit_tile`.
"""

import sqlite3
from pathlib import Path

import pytest

from app.store.database import Database
from tests.audit.filling import fill
from tests.audit.notaries import sign_all, started
from tests.audit.owner import dump, owning


@pytest.mark.parametrize(
    "statement",
    [
        "REPLACE INTO audit_tile (rowid, generation, level, number, hashes) VALUES (1, 2, 0, 0, zeroblob(32))",
        "UPDATE OR REPLACE audit_tile SET rowid = 1, hashes = CAST(hashes || hashes AS BLOB) WHERE rowid = 3",
        "INSERT OR REPLACE INTO audit_tree SELECT 1, 'x', vkey, NULL, 0, root, 0, 0 FROM audit_tree",
        "INSERT OR REPLACE INTO audit_leaf SELECT 1, max(leaf_index) + 1, min(seq) FROM audit_leaf",
    ],
)
async def test_no_row_of_the_tree_is_replaced_by_its_number(
    database: Database, migrated_url: str, tmp_path: Path, statement: str
) -> None:
    await fill(migrated_url, "sys/0", 300)
    await sign_all(await started(database, tmp_path))

    async with owning(migrated_url) as owner:
        before = await dump(owner)
        with pytest.raises(sqlite3.IntegrityError, match="append_only"):
            await owner.execute(statement)
        assert await dump(owner) == before
