"""Findings that live: one that appears or goes is recorded once, and nothing is while nothing changes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.services import standing as service
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate, UploadCertificate
from app.services.devices import ResumeDevice
from app.services.standing import StandingFindings, see
from app.store import standing
from app.store.connection import Connection, Row
from app.store.device_writes import note_seen
from app.store.rows import AccountRow
from app.terms import Service, Status, Usage
from tests.house import House, actor_of, fresh_ca, upload_of
from tests.looking import DAY, UNUSED_AFTER, SuspendDevicesOf, connect, look, looking, stands, told
from tests.rules.authority import AT, Made, make
from tests.rules.deciding import device

HOUR = timedelta(hours=1)
THIRD_PARTY: dict[str, Any] = {"usage": Usage.THIRD_PARTY_CA, "service": Service.LWM2M}


@pytest.fixture
async def account(house: House) -> AccountRow:
    return await house.account()


async def later(house: House, step: timedelta) -> None:
    """Let time pass, and look again."""
    house.clock.advance(step)
    await look(house)


async def test_time_makes_a_finding_appear_and_a_deletion_takes_it_silently(house: House, account: AccountRow) -> None:
    ca = fresh_ca(not_after=AT + 91 * DAY)
    made = await house.upload(actor_of(account), ca, name="fleet", **THIRD_PARTY)
    await look(house)
    assert await told(house, account) == []

    await later(house, 2 * DAY)
    await later(house, 89 * DAY)
    await later(house, 2 * DAY)
    assert await told(house, account) == [
        ("fleet", ["EXPIRES_SOON"], []),
        ("fleet", ["UNUSED"], []),
        ("fleet", ["CERT_EXPIRED"], ["EXPIRES_SOON"]),
    ]
    assert await stands(house, account) == {made.id: ["UNUSED", "CERT_EXPIRED"]}

    await house.perform(actor_of(account), DeleteCertificate(made.id))
    assert await stands(house, account) == {}
    await later(house, HOUR)
    assert len(await told(house, account)) == 3


async def test_an_entry_names_the_record_and_the_system(house: House, account: AccountRow) -> None:
    made = await house.upload(actor_of(account), fresh_ca(not_after=AT + DAY), name="fleet", **THIRD_PARTY)
    await look(house)

    said = await house.last_entry(account.id)
    assert (said.action, said.result, said.body["actor"]) == (
        "certificate.findings", "success", {"type": "system", "id": "findings"},
    )  # fmt: skip
    assert said.body["target"] == {"type": "certificate", "id": made.id, "name": "fleet", "version": 1}
    (row,) = await standing.of_account(house.database.reads, account.id)
    assert row.audit_id == said.body["id"]


async def test_nothing_is_written_while_nothing_changes(house: House, account: AccountRow) -> None:
    await house.upload(actor_of(account), fresh_ca(not_after=AT + DAY))
    await look(house)
    before = await house.log_of(account.id)
    for _ in range(3):
        await later(house, HOUR)

    assert await house.log_of(account.id) == before


async def test_an_account_is_due_when_its_trust_changed_or_an_hour_is_over(house: House, account: AccountRow) -> None:
    async def due() -> list[str]:
        at = house.clock.now - service.PERIOD
        return [each.account_id for each in await standing.due(house.database.reads, at, 10)]

    other = await house.account()
    await house.upload(actor_of(account))
    assert set(await due()) == {account.id, other.id}
    await look(house)
    assert await due() == []
    await house.upload(actor_of(account))
    assert await due() == [account.id]
    await look(house)
    house.clock.advance(HOUR - timedelta(seconds=1))
    assert await due() == []
    house.clock.advance(timedelta(seconds=2))
    await house.upload(actor_of(other))
    assert await due() == [other.id, account.id]


async def test_a_blacklisting_tells_the_records_below_and_enabling_takes_it_back(
    house: House, account: AccountRow
) -> None:
    admin = actor_of(account)
    root = make("Root")
    upper, lower = make("Upper", issuer=root), make("Lower", issuer=root)
    blocking = await house.upload(admin, root, name="root", **THIRD_PARTY)
    below = [await house.perform(admin, _chain(name, ca, root)) for name, ca in (("upper", upper), ("lower", lower))]
    await look(house)
    await house.perform(admin, SetCertificateStatus(blocking.id, Status.INACTIVE))
    await look(house)

    assert sorted(await told(house, account)) == [("lower", ["BLOCKED_BY"], []), ("upper", ["BLOCKED_BY"], [])]
    rows = await standing.of_account(house.database.reads, account.id)
    assert {(row.certificate_id, row.standing.related_id) for row in rows} == {(each.id, blocking.id) for each in below}

    await house.perform(admin, SetCertificateStatus(blocking.id, Status.ACTIVE))
    await look(house)
    assert (await told(house, account))[2:] in (
        [("lower", [], ["BLOCKED_BY"]), ("upper", [], ["BLOCKED_BY"])],
        [("upper", [], ["BLOCKED_BY"]), ("lower", [], ["BLOCKED_BY"])],
    )


async def test_a_new_name_changes_the_words_and_is_no_news(house: House, account: AccountRow) -> None:
    admin = actor_of(account)
    key = ec.generate_private_key(ec.SECP256R1())
    await house.upload(admin, make("One", key=key), name="old", **THIRD_PARTY)
    other = await house.upload(admin, make("One", key=key, serial=2), name="new", **THIRD_PARTY)
    await look(house)
    entries = await told(house, account)
    await house.perform(admin, UpdateCertificate(other.id, name="renamed"))
    await look(house)

    assert sorted(entries) == [("new", ["SAME_KEY_AS"], []), ("old", ["SAME_KEY_AS"], [])]
    assert await told(house, account) == entries
    words = [row.standing.finding.message for row in await standing.of_account(house.database.reads, account.id)]
    assert sorted(word.rpartition("as ")[2] for word in words) == ["“old”.", "“renamed”."]


async def test_a_record_is_unused_until_a_device_comes(house: House, account: AccountRow) -> None:
    ca = fresh_ca()
    made = await house.upload(actor_of(account), ca, name="fleet", **THIRD_PARTY)
    await later(house, UNUSED_AFTER - HOUR)
    assert await stands(house, account) == {}
    await later(house, HOUR)
    assert await stands(house, account) == {made.id: ["UNUSED"]}

    device_id = await connect(house, account, device(ca, not_after=AT + 900 * DAY), Service.LWM2M)
    await later(house, HOUR)
    assert await stands(house, account) == {}
    # Its acceptance is old, and it was seen in between.
    house.clock.advance(80 * DAY)
    await _seen(house, device_id)
    await later(house, UNUSED_AFTER - DAY)
    assert await stands(house, account) == {}
    await later(house, 2 * DAY)
    assert await told(house, account) == [
        ("fleet", ["UNUSED"], []),
        ("fleet", [], ["UNUSED"]),
        ("fleet", ["UNUSED"], []),
    ]


async def test_suspended_devices_block_their_record_until_they_are_released(house: House, account: AccountRow) -> None:
    ca = fresh_ca()
    made = await house.upload(actor_of(account), ca, **THIRD_PARTY)
    await house.perform(actor_of(account), SuspendDevicesOf(made.id))
    await look(house)
    assert await stands(house, account) == {}

    device_id = await connect(house, account, device(ca), Service.LWM2M)
    await house.perform(actor_of(account), SuspendDevicesOf(made.id))
    await look(house)
    assert await stands(house, account) == {made.id: ["BLOCKED_BY"]}

    await house.perform(actor_of(account), ResumeDevice(device_id))
    await look(house)
    assert await stands(house, account) == {}


async def test_what_is_not_proven_lets_nobody_in(house: House, account: AccountRow) -> None:
    made = await house.upload(actor_of(account), name="mine", usage=Usage.CREDENTIALS)
    await look(house)

    assert await stands(house, account) == {made.id: ["BLOCKED_BY"]}


async def test_two_that_look_at_once_write_it_once(house: House, account: AccountRow) -> None:
    for number in range(5):
        await house.upload(actor_of(account), fresh_ca(not_after=AT + DAY), name=f"{number}", **THIRD_PARTY)
    await asyncio.gather(*(looking(house).look(account.id) for _ in range(4)))

    assert sorted(await told(house, account)) == [(f"{number}", ["EXPIRES_SOON"], []) for number in range(5)]


async def test_many_records_are_told_in_several_acts(
    house: House, account: AccountRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RECORDS_AT_ONCE", 2)
    for number in range(5):
        await house.upload(actor_of(account), fresh_ca(not_after=AT + DAY), name=f"{number}", **THIRD_PARTY)
    await look(house)

    assert sorted(await told(house, account)) == [(f"{number}", ["EXPIRES_SOON"], []) for number in range(5)]


async def test_a_round_that_broke_off_between_accounts_is_begun_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [await house.account() for _ in range(4)]
    for each in accounts:
        await house.upload(actor_of(each), fresh_ca(not_after=AT + DAY), name="fleet", **THIRD_PARTY)
    whole, looked = StandingFindings.look, list[str]()

    async def die_at_the_third(self: StandingFindings, account_id: str) -> int:
        looked.append(account_id)
        if len(looked) == 3:
            raise asyncio.CancelledError
        return await whole(self, account_id)

    with monkeypatch.context() as broken:
        broken.setattr(StandingFindings, "look", die_at_the_third)
        with pytest.raises(asyncio.CancelledError):
            await looking(house).round()
    assert sorted([len(await told(house, each)) for each in accounts]) == [0, 0, 1, 1]

    await look(house)
    assert [await told(house, each) for each in accounts] == [[("fleet", ["EXPIRES_SOON"], [])]] * 4


async def test_accounts_do_not_see_each_other(house: House, account: AccountRow) -> None:
    other = await house.account()
    key = ec.generate_private_key(ec.SECP256R1())
    mine = await house.upload(actor_of(account), make("One", key=key), **THIRD_PARTY)
    theirs = await house.upload(actor_of(other), make("One", key=key, serial=2), **THIRD_PARTY)
    await house.perform(actor_of(other), SetCertificateStatus(theirs.id, Status.INACTIVE))
    await look(house)

    assert await told(house, account) == await told(house, other) == []
    assert await standing.of_certificates(house.database.reads, other.id, [mine.id]) == {}


class Counting:
    """A connection that counts its statements."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.engine, self.orm = connection.engine, connection.orm
        self.statements = 0

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """See `Connection.fetch`."""
        self.statements += 1
        return list(await self._connection.fetch(sql, *args))

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """See `Connection.fetch_one`."""
        self.statements += 1
        return await self._connection.fetch_one(sql, *args)


@pytest.mark.parametrize("records", [1, 8])
async def test_a_look_is_six_statements_however_much_there_is(house: House, account: AccountRow, records: int) -> None:
    """Version, records, intermediates, certificates, version again, devices; what stands already is one more."""
    for _ in range(records):
        await house.upload(actor_of(account))
    counting = Counting(house.database.reads)
    await see(counting, account.id, at=AT, unused_after=UNUSED_AFTER)

    assert counting.statements == 6


def _chain(name: str, *chain: Made) -> UploadCertificate:
    return upload_of(*chain, name=name, **THIRD_PARTY)


async def _seen(house: House, device_id: str) -> None:
    at = house.clock.now
    await house.database.write("test", lambda transaction: note_seen(transaction, {device_id: at}))
