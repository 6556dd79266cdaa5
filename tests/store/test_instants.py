"""Several snapshots read as of one instant, whatever is written while they begin."""

from app.store.connection import Connection, Engine
from app.store.database import Database
from app.store.instants import begin_at, share_instant
from app.store.snapshot import open_snapshot
from tests.audit.history import World


async def accounts(connection: Connection) -> int:
    row = await connection.fetch_one("SELECT count(*) AS n FROM account")
    assert row is not None
    return int(row["n"])


async def test_what_is_written_meanwhile_is_seen_by_all_or_by_none(database: Database, migrated_url: str) -> None:
    began = 0

    async with open_snapshot(migrated_url) as one, open_snapshot(migrated_url) as other:

        async def follow(instant: str) -> None:
            nonlocal began
            began += 1
            # The first times, somebody writes before the other begins, and after.
            if began < 3:
                await World.open(database, name=f"before {began}")
            await begin_at(other, instant)
            if began < 3:
                await World.open(database, name=f"after {began}")

        assert await share_instant(one, follow)
        await World.open(database, name="later")

        assert await accounts(one) == await accounts(other)
        assert await accounts(one) == (4 if one.engine is Engine.SQLITE else 0)
        assert began == (3 if one.engine is Engine.SQLITE else 1)


async def test_who_is_always_overtaken_reads_alone(database: Database, migrated_url: str) -> None:
    number = 0

    async with open_snapshot(migrated_url) as one, open_snapshot(migrated_url) as other:

        async def follow(instant: str) -> None:
            nonlocal number
            number += 1
            await begin_at(other, instant)
            await World.open(database, name=f"account {number}")

        shared = await share_instant(one, follow, attempts=5)
        await World.open(database, name="later")

        assert shared == (one.engine is Engine.POSTGRES)
        assert await accounts(one) == (5 if one.engine is Engine.SQLITE else 0)
