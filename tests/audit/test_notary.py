"""The notary at work: every entry gets its one place, and every checkpoint is of the tree that the entries make.

Seen to fail with a stream's entries placed backwards, with a tile that became full left as it had been, with leaves
placed from 1 on, and with the rest of a stream of more entries than a cycle takes given up.
"""

import asyncio
from pathlib import Path

import pytest

from app.audit import notary as notaries
from app.audit import receipts
from app.audit.kept import KeptCheckpoint
from app.audit.merkle import EMPTY_ROOT
from app.audit.notary import Superseded
from app.store import tree as trees
from app.store.database import Database
from tests.audit.faithful import require_faithful
from tests.audit.filling import fill
from tests.audit.history import World, live
from tests.audit.notaries import ORIGIN, add, notary_of, sign_all, started
from tests.checks import check_log


async def test_an_empty_log_has_a_tree_and_no_checkpoint(database: Database, tmp_path: Path) -> None:
    notary = await started(database, tmp_path)

    cycle = await notary.cycle()

    assert (cycle.signed, cycle.more) == (None, False)
    assert await receipts.published(database.reads) is None
    tree = await require_faithful(database.reads)
    assert (tree.generation, tree.origin, tree.size, tree.root, tree.published) == (1, ORIGIN, 0, EMPTY_ROOT, 0)
    assert not (tmp_path / "checkpoint").exists()


async def test_one_entry_is_signed_kept_and_published(database: Database, tmp_path: Path) -> None:
    await add(database, "sys/0")
    notary = await started(database, tmp_path, "checkpoint", "second")

    (signed,) = await sign_all(notary)

    assert (signed.size, notary.size, notary.generation) == (1, 1, 1)
    upto = await receipts.published(database.reads)
    assert upto is not None
    assert (upto.signed, upto.note, upto.origin) == (signed, signed.note, ORIGIN)
    for name in ("checkpoint", "second"):
        assert str(KeptCheckpoint(tmp_path / name).read()) == signed.note
    assert (await require_faithful(database.reads)).published == 1


async def test_a_cycle_without_entries_signs_nothing_again(database: Database, tmp_path: Path) -> None:
    await add(database, "sys/0")
    notary = await started(database, tmp_path)
    await sign_all(notary)

    assert (await notary.cycle()).signed is None

    rows = await database.reads.fetch("SELECT size FROM audit_checkpoint")
    assert [row["size"] for row in rows] == [1]


async def test_the_past_of_an_account_gets_its_places(database: Database, tmp_path: Path) -> None:
    world = await World.open(database)
    await live(world)
    notary = await started(database, tmp_path)

    await sign_all(notary)

    await require_faithful(database.reads)
    await check_log(database)


@pytest.mark.parametrize("before", [253, 254, 255, 256, 511, 512])
async def test_tiles_fill_at_their_boundaries(
    database: Database, migrated_url: str, tmp_path: Path, before: int
) -> None:
    await fill(migrated_url, "sys/1", before)
    notary = await started(database, tmp_path)
    await sign_all(notary)

    for number in (1, 1, 1, 2, 255, 256, 257):
        await add(database, "sys/0", number)
        await sign_all(notary)

    await require_faithful(database.reads)


async def test_a_third_level_of_tiles_begins_at_65536(database: Database, migrated_url: str, tmp_path: Path) -> None:
    await fill(migrated_url, "sys/1", 65_534)
    notary = await started(database, tmp_path)
    assert len(await sign_all(notary)) == 16

    sizes = []
    for _ in range(4):
        await add(database, "sys/0")
        sizes += [signed.size for signed in await sign_all(notary)]

    assert sizes == [65_535, 65_536, 65_537, 65_538]
    await require_faithful(database.reads)


async def test_a_stream_with_more_than_a_cycle_takes_is_taken_up_again_where_it_was_left(
    database: Database, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notaries, "LEAVES_PER_CYCLE", 100)
    for stream, number in (("sys/0", 30), ("sys/1", 555), ("sys/2", 100), ("sys/3", 15)):
        await fill(migrated_url, stream, number)
    notary = await started(database, tmp_path)

    sizes = [signed.size for signed in await sign_all(notary)]

    assert sizes == [100, 200, 300, 400, 500, 600, 700]
    await require_faithful(database.reads)


async def test_more_streams_than_a_statement_asks_for_are_all_taken(database: Database, tmp_path: Path) -> None:
    for number in range(2 * trees.PIECES + 3):
        await add(database, f"s/{number}", 1 + number % 3)
    notary = await started(database, tmp_path)

    (signed,) = await sign_all(notary)

    assert signed.size == sum(1 + number % 3 for number in range(2 * trees.PIECES + 3))
    await require_faithful(database.reads)


async def test_entries_that_come_while_cycles_run_get_their_places_too(database: Database, tmp_path: Path) -> None:
    notary = await started(database, tmp_path)
    done = asyncio.Event()

    async def write(stream: str) -> None:
        for number in range(25):
            await add(database, stream, 1 + number % 4)

    async def sign() -> None:
        while not done.is_set():
            await notary.cycle()
            # The order is the notary's own; what a reader sees meanwhile is in order as well.
            await require_faithful(database.reads, complete=False)

    signing = asyncio.create_task(sign())
    await asyncio.gather(*(write(f"sys/{number}") for number in range(4)))
    done.set()
    await signing
    await sign_all(notary)

    tree = await require_faithful(database.reads)
    assert tree.size == 4 * sum(1 + number % 4 for number in range(25))


async def test_a_notary_that_did_not_start_signs_nothing(database: Database, tmp_path: Path) -> None:
    await add(database, "sys/0")

    with pytest.raises(Superseded):
        await notary_of(database, tmp_path).cycle()


async def test_the_one_before_signs_nothing_once_another_has_started(database: Database, tmp_path: Path) -> None:
    first = await started(database, tmp_path)
    second = await started(database, tmp_path)
    await add(database, "sys/0")

    with pytest.raises(Superseded):
        await first.cycle()
    assert await receipts.published(database.reads) is None

    assert len(await sign_all(second)) == 1
    await first.start()
    await add(database, "sys/0")
    assert [signed.size for signed in await sign_all(first)] == [2]
    await require_faithful(database.reads)


async def test_of_two_first_starts_at_once_one_begins_the_tree(database: Database, tmp_path: Path) -> None:
    pair = [notary_of(database, tmp_path) for _ in range(2)]
    await add(database, "sys/0")

    answers = await asyncio.gather(*(one.start() for one in pair), return_exceptions=True)

    assert {type(answer) for answer in answers} <= {int, Superseded}
    await pair[1].start()
    assert len(await sign_all(pair[1])) == 1
    await require_faithful(database.reads)
