"""What SQLite's schema must have beyond what tests of use cases notice."""

from app.store.database import Database


async def test_every_reference_that_an_entry_must_be_looked_up_by_has_an_index(database: Database) -> None:
    # Without one SQLite reads the whole table whenever an entry is written: each mutation then costs as much as
    # the installation is large.
    connection = database.reads
    tables = [row["name"] for row in await connection.fetch("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    unindexed = []
    for table in tables:
        references = await connection.fetch(f"PRAGMA foreign_key_list({table})")
        named = [row["from"] for row in references if row["table"] == "audit_entry"]
        indexes = [row["name"] for row in await connection.fetch(f"PRAGMA index_list({table})")]
        first = {(await connection.fetch(f"PRAGMA index_info({index})"))[0]["name"] for index in indexes}
        unindexed += [f"{table}.{column}" for column in named if column not in first]
    assert not unindexed
