"""A log that cannot be continued begins a new generation: with the entry that says why, then everything, in order.

Seen to fail with that entry placed twice, with it placed where its stream has it, with an old generation's notary that
wrote its checkpoint over the new one's, and with a tree's lock that shows what was newest before it was waited for.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from app.audit import receipts
from app.audit.checkpoint import Signer
from app.audit.kept import KeptCheckpoint
from app.audit.notary import Superseded
from app.store import tree as trees
from app.store.connection import Transaction
from app.store.database import Database
from tests.audit.faithful import require_faithful
from tests.audit.notaries import KEY, ORIGIN, add, entries, notary_of, sign_all, started


class Recover:
    """What the operator's command does in one transaction: an entry, and a generation that begins with it."""

    def __init__(self) -> None:
        self.inside = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, transaction: Transaction) -> None:
        """Append, begin, and wait if told to."""
        tree = await trees.newest_locked(transaction)
        assert tree is not None
        entry_id = await entries("sys/0")(transaction)
        origin = f"{ORIGIN}/{tree.generation + 1}"
        async with transaction.savepoint():
            await trees.begin(transaction, tree.generation + 1, origin, str(Signer(origin, KEY).vkey), entry_id)
        self.inside.set()
        await self.go_on.wait()


async def recover(database: Database, folder: Path) -> None:
    """Begin a generation, and put aside what is kept."""
    tree = await trees.newest(database.reads)
    assert tree is not None
    await database.write("sys/0", Recover())
    KeptCheckpoint(folder / "checkpoint").retire(tree.generation)


@pytest.mark.parametrize("before", [0, 1, 5, 600])
async def test_it_begins_with_the_entry_that_says_why_and_holds_everything_else(
    database: Database, tmp_path: Path, before: int
) -> None:
    if before:
        await add(database, "sys/0", before)
        await add(database, "sys/1", before)
    await sign_all(await started(database, tmp_path))
    await add(database, "sys/1", 2)

    await recover(database, tmp_path)
    notary = await started(database, tmp_path)
    await sign_all(notary)
    await add(database, "sys/0", 3)
    await sign_all(notary)

    tree = await require_faithful(database.reads)
    assert (tree.generation, tree.origin, tree.size) == (2, f"{ORIGIN}/2", 2 * before + 2 + 1 + 3)
    old = await database.reads.fetch("SELECT 1 FROM audit_leaf WHERE generation = 1")
    assert len(old) == 2 * before


async def test_a_third_generation_places_the_entry_of_the_second_as_any_other(
    database: Database, tmp_path: Path
) -> None:
    await add(database, "sys/0", 2)
    await sign_all(await started(database, tmp_path))
    for generation in (2, 3):
        await recover(database, tmp_path)
        await sign_all(await started(database, tmp_path))
        tree = await require_faithful(database.reads)
        assert (tree.generation, tree.size) == (generation, generation + 1)


async def test_nothing_of_it_is_served_before_it_is_signed(database: Database, tmp_path: Path) -> None:
    await add(database, "sys/0", 2)
    await sign_all(await started(database, tmp_path))

    await recover(database, tmp_path)

    assert await receipts.published(database.reads) is None


@dataclass(frozen=True)
class Sleeper(KeptCheckpoint):
    """A place where the notary falls asleep, before or after it keeps what it committed."""

    after: bool
    asleep: Event = field(default_factory=Event)
    wake: Event = field(default_factory=Event)

    def write(self, note: str) -> None:
        """Keep it, and sleep."""
        if self.after:
            super().write(note)
        self.asleep.set()
        assert self.wake.wait(60)
        if not self.after:
            super().write(note)


@pytest.mark.parametrize("after", [False, True], ids=["before it kept", "after it kept"])
async def test_a_notary_that_slept_through_a_new_generation_publishes_and_keeps_nothing(
    database: Database, tmp_path: Path, *, after: bool
) -> None:
    place = Sleeper(tmp_path / "checkpoint", after)
    old = notary_of(database, tmp_path)
    old.places = [place]
    await old.start()
    await add(database, "sys/0", 2)
    sleeping = asyncio.create_task(old.cycle())
    await asyncio.to_thread(place.asleep.wait)
    await recover(database, tmp_path)
    await sign_all(await started(database, tmp_path))
    kept = (tmp_path / "checkpoint").read_text()

    place.wake.set()
    with pytest.raises(Superseded):
        await sleeping
    with pytest.raises(Superseded):
        await old.cycle()

    assert (tmp_path / "checkpoint").read_text() == kept
    assert (await require_faithful(database.reads)).generation == 2


async def test_a_notary_that_waits_while_a_generation_begins_is_superseded(database: Database, tmp_path: Path) -> None:
    notary = await started(database, tmp_path)
    await add(database, "sys/1")
    beginning = Recover()
    beginning.go_on.clear()
    recovering = asyncio.create_task(database.write("sys/0", beginning))
    await beginning.inside.wait()
    waiting = [asyncio.create_task(one) for one in (notary.cycle(), notary_of(database, tmp_path).start())]
    await asyncio.sleep(0.2)
    beginning.go_on.set()
    await recovering

    answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(answers[0], Superseded)
    assert isinstance(answers[1], int)
    await sign_all(await started(database, tmp_path))
    assert (await require_faithful(database.reads)).generation == 2
