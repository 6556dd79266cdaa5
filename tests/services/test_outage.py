"""The database goes away under a gateway's questions, and comes back.

Seen to fail where the last state was used for ever, or not at all; where an answer did not say how old its state is;
where a new device was let in without its entry; and where what was refused meanwhile was forgotten, or written singly.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import orjson
import pytest

from app.services.certificates import SetCertificateStatus
from app.store.rows import AccountRow
from app.terms import Service, Status, Usage
from tests.fleet import Device
from tests.house import House, actor_of, upload_of
from tests.rules.authority import Made, make
from tests.services.gateways import BRIDGE_SECONDS, GatewayProcess, HeldClock
from tests.services.going_away import GoingAway


class Outage:
    """An account that trusts one CA and blocks another, and a gateway's process whose database may go away."""

    def __init__(self, house: House, database: GoingAway, account: AccountRow, records: dict[str, str]) -> None:
        self.house = house
        self.database = database
        self.account = account
        self.records = records
        self.monotonic = HeldClock()
        self.process = GatewayProcess(database, house.clock, self.monotonic)

    async def ask(self, device: Device) -> tuple[str, float]:
        """The reason, and the age of the state that it was given from."""
        answer = await self.process.ask(self.account, device)
        assert (answer.device_id is not None) == (answer.decision.reason.value == "TRUSTED")
        return answer.decision.reason.value, answer.stale_seconds

    async def refusals(self, code: str) -> list[dict[str, object]]:
        """What the entries of refused devices with this code say."""
        bodies = [orjson.loads(entry.body) for entry in await self.house.log_of(self.account.id)]
        return [each["change"] for each in bodies if each["outcome"]["code"] == code]


GOOD, BAD = make("Good CA"), make("Bad CA")


def device(name: str, issuer: Made) -> Device:
    return Device(make(name, issuer=issuer, is_ca=None, key_usage=("digital_signature",)))


KNOWN, NEW, BLOCKED = device("known", GOOD), device("new", GOOD), device("blocked", BAD)


