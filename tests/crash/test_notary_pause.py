"""A notary that sleeps at any step while another takes over, and then wakes, publishes nothing and keeps nothing.

On PostgreSQL it may sleep inside its transaction, which the server then ends (after 10 s): all steps sleep at once,
each on a database of its own. On SQLite nobody could write meanwhile, so there it sleeps where it holds no lock.

Seen to fail without the comparison of the tree with what the notary left, and with a checkpoint that is kept whatever
is kept already.
"""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from app.audit.notary import Step
from app.store import tree as trees
from app.store.connection import Engine
from app.store.url import sqlite_path
from tests.audit.notaries import add
from tests.conftest import ENGINE
from tests.crash.signers import Signer, Witness, beside, until_all_is_signed

WITHOUT_LOCK = (Step.COMMITTED, Step.KEPT, Step.PUBLISHED)
ENDS = {Step.STORED: "OutcomeUnknown"} | dict.fromkeys(WITHOUT_LOCK, "Superseded")
"""How the cycle ends of a notary that slept at a step: elsewhere its transaction is gone before the commit."""
STEPS = tuple(Step) if ENGINE is Engine.POSTGRES else WITHOUT_LOCK


@asynccontextmanager
async def copy_of(url: str, name: str) -> AsyncIterator[str]:
    """A copy of a database that nobody has open."""
    path = sqlite_path(url)
    if path is not None:
        shutil.copy(path, f"{path}.{name}")
        yield f"{url}.{name}"
        return
    server, _, source = url.rpartition("/")
    administrator = await asyncpg.connect(f"{server}/postgres")
    await administrator.execute(f"CREATE DATABASE {source}_{name} TEMPLATE {source}")
    try:
        yield f"{url}_{name}"
    finally:
        await administrator.execute(f"DROP DATABASE {source}_{name} WITH (FORCE)")
        await administrator.close()


async def sleep_through(url: str, folder: Path, step: Step) -> None:
    """One notary falls asleep, another takes over and signs, the first wakes."""
    async with beside(url) as database:
        witness = Witness(database, folder)
        await add(database, "sys/0", 3)
        sleeper = await Signer.start(url, folder, "sleeper", "shared", step=step, nth=2, signum=signal.SIGSTOP)
        await sleeper.hear("published 3")
        await add(database, "sys/1", 2)
        await sleeper.stopped()
        other = await Signer.start(url, folder, "other", "shared")
        await other.hear("started")
        await add(database, "sys/0", 4)
        await until_all_is_signed(database)
        await witness.look()
        # Without a notary that could put things right again, whatever the woken one does stays to be seen.
        await other.kill()
        before = (await trees.newest(database.reads), (folder / "shared").read_text(), len(witness.notes))

        sleeper.wake()
        assert await sleeper.ended() == 0

        assert sleeper.said[-1] == ENDS.get(step, "AuditUnavailable"), (step, sleeper.said)
        tree = await trees.newest(database.reads)
        await witness.look()
        shared = (folder / "shared").read_text()
        assert (tree, shared) == before[:2], f"it did something after it woke at {step}"
        await witness.require_one_history()


async def test_a_notary_that_slept_through_its_replacement_does_nothing_when_it_wakes(
    migrated_url: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        for step in STEPS:
            (tmp_path / step).mkdir()
        urls = {step: await stack.enter_async_context(copy_of(migrated_url, step)) for step in STEPS}
        slept = [sleep_through(url, tmp_path / step, step) for step, url in urls.items()]
        answers = await asyncio.gather(*slept, return_exceptions=True)
    # Only now, so that no sleeper is left behind by the failure of another.
    if failed := [answer for answer in answers if isinstance(answer, Exception)]:
        raise ExceptionGroup("a notary that slept", failed)


@pytest.mark.parametrize("step", WITHOUT_LOCK)
async def test_a_notary_that_slept_alone_goes_on(migrated_url: str, tmp_path: Path, step: Step) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    async with beside(migrated_url) as database:
        witness = Witness(database, folder)
        await add(database, "sys/0", 3)
        sleeper = await Signer.start(migrated_url, folder, step=step, nth=1, signum=signal.SIGSTOP)
        await sleeper.stopped()
        await add(database, "sys/1", 3)
        await witness.look()

        sleeper.wake()
        await until_all_is_signed(database)

        await sleeper.kill()
        await witness.require_one_history()
