"""Files of identities: what their lines say is done or reported line by line, and nothing else of them is kept."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.actor import Actor, Role
from app.errors import Forbidden, InvalidInput, InvalidState, NotFound
from app.services.bulk import CHUNK_LINES, CHUNKS_AT_ONCE, UNFINISHED_LIMIT, Uploads
from app.services.enrollments import ClaimEnrollment
from app.services.job_report import report
from app.store.jobs import JobRow, Jobs, jobs
from app.terms import JobKind, JobStatus
from tests.enrolling import HEADING, csv_of, identities, identity, in_pieces, queued, runner, worked_off
from tests.house import ORIGIN, House, actor_of

CLAIM, RELEASE = JobKind.ENROLLMENT_CLAIM, JobKind.ENROLLMENT_RELEASE


@pytest.fixture
async def actor(house: House) -> Actor:
    """Somebody of an account."""
    return actor_of(await house.account())


async def held(house: House, actor: Actor) -> set[bytes]:
    """The identities that an account holds."""
    rows = await house.database.reads.fetch(
        "SELECT fingerprint FROM enrollment WHERE account_id = $1 AND released_at IS NULL", actor.account_id
    )
    return {bytes(row["fingerprint"]) for row in rows}


async def stored_chunks(house: House) -> int:
    """How much input is kept."""
    row = await house.database.reads.fetch_one("SELECT count(*) AS n FROM job_chunk")
    assert row is not None
    return int(row["n"])


async def test_every_line_is_claimed_or_reported_with_its_number(house: House, actor: Actor) -> None:
    await house.perform(actor_of(await house.account()), ClaimEnrollment(identity("another's")))
    await house.perform(actor, ClaimEnrollment(identity("mine")))
    lines = [
        identity(1),
        f'"{identity(2).replace("A-", "a-")}"',
        f'"{identity(3)}","a comment, quoted"',
        "",
        identity("another's"),
        identity("mine"),
        identity(1).lower().replace("a-", "A-", 1),
        '"never closed',
        f"{identity(4)},é\r",
        "=HYPERLINK(1)",
    ]
    job, errors = await worked_off(house, actor, CLAIM, csv_of(lines))

    assert (job.status, job.total_count, job.processed_count, job.errors_count) == (JobStatus.DONE, 9, 9, 6)
    assert [(error.line, error.code) for error in errors] == [
        (3, "INVALID_IDENTITY"),
        (6, "ALREADY_CLAIMED"),
        (7, "ALREADY_CLAIMED"),
        (8, "ALREADY_CLAIMED"),
        (9, "NOT_CSV"),
        (11, "INVALID_IDENTITY"),
    ]
    assert errors[1].text == identity("another's")
    assert len(await held(house, actor)) == 4
    assert await stored_chunks(house) == 0


async def test_a_release_gives_up_what_the_account_holds_and_says_nothing_of_others(house: House, actor: Actor) -> None:
    other = actor_of(await house.account())
    await worked_off(house, other, CLAIM, csv_of([identity("another's")]))
    await worked_off(house, actor, CLAIM, csv_of(identities(3)))
    lines = [identity(0), identity(0), identity("another's"), identity("nobody's"), identity(2)]

    job, errors = await worked_off(house, actor, RELEASE, csv_of(lines))

    assert (job.processed_count, job.errors_count) == (5, 3)
    assert [(error.line, error.code) for error in errors] == [(3, "NOT_FOUND"), (4, "NOT_FOUND"), (5, "NOT_FOUND")]
    assert len(await held(house, actor)) == 1
    assert len(await held(house, other)) == 1
    await worked_off(house, other, CLAIM, csv_of([identity(0)]))
    assert len(await held(house, other)) == 2


async def test_hostile_lines_are_errors_and_the_rest_is_claimed(house: House, actor: Actor) -> None:
    hostile = [b"x" * 1_000_000, b"\xff\xfe\x00", b"\x00", identity(1).encode() + b"\x00", b"\x1b[31m" * 100]
    data = b"\n".join([HEADING.encode(), identity(1).encode(), *hostile, identity(2).encode()])

    job, errors = await worked_off(house, actor, CLAIM, data)

    assert (job.total_count, job.errors_count) == (7, 5)
    codes = ["LINE_TOO_LONG", "NOT_UTF8", "INVALID_IDENTITY", "INVALID_IDENTITY", "INVALID_IDENTITY"]
    assert [error.code for error in errors] == codes
    assert all(error.text.isprintable() and len(error.text) < 1_000 for error in errors)
    assert len(await held(house, actor)) == 2


async def test_the_report_is_safe_to_open_with_a_spreadsheet(house: House, actor: Actor) -> None:
    lines = ["=1+1", "@SUM(A1)", "+1", '-"2"', "plain, with a comma", '"a ""quoted"" one"']
    job, _ = await worked_off(house, actor, CLAIM, csv_of(lines))

    text = "".join([part async for part in report(house.database.reads, job.id)])

    assert text.split("\r\n") == [
        "line,code,text",
        "2,INVALID_IDENTITY,'=1+1",
        "3,INVALID_IDENTITY,'@SUM(A1)",
        "4,INVALID_IDENTITY,'+1",
        '5,INVALID_IDENTITY,"\'-""2"""',
        "6,INVALID_IDENTITY,plain",
        '7,INVALID_IDENTITY,"a ""quoted"" one"',
        "",
    ]


