"""Jobs are worked off once, whoever does it, and go on where the last commit was."""

from datetime import timedelta

import pytest

from app.actor import Actor, ActorType, Scope
from app.errors import InvalidState
from app.rules.enrollment import Line
from app.services.bulk import CHUNK_LINES
from app.services.enrollments import ReleaseEnrollment
from app.services.jobs import ClaimBatch
from app.store.connection import Transaction
from app.store.jobs import JobRow, errors_pages
from app.store.paging import Window
from app.terms import JobKind, JobStatus
from tests.enrolling import (
    claimed,
    csv_of,
    fingerprint,
    held_claim,
    identities,
    identity,
    queued,
    runner,
    seen,
    worked_off,
)
from tests.house import House, actor_of

CLAIM, RELEASE = JobKind.ENROLLMENT_CLAIM, JobKind.ENROLLMENT_RELEASE
LINES = 20_000


async def counts(house: House) -> tuple[int, int]:
    """How many claims there are, and of how many identities."""
    row = await house.database.reads.fetch_one(
        "SELECT count(*) AS n, count(DISTINCT fingerprint) AS distinct_n FROM enrollment"
    )
    assert row is not None
    return int(row["n"]), int(row["distinct_n"])


def batch_of(job: JobRow, number: int, *names: str) -> ClaimBatch:
    """The command that claims the identities of these devices as a part of a job."""
    lines = tuple(Line(at, identity(name), fingerprint(name)) for at, name in enumerate(names, 2))
    return ClaimBatch(job.id, number, lines)


def runs(job: JobRow) -> Actor:
    """Who works the job off."""
    return Actor(ActorType.SYSTEM, "jobs", job.account_id, None, frozenset({Scope.DEVICES_WRITE}))


async def test_a_job_that_is_left_in_the_middle_goes_on_where_it_was(house: House) -> None:
    job = await queued(house, actor_of(await house.account()), CLAIM, csv_of(identities(LINES)))
    first = runner(house)
    for _ in range(7):
        assert await first.turn()
    half = await seen(house, job)
    assert (half.status, half.processed_count, half.cursor) == (JobStatus.RUNNING, 7 * CHUNK_LINES, 7)
    assert await counts(house) == (7 * CHUNK_LINES, 7 * CHUNK_LINES)
    await first.leadership.release()

    await runner(house).once()

    done = await seen(house, job)
    assert (done.status, done.processed_count, done.errors_count) == (JobStatus.DONE, LINES, 0)
    assert await counts(house) == (LINES, LINES)


async def test_a_batch_whose_turn_it_is_not_does_nothing(house: House) -> None:
    job = await queued(house, actor_of(await house.account()), CLAIM, csv_of(identities(2)))
    works = runs(job)
    for number in (1, -1):
        with pytest.raises(InvalidState):
            await house.perform(works, batch_of(job, number, "a"))
    await house.perform(works, batch_of(job, 0, "0", "1"))
    with pytest.raises(InvalidState):
        await house.perform(works, batch_of(job, 0, "c"))
    assert await counts(house) == (2, 2)
    assert (await seen(house, job)).processed_count == 2


async def test_one_at_a_time_works_jobs_off(house: House) -> None:
    await queued(house, actor_of(await house.account()), CLAIM, csv_of(identities(2)))
    leads, waits = runner(house), runner(house)
    assert await leads.leadership.hold()

    assert not await waits.turn()
    assert await counts(house) == (0, 0)
    await leads.leadership.release()
    assert await waits.turn()
    assert await counts(house) == (2, 2)
    await waits.leadership.release()


async def test_two_files_of_two_accounts_share_the_identities_out(house: House) -> None:
    actors = [actor_of(await house.account()) for _ in range(2)]
    names = identities(5 * CHUNK_LINES)
    one = await queued(house, actors[0], CLAIM, csv_of(names))
    other = await queued(house, actors[1], CLAIM, csv_of(reversed(names)))

    await runner(house).once()

    assert await counts(house) == (len(names), len(names))
    jobs = [await seen(house, job) for job in (one, other)]
    assert {job.status for job in jobs} == {JobStatus.DONE}
    assert sum(job.processed_count - job.errors_count for job in jobs) == len(names)
    assert min(job.errors_count for job in jobs) > 0, "one of them had no turn before the other was done"


