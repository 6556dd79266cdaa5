"""A month leaves the database for an archive: hashes stay, the state can still be compared, and the rest is counted.

Seen to fail with the bodies of last changes dropped too, and with the archived entries left out of the count of
certificates.
"""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.audit.stored import Code, RemovalKind, Verification
from app.audit.verify import verify
from app.errors import InvalidInput, InvalidState, NotFound
from app.services.accounts import SetAccountLimit
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate
from app.services.developer_certificates import CreateDeveloperCertificate
from app.services.retention import DropArchived, Month
from app.services.verification import Evidence, Sharing, verify_database, verify_url
from app.store.database import Database
from app.store.removals import Dropped
from app.terms import Status
from tests.audit.erasing import Person, hashes_of
from tests.audit.history import World, live
from tests.audit.owner import Owner, owning
from tests.checks import check_log

JUNE, JULY = Month(2026, 6), Month(2026, 7)
SHA256 = "ab" * 32
NEWEST_BODY = "DELETE FROM audit_body WHERE seq = (SELECT max(seq) FROM audit_body {})"
ANOTHER_BODY = (
    "INSERT INTO audit_body SELECT (SELECT max(seq) FROM audit_entry AS e WHERE time < 1782864000000000"
    " AND NOT EXISTS (SELECT 1 FROM audit_body AS b WHERE b.seq = e.seq)), 202606, body FROM audit_body LIMIT 1"
)


async def in_august(database: Database) -> World:
    """An account with a past in June and July."""
    world = await World.open(database)
    await live(world)
    world.clock.now = datetime.fromisoformat("2026-07-20T00:00:00Z")
    kept, deleted = await world.upload("Plant F"), await world.upload("Plant G")
    await world.act(SetCertificateStatus(kept.id, Status.INACTIVE, "Leaked"))
    await world.act(SetCertificateStatus(kept.id, Status.INACTIVE, "Leaked, said again"))
    await world.act(DeleteCertificate(deleted.id))
    world.clock.now = datetime.fromisoformat("2026-08-20T00:00:00Z")
    return world


async def drop(world: World, month: Month) -> Dropped:
    dropping = DropArchived(month, SHA256, 0, 1_000_000)
    return (await world.door.perform(world.operator_of_all, dropping, world.origin())).value


async def test_developer_certificates_of_an_archived_month_are_still_counted(
    database: Database, tmp_path: Path
) -> None:
    world = await World.open(database)
    kept, deleted = [
        await world.act(CreateDeveloperCertificate(name, None, tmp_path / "secrets-key")) for name in ("one", "two")
    ]
    await world.act(UpdateCertificate(kept.row.id, name="still one"))
    await world.act(DeleteCertificate(deleted.row.id))
    world.clock.now = datetime.fromisoformat("2026-08-20T00:00:00Z")

    dropped = await drop(world, JUNE)

    assert dropped.bodies > 0
    await check_log(database)


async def found_after(database: Database, url: str, statement: str) -> Verification:
    """What a verification says once somebody has run a statement behind the log's back."""
    async with owning(url) as owner:
        await owner.take_guards_away()
        await owner.execute(statement)
        await owner.put_guards_back()
    return await verify_database(database)


async def bodies(owner: Database | Owner, month: Month) -> int:
    reads = owner.reads if isinstance(owner, Database) else owner
    row = await reads.fetch_one("SELECT count(*) AS n FROM audit_body WHERE month = $1", month.number)
    assert row is not None
    return int(row["n"])


@pytest.mark.parametrize("months", [[JUNE], [JULY], [JUNE, JULY], [JULY, JUNE]], ids=str)
async def test_archived_months_verify_and_are_counted(database: Database, months: list[Month]) -> None:
    world = await in_august(database)
    hashes = await hashes_of(database)
    before = {month: await bodies(database, month) for month in months}

    dropped = {month: await drop(world, month) for month in months}

    verification = await verify_database(database)
    assert verification.findings == ()
    assert [(one.kind, one.target, one.count) for one in verification.removals] == [
        (RemovalKind.RETENTION, str(month), dropped[month].bodies) for month in months
    ]
    for month in months:
        assert dropped[month].bodies > 3
        assert await bodies(database, month) == before[month] - dropped[month].bodies
    assert (await hashes_of(database))[: len(hashes)] == hashes


