"""A log that nobody touched verifies, whatever happened, also while it is being written."""

import asyncio

from app.audit.stored import Verdict
from app.services.accounts import SetAccountLimit
from app.services.certificates import DeleteCertificate
from app.services.verification import verify_database
from app.store.database import Database
from tests.audit.history import World, live
from tests.checks import check_log


async def test_an_untouched_log_verifies(database: Database) -> None:
    await live(await World.open(database))

    verification = await verify_database(database)

    assert verification.findings == ()
    assert verification.verdict is Verdict.VERIFIED
    assert (verification.streams, verification.objects) == (3, 10)
    assert verification.entries > 40


async def test_an_empty_log_verifies(database: Database) -> None:
    verification = await verify_database(database)

    assert (verification.verdict, verification.entries) == (Verdict.VERIFIED, 0)


async def test_accounts_do_not_mix(database: Database) -> None:
    for name in ("Northwind", "Contoso"):
        await live_apart(await World.open(database, name=name))

    await check_log(database)


async def test_what_a_lowered_limit_found_is_counted_as_the_database_counts_it(database: Database) -> None:
    world = await World.open(database)
    records = [await world.upload(f"Plant {number}") for number in range(4)]
    await world.act(SetAccountLimit(world.account.id, 1), world.operator)
    await check_log(database)
    await world.act(DeleteCertificate(records[0].id))
    await check_log(database)

    row = await database.reads.fetch_one("SELECT certificate_used, certificate_kept FROM account")
    assert row is not None
    assert (row["certificate_used"], row["certificate_kept"]) == (3, 3)


async def test_reading_while_others_write_finds_nothing(database: Database) -> None:
    world = await World.open(database)
    done = asyncio.Event()

    async def write() -> None:
        for number in range(40):
            await world.upload(f"Plant {number}")
        done.set()

    async def read() -> list[int]:
        seen = []
        while not done.is_set():
            verification = await verify_database(database)
            assert verification.findings == ()
            seen.append(verification.entries)
        return seen

    _, seen = await asyncio.gather(write(), read())
    assert len(set(seen)) > 1
    await check_log(database)


async def test_progress_is_told_up_to_the_end(database: Database) -> None:
    await live(await World.open(database))
    told: list[tuple[int, int]] = []

    verification = await verify_database(database, lambda done, total: told.append((done, total)))

    assert told[-1] == (verification.entries, verification.entries)


async def live_apart(world: World) -> None:
    """A past without people, whose names are unique in the installation."""
    await world.upload("Plant A")
    await world.upload("Plant B")
