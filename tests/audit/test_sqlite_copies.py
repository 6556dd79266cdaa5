"""What SQLite keeps of deleted rows although it overwrites them: copies where rows were moved. Clearing removes them.

Seen to fail with VACUUM left out of the clearing.
"""

import random
import sqlite3
from contextlib import closing

from app.store import leftovers
from app.store.url import sqlite_path
from tests.audit.erasing import traces
from tests.audit.owner import owning

ROWS = 10_000
MARK = "Engine of Augusta"


async def test_copies_that_deleting_leaves_are_cleared_away(migrated_url: str) -> None:
    chance = random.Random(1843)  # noqa: S311  # what is drawn decides how full a page is, and is no secret
    async with owning(migrated_url) as owner:
        await owner.execute("PRAGMA secure_delete = ON")
        await owner.take_guards_away()
        await owner.execute("BEGIN")
        for number in range(ROWS):
            # Now and then a row between others, so that a full page is split in its middle.
            seq = number - chance.randrange(100) if chance.random() < 0.2 else number
            text = (
                f"{MARK if chance.random() < 0.3 else 'Engine of others'} {'x' * chance.choice((60, 150, 300, 2_000))}"
            )
            await owner.execute("INSERT INTO audit_disclosure VALUES ($1, NULL, $2, $3)", seq, f"{number}", text)
        await owner.execute("COMMIT")
        await owner.execute("DELETE FROM audit_disclosure WHERE disclosures LIKE $1", f"{MARK}%")
        await owner.put_guards_back()
    path = sqlite_path(migrated_url)
    assert path is not None
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert await traces(migrated_url, MARK.encode()), "nothing is left that clearing could take away"

    assert await leftovers.clear(migrated_url) is None

    assert await traces(migrated_url, MARK.encode()) == []
    assert await traces(migrated_url, b"Engine of others")