@pytest.fixture
async def outage(house: House, migrated_url: str) -> AsyncIterator[Outage]:
    """The known device has come in, and the blocked one was refused; the database is there."""
    database = GoingAway.of(migrated_url)
    await database.start()
    account = await house.account()
    records = dict[str, str]()
    for name, made in (("good", GOOD), ("bad", BAD)):
        command = upload_of(made, name=name, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
        records[name] = (await house.perform(actor_of(account), command)).id
    await house.perform(actor_of(account), SetCertificateStatus(records["bad"], Status.INACTIVE))
    outage = Outage(house, database, account, records)
    assert await outage.ask(KNOWN) == ("TRUSTED", 0.0)
    assert await outage.ask(BLOCKED) == ("BLACKLISTED", 0.0)
    # Its refusal is news of the account: the next question confirms the state.
    assert await outage.ask(KNOWN) == ("TRUSTED", 0.0)
    yield outage
    database.is_away = False
    await outage.process.flush()
    await database.close()


async def test_decisions_go_on_from_the_last_state_and_say_how_old_it_is(outage: Outage) -> None:
    outage.database.is_away = True

    outage.monotonic.now += 0.5
    assert await outage.ask(KNOWN) == ("TRUSTED", 0.0)
    outage.monotonic.now += 0.5
    assert await outage.ask(KNOWN) == ("TRUSTED", 1.0)
    outage.monotonic.now += BRIDGE_SECONDS - 1
    assert await outage.ask(KNOWN) == ("TRUSTED", BRIDGE_SECONDS)
    assert await outage.ask(BLOCKED) == ("BLACKLISTED", BRIDGE_SECONDS)
    assert outage.process.admissions.states.unread_seconds == BRIDGE_SECONDS - 1


async def test_after_the_bridge_nobody_is_let_in_until_the_database_is_back(outage: Outage) -> None:
    outage.database.is_away = True
    outage.monotonic.now += BRIDGE_SECONDS + 0.5
    for _ in range(2):
        assert await outage.ask(KNOWN) == ("STATE_UNKNOWN", 0.0)
        assert await outage.ask(BLOCKED) == ("STATE_UNKNOWN", 0.0)

    outage.database.is_away = False

    assert await outage.ask(KNOWN) == ("TRUSTED", 0.0)
    assert await outage.ask(BLOCKED) == ("BLACKLISTED", 0.0)
    assert outage.process.admissions.states.unread_seconds == 0.0


async def test_what_was_refused_meanwhile_is_one_entry_that_counts_it(outage: Outage) -> None:
    outage.database.is_away = True
    outage.monotonic.now += BRIDGE_SECONDS + 1
    begun = outage.house.clock()
    for place in range(50):
        assert (await outage.ask((KNOWN, BLOCKED)[place % 2]))[0] == "STATE_UNKNOWN"
    ended = outage.house.clock()
    await outage.process.flush()
    outage.database.is_away = False
    assert await outage.refusals("STATE_UNKNOWN") == []

    await outage.process.flush()
    await outage.process.flush()

    (said,) = await outage.refusals("STATE_UNKNOWN")
    assert (said["count"], said["trust_version"]) == (50, None)
    assert f"{begun.isoformat()}" < str(said["first"]) < str(said["last"]) < f"{ended.isoformat()}"


async def test_refusals_that_the_last_state_gives_are_counted_once_they_can_be_written(outage: Outage) -> None:
    before = await outage.refusals("BLACKLISTED")
    outage.database.is_away = True
    outage.monotonic.now += 2
    for _ in range(5):
        assert await outage.ask(BLOCKED) == ("BLACKLISTED", 2.0)
    outage.database.is_away = False

    await outage.process.flush()

    after = await outage.refusals("BLACKLISTED")
    assert [said.get("count") for said in after[len(before) :]] == [5]
    row = await outage.house.database.reads.fetch_one(
        "SELECT attempts FROM denial WHERE certificate_id = $1", outage.records["bad"]
    )
    assert row is not None
    assert row["attempts"] == 6


async def test_a_new_device_is_not_let_in_without_its_entry(outage: Outage) -> None:
    """The last state would trust it, and nobody can tell whether it is suspended."""
    outage.database.is_away = True
    outage.monotonic.now += 2

    assert (await outage.ask(NEW))[0] == "STATE_UNKNOWN"

    outage.database.is_away = False
    assert await outage.ask(NEW) == ("TRUSTED", 0.0)


async def test_an_account_that_was_never_read_is_not_decided_about(outage: Outage) -> None:
    stranger = await outage.house.account()
    outage.database.is_away = True

    answer = await outage.process.ask(stranger, KNOWN)

    assert (answer.decision.reason.value, answer.device_id, answer.trust_version) == ("STATE_UNKNOWN", None, None)


async def test_what_somebody_changed_meanwhile_counts_at_once_when_it_is_back(outage: Outage) -> None:
    outage.database.is_away = True
    outage.monotonic.now += 2
    await outage.house.perform(actor_of(outage.account), SetCertificateStatus(outage.records["good"], Status.INACTIVE))
    assert await outage.ask(KNOWN) == ("TRUSTED", 2.0)

    outage.database.is_away = False

    assert await outage.ask(KNOWN) == ("BLACKLISTED", 0.0)


async def test_a_state_that_takes_longer_to_read_than_anybody_waits_is_read_once_and_used(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of records take seconds: an account that has them would never be decided about."""
    await outage.house.perform(actor_of(outage.account), SetCertificateStatus(outage.records["good"], Status.INACTIVE))
    outage.monotonic.now += 2
    outage.database.lists.clear()
    outage.database.listed.clear()
    monkeypatch.setattr("app.services.trust_states.READ_SECONDS", 0.05)
    for _ in range(2):
        assert (await outage.process.admissions.states.current(outage.account.id)).stale_seconds == 2.0
    monkeypatch.undo()

    outage.database.lists.set()

    assert await outage.ask(KNOWN) == ("BLACKLISTED", 0.0)
    assert sum("SELECT id, version FROM certificate" in sql for sql in outage.database.listed) == 1


async def test_a_certificate_that_expires_meanwhile_is_refused(outage: Outage) -> None:
    """What is old is the state of the account, and not the time."""
    outage.database.is_away = True
    outage.monotonic.now += 2
    outage.house.clock.advance(timedelta(days=4000))

    assert await outage.ask(KNOWN) == ("CERT_EXPIRED", 2.0)
