"""A long log is shared out to processes: they find what one finds, as of one instant, and none is lost unnoticed."""

import asyncio
from collections import Counter

import pytest

from app.audit.stored import Code, Verdict
from app.audit.verify import verify
from app.errors import StoreUnavailable
from app.services.certificates import UpdateCertificate
from app.services.verification import Evidence, Sharing, verify_url
from app.services.verification_workers import Workers
from app.store.database import Database
from app.store.instants import share_instant
from app.store.snapshot import open_snapshot
from tests.audit.conftest import Lived
from tests.audit.history import World, live
from tests.audit.owner import owning

ALONE = Sharing(processes=1)
SHARED = Sharing(processes=2, worth=0, stretch=3)


async def test_what_is_sound_is_verified_by_several(lived: Lived) -> None:
    told: list[tuple[int, int]] = []

    verification = await verify_url(lived.url, lambda done, total: told.append((done, total)), SHARED)

    assert verification == await verify_url(lived.url, sharing=ALONE)
    assert verification.verdict is Verdict.VERIFIED
    assert told == sorted(told)
    assert len(told) > verification.entries / SHARED.stretch
    assert told[-1] == (verification.entries, verification.entries)


async def test_an_empty_log_is_verified_by_several(migrated_url: str) -> None:
    assert await verify_url(migrated_url, sharing=SHARED) == await verify_url(migrated_url, sharing=ALONE)


async def test_several_find_what_one_finds(database: Database, migrated_url: str) -> None:
    await live(await World.open(database))
    async with owning(migrated_url) as owner:
        await owner.take_guards_away()
        await owner.execute("UPDATE audit_entry SET hash = prev WHERE aseq % 4 = 2")
        await owner.execute("DELETE FROM audit_body WHERE seq % 5 = 0")
        await owner.execute("DELETE FROM audit_entry WHERE aseq % 7 = 3")
        await owner.execute("UPDATE certificate SET status = 'INACTIVE'")
        await owner.execute("INSERT INTO audit_disclosure VALUES (9999, NULL, 'x', 'y')")
        await owner.put_guards_back()

    alone, shared = await verify_url(migrated_url, sharing=ALONE), await verify_url(migrated_url, sharing=SHARED)

    assert Counter(shared.findings) == Counter(alone.findings)
    assert shared.counts == alone.counts
    assert {Code.PREV_MISMATCH, Code.BODY_MISSING, Code.ASEQ_GAP, Code.CHANGE_UNRECORDED, Code.DISCLOSURE_STRAY} <= set(
        shared.counts
    )


async def test_several_read_as_of_one_instant_while_others_write(database: Database, migrated_url: str) -> None:
    world = await World.open(database)
    verified = asyncio.Event()

    async def write() -> None:
        record = await world.upload("Plant A")
        while not verified.is_set():
            record = await world.act(UpdateCertificate(record.id, name=f"Plant {record.version}"))
            # Now and then nobody writes: those who begin together must have a chance to.
            await asyncio.sleep(0.01)

    async def read() -> None:
        for _ in range(2):
            assert (await verify_url(migrated_url, sharing=SHARED)).findings == ()
        verified.set()

    await asyncio.gather(write(), read())


@pytest.mark.parametrize("which", [[0], [1], [0, 1]])
async def test_a_process_that_dies_is_no_answer(lived: Lived, which: list[int]) -> None:
    async with open_snapshot(lived.url) as connection, Workers.started(lived.url, 2) as workers:
        assert await share_instant(connection, workers.follow)

        def kill(_done: int, _total: int) -> None:
            for one in which:
                if workers.each[one].process.returncode is None:
                    workers.each[one].process.kill()

        with pytest.raises(StoreUnavailable):
            await verify(Evidence(connection, SHARED.stretch), kill, workers)


async def test_a_process_that_cannot_read_says_so(lived: Lived) -> None:
    other = lived.url.replace("anchorage", "nothing")

    async with Workers.started(other, 1) as workers:
        with pytest.raises(StoreUnavailable):
            await workers.follow("")