async def test_a_private_key_that_is_sent_by_mistake_is_kept_nowhere(house: House, actor: Actor) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    job = await queued(house, actor, CLAIM, b"heading\n" + pem + pem.replace(b"\n", b""))
    chunks = await house.database.reads.fetch("SELECT lines FROM job_chunk WHERE job_id = $1", job.id)
    await runner(house).once()
    errors = await house.database.reads.fetch("SELECT text FROM job_error")

    kept = b"".join(bytes(row["lines"]) for row in chunks) + "".join(row["text"] for row in errors).encode()
    assert errors
    assert b"BEGIN PRIVATE KEY" in kept, "there is nothing to look through"
    body = pem.split(b"-----")[2].replace(b"\n", b"")
    assert not any(body[at : at + 16] in kept for at in range(40, len(body) - 16))


async def test_a_file_of_nothing_is_refused_and_one_of_a_heading_is_done(house: House, actor: Actor) -> None:
    with pytest.raises(InvalidInput):
        await queued(house, actor, CLAIM, b"")
    assert await house.database.reads.fetch_one("SELECT 1 AS found FROM job") is None

    job = await queued(house, actor, CLAIM, b"heading")
    assert (job.status, job.total_count) == (JobStatus.DONE, 0)
    assert job.completed_at is not None


async def test_a_file_that_breaks_off_or_is_refused_leaves_nothing(house: House, actor: Actor) -> None:
    uploads = Uploads(house.database, house.door, house.clock)
    whole = csv_of(identities(CHUNK_LINES * CHUNKS_AT_ONCE + 5))

    async def breaking() -> AsyncIterator[bytes]:
        async for data in in_pieces(whole):
            yield data
        assert await stored_chunks(house) > 0, "nothing was written before"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await uploads.take(actor, CLAIM, ORIGIN, breaking())
    assert await stored_chunks(house) == 0

    viewer = actor_of(await house.account(), Role.VIEWER)
    with pytest.raises(Forbidden):
        await uploads.take(viewer, CLAIM, ORIGIN, in_pieces(whole))
    assert await stored_chunks(house) == 0
    assert (await house.last_entry(viewer.account_id or "")).action == "enrollment.bulk_claim"


async def test_a_caller_that_goes_away_while_its_job_is_made_takes_nothing_from_it(
    house: House, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending = asyncio.create_task(queued(house, actor, CLAIM, csv_of(identities(3))))
    insert = Jobs.insert

    async def inserted(self: Jobs, row: JobRow) -> None:
        sending.cancel()
        await insert(self, row)

    monkeypatch.setattr(Jobs, "insert", inserted)
    with pytest.raises(asyncio.CancelledError):
        await sending
    # The account's writes come one after another, so that the job is there now.
    await house.perform(actor, ClaimEnrollment(identity("another")))
    (row,) = await house.database.reads.fetch("SELECT id FROM job")
    await runner(house).once()

    job = (await jobs(house.database.reads, actor.account_id or "", [row["id"]]))[row["id"]]
    assert (job.status, job.processed_count, job.errors_count) == (JobStatus.DONE, 3, 0)


async def test_input_whose_job_never_came_is_given_up_after_a_day(house: House, actor: Actor) -> None:
    job = await queued(house, actor, CLAIM, csv_of(identities(3)))
    rows = [("0" * 12 + job.id[12:], 0), (job.id[:-1] + ("0" if job.id[-1] != "0" else "1"), 0)]

    async def unit(transaction: object) -> None:
        for job_id, number in rows:
            await transaction.execute(  # type: ignore[attr-defined]  # a transaction
                "INSERT INTO job_chunk (job_id, number, lines) VALUES ($1, $2, $3)", job_id, number, b"[]"
            )

    await house.database.write("by hand", unit)
    works = runner(house)
    await works.turn()
    # The old one is gone, and the job is done; the other may still be on its way.
    assert await stored_chunks(house) == 1
    house.clock.advance(timedelta(days=1, hours=1))
    await works.once()
    assert await stored_chunks(house) == 0


async def test_an_account_has_so_many_jobs_at_once_and_another_account_its_own(house: House, actor: Actor) -> None:
    for number in range(UNFINISHED_LIMIT):
        await queued(house, actor, CLAIM, csv_of([identity(number)]))
    with pytest.raises(InvalidState):
        await queued(house, actor, CLAIM, csv_of([identity("one more")]))
    assert await stored_chunks(house) == UNFINISHED_LIMIT

    await queued(house, actor_of(await house.account()), CLAIM, csv_of([identity("another's")]))
    await runner(house).once()
    await queued(house, actor, CLAIM, csv_of([identity("one more")]))


async def test_an_account_that_is_not_there_has_no_jobs(house: House, actor: Actor) -> None:
    nobody = Actor(actor.type, actor.id, "f" * 32, actor.name, actor.scopes)
    with pytest.raises(NotFound):
        await queued(house, nobody, CLAIM, csv_of(identities(3)))
    assert await stored_chunks(house) == 0


async def test_the_log_says_which_file_it_was_and_what_its_lines_came_to(house: House, actor: Actor) -> None:
    data = csv_of([*identities(CHUNK_LINES + 1), "none"])
    job, _ = await worked_off(house, actor, CLAIM, data, days=30)

    log = [entry.body.decode() for entry in await house.log_of(actor.account_id or "")]
    (started,) = [body for body in log if "enrollment.bulk_claim" in body]
    assert f'"bytes":{len(data)},"lines":{CHUNK_LINES + 2},"sha256":"{job.input_sha256.hex()}"' in started
    batches = [body for body in log if "enrollment.claim_batch" in body]
    found = [re.findall(r'"(?:claimed|refused|first_line|last_line)":(\d+)', body) for body in batches]
    assert found == [["1000", "2", "1001", "0"], ["1", "1002", "1003", "1"]]
