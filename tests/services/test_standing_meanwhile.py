"""Findings of an account in which something else happens while it is looked at, or goes wrong."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from app.actor import command_line
from app.rules import pem
from app.services import standing, trust_states
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate
from app.services.command import Command
from app.services.devices import ResumeDevice
from app.services.enrollments import ClaimEnrollment
from app.services.intermediates import RememberIntermediates
from app.services.standing import PERIOD, LookAtFindings, Seen, StandingFindings, see
from app.store import standing as store
from app.store.connection import Connection
from app.store.rows import AccountRow, CertificateRow
from app.store.standing import Due
from app.store.trust_reads import Newest
from app.terms import Service, Status, Usage
from tests.connecting import identity_of
from tests.house import House, actor_of, fresh_ca, upload_of
from tests.looking import DAY, UNUSED_AFTER, SuspendDevicesOf, connect, looking, told
from tests.rules.authority import AT, Made, make
from tests.rules.deciding import device

THIRD_PARTY: dict[str, Any] = {"usage": Usage.THIRD_PARTY_CA, "service": Service.LWM2M}


@pytest.fixture
async def account(house: House) -> AccountRow:
    return await house.account()


def claim() -> ClaimEnrollment:
    """The claim of a device that nobody has claimed."""
    return ClaimEnrollment(identity_of(fresh_ca()))


async def test_an_account_that_claims_without_a_pause_gets_its_findings(
    house: House, account: AccountRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.upload(actor_of(account), fresh_ca(not_after=AT + DAY), name="fleet", **THIRD_PARTY)
    whole = trust_states._newest  # noqa: SLF001  # where a look asks for the version

    async def claiming(connection: Connection, account_id: str) -> Newest:
        await house.perform(actor_of(account), claim())
        return await whole(connection, account_id)

    with monkeypatch.context() as busy:
        busy.setattr(trust_states, "_newest", claiming)
        await looking(house).round()

    assert await told(house, account) == [("fleet", ["EXPIRES_SOON"], [])]


@dataclass(frozen=True)
class Overtaken:
    """A record that expires soon, whose device is suspended with it, and what a look has seen of them."""

    ca: Made
    record: CertificateRow
    device_id: str
    seen: Seen

    def changing(self, what: str) -> Command[Any]:
        """What changes something that findings follow from."""
        commands: dict[str, Command[Any]] = {
            "deleted": DeleteCertificate(self.record.id),
            "blacklisted": SetCertificateStatus(self.record.id, Status.INACTIVE),
            "renamed": UpdateCertificate(self.record.id, name="renamed"),
            "uploaded": upload_of(fresh_ca(), **THIRD_PARTY),
            "resumed": ResumeDevice(self.device_id),
            "remembered": RememberIntermediates(pem.encode([make("below", issuer=self.ca).der])),
        }
        return commands[what]


@pytest.fixture
async def overtaken(house: House, account: AccountRow) -> Overtaken:
    ca, actor = fresh_ca(not_after=AT + DAY), actor_of(account)
    record = await house.upload(actor, ca, name="fleet", **THIRD_PARTY)
    device_id = await connect(house, account, device(ca), Service.LWM2M)
    await house.perform(actor, SuspendDevicesOf(record.id))
    seen = await see(house.database.reads, account.id, at=AT, unused_after=UNUSED_AFTER)
    return Overtaken(ca, record, device_id, seen)


@pytest.mark.parametrize("what", ["deleted", "blacklisted", "renamed", "uploaded", "resumed", "remembered"])
async def test_what_is_not_as_it_was_seen_is_not_recorded(
    house: House, account: AccountRow, overtaken: Overtaken, what: str
) -> None:
    await house.perform(actor_of(account), overtaken.changing(what))

    assert (await house.perform(command_line(account.id, "root"), LookAtFindings(overtaken.seen))) is False

    assert await told(house, account) == []


async def test_a_claim_between_a_look_and_its_act_changes_nothing(
    house: House, account: AccountRow, overtaken: Overtaken
) -> None:
    await house.perform(actor_of(account), claim())

    await house.perform(command_line(account.id, "root"), LookAtFindings(overtaken.seen))

    assert await told(house, account) == [("fleet", ["EXPIRES_SOON", "BLOCKED_BY"], [])]


async def test_a_fault_at_one_account_keeps_no_other_from_being_looked_at(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is looked at again in an hour."""
    accounts = [await house.account() for _ in range(3)]
    for each in accounts:
        await house.upload(actor_of(each), fresh_ca(not_after=AT + DAY), name="fleet", **THIRD_PARTY)
    whole, looked = StandingFindings.look, list[str]()

    async def fail_at_the_first(self: StandingFindings, account_id: str) -> int:
        looked.append(account_id)
        if len(looked) == 1:
            raise ZeroDivisionError
        return await whole(self, account_id)

    monkeypatch.setattr(StandingFindings, "look", fail_at_the_first)
    looks = looking(house)
    await looks.turn()
    await looks.turn()
    said = [await told(house, each) for each in accounts]
    assert sorted(said) == [[], [("fleet", ["EXPIRES_SOON"], [])], [("fleet", ["EXPIRES_SOON"], [])]]
    (logged,) = caplog.records
    assert looked[0] in logged.getMessage()
    assert logged.exc_info is not None

    house.clock.advance(PERIOD)
    await looks.turn()
    await looks.leadership.release()
    assert [await told(house, each) for each in accounts] == [[("fleet", ["EXPIRES_SOON"], [])]] * 3


async def test_a_fault_in_a_round_ends_no_later_one(
    house: House, account: AccountRow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await house.upload(actor_of(account), fresh_ca(not_after=AT + DAY), name="fleet", **THIRD_PARTY)
    whole, asked, done = store.due, list[int](), asyncio.Event()

    async def fail_at_first(connection: Connection, looked_by: datetime, limit: int) -> list[Due]:
        asked.append(limit)
        if len(asked) == 1:
            raise ZeroDivisionError
        due = await whole(connection, looked_by, limit)
        if not due:
            done.set()
        return due

    monkeypatch.setattr(store, "due", fail_at_first)
    monkeypatch.setattr(standing, "PAUSE_SECONDS", 0)
    running = asyncio.create_task(looking(house).run())
    await asyncio.wait([running, waiting := asyncio.create_task(done.wait())], return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    waiting.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)

    assert await told(house, account) == [("fleet", ["EXPIRES_SOON"], [])]
    assert [record.exc_info is not None for record in caplog.records] == [True]
