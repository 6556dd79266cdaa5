"""Who changes several rows in one transaction cannot block another for good: one order, or nobody waits.

Seen to fail where notes were taken in the order of keys, or waited at all; where what is counted together was locked
before what is not; and where a job gave claims up in the order in which the database found them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import pytest

from app.ids import new_id
from app.reasons import Reason
from app.services.certificates import SetCertificateStatus
from app.services.enrollments import ClaimEnrollment
from app.store import denials
from app.store.connection import Transaction
from app.store.database import Database
from app.store.denials import Attempts, Denied
from app.store.device_rows import DeviceRow
from app.store.enrollments import EnrollmentRow, Enrollments
from app.store.intermediates import note_used
from app.store.rows import AccountRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device
from tests.enrolling import fingerprint, identity
from tests.house import House, actor_of, upload_of
from tests.rules.authority import AT, Made, make

LOCKED = "SELECT id FROM device WHERE id = $1 FOR UPDATE"
REMEMBER = "INSERT INTO intermediate (account_id, sha256, der, used_at) VALUES ($1, $2, 'x', 1)"


Part = Callable[[Transaction], Awaitable[object]]
"""Of what a transaction does."""


class Undone(Exception):
    """What ends a unit of work that must leave nothing behind."""


@asynccontextmanager
async def locked(database: Database, sql: str, *values: object) -> AsyncIterator[None]:
    """Another transaction holds these rows until the block ends."""
    holding, ended = asyncio.Event(), asyncio.Event()

    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await transaction.fetch(sql, *values)
            holding.set()
            await ended.wait()

    task = asyncio.create_task(database.write("somebody else", unit))
    await holding.wait()
    try:
        yield
    finally:
        ended.set()
        await task


async def until_one_waits(database: Database) -> None:
    """Until a transaction waits for another one's lock."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while True:
            if await database.reads.fetch_one(query) is not None:
                return
            await asyncio.sleep(0.01)


@dataclass
class Fleet:
    """Two devices that have come in."""

    account: AccountRow
    record_id: str
    gateway: Gateway
    made: list[Made]
    devices: list[DeviceRow] = field(default_factory=list)

    @classmethod
    async def of(cls, house: House) -> "Fleet":
        account = await house.account()
        ca = make("CA")
        upload = upload_of(ca, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
        record = await house.perform(actor_of(account), upload)
        fleet = cls(account, record.id, Gateway(house, account.id), [device(name, ca) for name in ("one", "two")])
        fleet.devices = [await fleet.gateway.let_in(made, service=Service.LWM2M) for made in fleet.made]
        await fleet.gateway.flush()
        house.clock.advance(timedelta(hours=1))
        return fleet

    async def now(self) -> list[DeviceRow]:
        """Both as they are."""
        return [await self.gateway.device(each.id) for each in self.devices]


async def test_a_device_that_somebody_changes_is_noted_as_seen_the_next_time(house: House) -> None:
    fleet = await Fleet.of(house)
    at = house.clock()
    seen = fleet.gateway.admissions.seen
    for each in fleet.devices:
        seen.seen(each.id, at)

    async with locked(house.database, LOCKED, fleet.devices[0].id):
        await seen.flush()
        assert [row.last_seen_at == at for row in await fleet.now()] == [False, True]

    await seen.flush()
    assert [row.last_seen_at for row in await fleet.now()] == [at, at]


async def test_a_device_that_somebody_changes_is_noted_as_refused_the_next_time(house: House) -> None:
    fleet = await Fleet.of(house)
    await house.perform(actor_of(fleet.account), SetCertificateStatus(fleet.record_id, Status.INACTIVE))

    async with locked(house.database, LOCKED, fleet.devices[0].id):
        for made in fleet.made:
            assert (await fleet.gateway.ask(made, service=Service.LWM2M)).decision.reason is Reason.BLACKLISTED
        assert [row.refused_at is None for row in await fleet.now()] == [True, False]

    await fleet.gateway.flush()
    assert [row.refused_at is None for row in await fleet.now()] == [False, False]


async def test_an_intermediate_that_somebody_changes_is_not_waited_for(house: House) -> None:
    account = await house.account()
    hashes = [bytes([number]) * 32 for number in range(2)]
    used = {(account.id, sha256): house.clock() for sha256 in hashes}

    async def remember(transaction: Transaction) -> None:
        async with transaction.savepoint():
            for sha256 in hashes:
                await transaction.execute(REMEMBER, account.id, sha256)

    async def note(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await note_used(transaction, used)

    await house.database.write("test", remember)
    async with locked(house.database, "SELECT 1 FROM intermediate WHERE sha256 = $1 FOR UPDATE", hashes[0]):
        await house.database.write("test", note)

    rows = await house.database.reads.fetch("SELECT used_at FROM intermediate ORDER BY sha256")
    assert [row["used_at"] == 1 for row in rows] == [True, False]


async def at_once(database: Database, parts: Iterable[Part], other: Part) -> None:
    """One transaction does something in two parts, and the other all that it does between them; both are undone."""
    first, second = parts
    begun = asyncio.Event()

    async def one(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await first(transaction)
            begun.set()
            await until_one_waits(database)
            await second(transaction)
            raise Undone

    async def another(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await other(transaction)
            raise Undone

    task = asyncio.create_task(database.write("one", one))
    await begun.wait()
    ended = await asyncio.gather(task, database.write("another", another), return_exceptions=True)
    assert [type(each) for each in ended] == [Undone, Undone]


async def test_what_is_counted_together_is_counted_last(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "DEVICES_LIMIT", 1)
    attempts = Attempts(1, AT, AT, bytes(32))

    def counting(*names: str) -> Part:
        counted = {Denied("account", "record", name, Service.LWM2M): attempts for name in names}
        return partial(denials.count, counted=counted)

    async def known(transaction: Transaction) -> None:
        async with transaction.savepoint():
            await counting("m", "n")(transaction)

    await house.database.write("test", known)
    await at_once(house.database, [counting("m"), counting("z")], counting("a", "m"))


async def test_claims_are_given_up_in_the_order_in_which_they_are_made(house: House) -> None:
    """What one account gives up by a job is claimed by another, as its time is over."""
    seller, buyer = [await house.account() for _ in range(2)]
    numbers = sorted(range(2), key=fingerprint)
    for number in reversed(numbers):
        await house.perform(actor_of(seller), ClaimEnrollment(identity(number), expires_after_days=1))
    house.clock.advance(timedelta(days=2))
    now = house.clock()
    claims = [
        EnrollmentRow(
            id=new_id(now),
            account_id=buyer.id,
            version=1,
            fingerprint=fingerprint(number),
            created_at=now,
            expires_at=None,
            claimed_at=None,
            device_id=None,
            job_id=None,
            created_audit_id="1" * 32,
        )
        for number in numbers
    ]

    def claiming(claim: EnrollmentRow) -> Part:
        return lambda transaction: Enrollments(transaction, buyer.id, "1" * 32).insert([claim])

    async def giving_up(transaction: Transaction) -> None:
        both = [claim.fingerprint for claim in claims]
        await Enrollments(transaction, seller.id, "2" * 32).release(both, now, "job")

    await at_once(house.database, [claiming(claim) for claim in claims], giving_up)
