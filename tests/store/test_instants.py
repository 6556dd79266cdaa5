"""Several snapshots read as of one instant, whatever is written while they begin."""

import asyncio
from itertools import count

import pytest

from app.store import instants
from app.store.connection import Connection, Engine
from app.store.database import Database
from app.store.instants import begin_at, share_instant, shared_snapshots
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


async def test_snapshots_are_of_one_instant_also_under_writers(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(_write_until_cancelled(database))
        for _ in range(10):
            async with shared_snapshots(database, 2) as each:
                seen = [await accounts(one) for one in each]
                await asyncio.sleep(0.01)
                assert [await accounts(one) for one in each] == seen
                assert len({*seen}) == 1
        writing.cancel()


async def _write_until_cancelled(database: Database) -> None:
    for number in count():
        await World.open(database, name=f"account {number}")


async def test_one_alone_where_no_instant_can_be_shared(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def overtaken(*_: object) -> bool:
        return False

    monkeypatch.setattr(instants, "share_instant", overtaken)
    async with shared_snapshots(database, 2) as each:
        assert [await accounts(one) for one in each] == [0]