async def test_an_accounts_jobs_are_done_in_their_order(house: House) -> None:
    actor = actor_of(await house.account())
    names = identities(2 * CHUNK_LINES)
    jobs = [await queued(house, actor, kind, csv_of(names)) for kind in (CLAIM, RELEASE, CLAIM)]

    await runner(house).once()

    assert [(await seen(house, job)).errors_count for job in jobs] == [0, 0, 0]


async def test_a_long_job_does_not_hold_up_another_accounts_short_one(house: House) -> None:
    long = await queued(house, actor_of(await house.account()), CLAIM, csv_of(identities(5 * CHUNK_LINES)))
    short = await queued(house, actor_of(await house.account()), CLAIM, csv_of([identity("short")]))
    works = runner(house)
    for _ in range(2):
        await works.turn()

    assert (await seen(house, short)).status is JobStatus.DONE
    assert (await seen(house, long)).status is JobStatus.RUNNING
    await works.leadership.release()


async def test_a_job_whose_input_is_gone_fails_and_the_next_one_is_done(house: House) -> None:
    actor = actor_of(await house.account())
    broken = await queued(house, actor, CLAIM, csv_of(identities(3 * CHUNK_LINES)))
    sound = await queued(house, actor, CLAIM, csv_of([identity("sound")]))
    spoilt = await queued(house, actor_of(await house.account()), CLAIM, csv_of([identity("spoilt")]))

    async def unit(transaction: Transaction) -> None:
        await transaction.execute("DELETE FROM job_chunk WHERE job_id = $1 AND number = 1", broken.id)
        await transaction.execute("UPDATE job_chunk SET lines = $2 WHERE job_id = $1", spoilt.id, b"[[1]]")

    await house.database.write("by hand", unit)
    await runner(house).once()

    failed = await seen(house, broken)
    assert (failed.status, failed.processed_count) == (JobStatus.FAILED, CHUNK_LINES)
    assert (await seen(house, sound)).status is JobStatus.DONE
    assert (await seen(house, spoilt)).status is JobStatus.FAILED
    entries = [entry for entry in await house.log_of(actor.account_id or "") if entry.action == "job.fail"]
    assert [entry.target_id for entry in entries] == [broken.id]
    row = await house.database.reads.fetch_one("SELECT count(*) AS n FROM job_chunk")
    assert row is not None
    assert row["n"] == 0


async def test_what_a_job_claimed_expires_and_gives_way_like_any_claim(house: House) -> None:
    one, other = actor_of(await house.account()), actor_of(await house.account())
    names = identities(3)
    await worked_off(house, one, CLAIM, csv_of(names), days=30)
    refused, errors = await worked_off(house, other, CLAIM, csv_of(names), days=30)
    assert refused.errors_count == len(errors) == 3

    house.clock.advance(timedelta(days=30))
    taken, errors = await worked_off(house, other, CLAIM, csv_of(names), days=30)

    assert (taken.processed_count, errors) == (3, [])
    now = house.clock()
    for actor, holds in ((one, False), (other, True)):
        found = await held_claim(house.database.reads, actor.account_id or "", fingerprint(0), now)
        assert (found is not None) is holds


async def test_the_refused_lines_of_a_job_are_its_accounts_alone(house: House) -> None:
    one, other = await house.account(), await house.account()
    job, _ = await worked_off(house, actor_of(one), CLAIM, csv_of(["wrong"]))
    seen_by = {
        account.id: await errors_pages(house.database.reads, account.id, [job.id], Window(5))
        for account in (one, other)
    }
    assert [error.line for error in seen_by[one.id][job.id].rows] == [2]
    assert seen_by[other.id][job.id].rows == []


async def test_what_a_job_claimed_can_be_given_up_by_itself(house: House) -> None:
    actor = actor_of(await house.account())
    await claimed(house, actor, identities(3))
    held = await held_claim(house.database.reads, actor.account_id or "", fingerprint(1), house.clock())
    assert held is not None

    await house.perform(actor, ReleaseEnrollment(held.id))

    assert await held_claim(house.database.reads, actor.account_id or "", fingerprint(1), house.clock()) is None
    await claimed(house, actor, [identity(1)])