@pytest.mark.parametrize("stretch", [1, 2, 7])
async def test_a_log_that_is_looked_at_in_stretches_is_judged_alike(
    database: Database, migrated_url: str, stretch: int
) -> None:
    world = await in_august(database)
    person = await Person.join(world, "Ada")
    await person.work()
    for month in (JULY, JUNE):
        await drop(world, month)
    await person.erase()
    await world.act(SetAccountLimit(world.account.id, 9), world.operator)

    whole = await verify_database(database)
    async with database.snapshot() as connection:
        cut = await verify(Evidence(connection, stretch))
    shared = await verify_url(migrated_url, sharing=Sharing(processes=2, worth=1, stretch=stretch * 5))

    assert whole.findings == cut.findings == shared.findings == ()
    assert [len(one.removals) for one in (whole, cut, shared)] == [3, 3, 3]
    assert cut == whole


async def test_life_goes_on_after_a_month_was_archived(database: Database) -> None:
    world = await in_august(database)
    records = {row["name"]: row["id"] for row in await database.reads.fetch("SELECT name, id FROM certificate")}
    for month in (JUNE, JULY):
        await drop(world, month)

    await world.act(UpdateCertificate(records["Plant F"], description="Anew"))
    await world.act(SetCertificateStatus(records["Plant A"], Status.ACTIVE, None))
    await world.act(DeleteCertificate(records["Plant E"]))
    await world.act(SetAccountLimit(world.account.id, 1), world.operator)
    await world.act(DeleteCertificate(records["Plant A"]))
    await check_log(database)

    world.clock.now += timedelta(days=40)
    await drop(world, Month(2026, 8))
    await check_log(database)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE certificate SET status = 'ACTIVE'", Code.STATE_DIFFERS),
        ("UPDATE portal_user SET role = 'viewer'", Code.STATE_DIFFERS),
        ("UPDATE portal_user SET name = 'eve'", Code.STATE_DIFFERS),
        ("UPDATE account SET certificate_limit = 99", Code.STATE_DIFFERS),
        ("UPDATE account SET certificate_used = 0", Code.QUOTA_COUNT_DIFFERS),
        ("UPDATE certificate SET audit_id = 'x'", Code.STATE_ENTRY_DIFFERS),
        ("DELETE FROM portal_user", Code.STATE_MISSING),
        ("DELETE FROM certificate WHERE name = 'Plant F'", Code.STATE_MISSING),
        (NEWEST_BODY.format("WHERE month = 202607"), Code.BODY_MISSING),
        (NEWEST_BODY.format(""), Code.BODY_MISSING),
        (ANOTHER_BODY, Code.BODY_HASH_MISMATCH),
        ("UPDATE audit_entry SET hash = prev WHERE aseq = 5", Code.ENTRY_HASH_MISMATCH),
    ],
)  # fmt: skip
async def test_tampering_is_found_in_what_is_left(
    database: Database, migrated_url: str, statement: str, code: Code
) -> None:
    world = await in_august(database)
    for month in (JUNE, JULY):
        await drop(world, month)

    assert code in (await found_after(database, migrated_url, statement)).counts


async def test_a_body_that_came_back_is_found(database: Database, migrated_url: str) -> None:
    world = await in_august(database)
    rows = await database.reads.fetch("SELECT seq, body FROM audit_body WHERE month = 202606")
    await drop(world, JUNE)
    left = {row["seq"] for row in await database.reads.fetch("SELECT seq FROM audit_body")}
    back = next(row for row in rows if row["seq"] not in left)

    async with owning(migrated_url) as owner:
        await owner.execute("INSERT INTO audit_body VALUES ($1, 202606, $2)", back["seq"], bytes(back["body"]))

    assert Code.REMOVAL_DIFFERS in (await verify_database(database)).counts


async def test_an_erasure_and_an_archive_account_for_one_another(database: Database) -> None:
    world = await World.open(database)
    first, second = await Person.join(world), await Person.join(world, "Charles Babbage")
    for one in (first, second):
        await one.work()
    world.clock.now = datetime.fromisoformat("2026-08-20T00:00:00Z")

    await first.erase()
    await drop(world, JUNE)
    await second.erase()

    await check_log(database)


async def test_a_month_that_may_still_be_asked_for_stays(database: Database) -> None:
    world = await in_august(database)
    world.clock.now = JULY.end + timedelta(hours=23)
    with pytest.raises(InvalidState):
        await drop(world, JULY)
    world.clock.now = JULY.end + timedelta(hours=24)
    assert (await drop(world, JULY)).bodies > 0
    with pytest.raises(NotFound):
        await drop(world, JULY)
    await check_log(database)


def test_a_month_is_spelled_in_one_way() -> None:
    assert str(Month.parse("2026-01")) == "2026-01"
    assert Month.parse("2026-12").end == datetime.fromisoformat("2027-01-01T00:00:00Z")
    for wrong in ("2026-13", "2026-1", "202601", "2026-00", "1026-01", "2026-01-01", ""):
        with pytest.raises(InvalidInput):
            Month.parse(wrong)
