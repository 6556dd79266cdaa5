"""What a change would do, said before it is made, and then done."""

import pytest

from app.actor import Role, command_line
from app.reasons import Reason
from app.rules.trust import decide
from app.services.accounts import Feature, SetAccountFeature
from app.services.admissions import question_of
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.devices import ConnectDevice
from app.services.impact import Deletion, StatusChange, impact
from app.services.trust_states import load
from app.store import device_kinds
from app.store.rows import AccountRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device
from tests.fleet import Device
from tests.house import House, actor_of, upload_of
from tests.rules.authority import AT, Made, make


@pytest.fixture
async def account(house: House) -> AccountRow:
    return await house.account()


def authority(name: str, issuer: Made | None = None) -> Made:
    return make(name, issuer=issuer)


def made_device(name: str, issuer: Made, *others: Made) -> Device:
    return Device(make(name, issuer=issuer, is_ca=None, key_usage=("digital_signature",)), others)


async def trust(house: House, account: AccountRow, *chain: Made, name: str) -> str:
    command = upload_of(*chain, name=name, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    return (await house.perform(actor_of(account), command)).id


async def connect(house: House, account: AccountRow, come: Device) -> None:
    state = await load(house.database.reads, account.id)
    decision = decide(state.store, question_of(come.chain, Service.LWM2M, AT))
    await house.perform(actor_of(account, Role.GATEWAY), ConnectDevice(None, decision, state))


async def test_a_blacklisting_takes_access_from_whoever_has_the_ca_above_it(house: House, account: AccountRow) -> None:
    """Two devices under I, one of them under S as well, whose own record is trusted, and one under another root."""
    first, other = authority("I"), authority("Other")
    sub = authority("S", first)
    blocked = await trust(house, account, first, name="I")
    await trust(house, account, first, sub, name="S")
    await trust(house, account, other, name="other")
    for number, come in enumerate([(first,), (first,), (sub, sub), (other,)]):
        await connect(house, account, made_device(f"device {number}", *come))

    found = await impact(house.database.reads, account.id, StatusChange(blocked, Status.INACTIVE), at=AT)

    assert (found.losing, found.gaining, found.moving, found.unchanged, found.unknown) == (3, 0, 0, 1, 0)
    assert {effect.after for effect in found.effects} == {Reason.BLACKLISTED}


async def test_devices_of_the_kinds_that_are_too_many_are_unknown(
    house: House, account: AccountRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two devices are of one kind, one is of another; only the greater kind is looked at."""
    monkeypatch.setattr(device_kinds, "KINDS_LIMIT", 1)
    first = authority("I")
    blocked = await trust(house, account, first, name="I")
    for number, others in enumerate([(), (), (first,)]):
        await connect(house, account, made_device(f"device {number}", first, *others))

    found = await impact(house.database.reads, account.id, StatusChange(blocked, Status.INACTIVE), at=AT)

    assert (found.losing, found.unchanged, found.unknown) == (2, 0, 1)


async def test_after_a_deletion_devices_may_stay_on_another_path(house: House, account: AccountRow) -> None:
    """The device of S is let in through S, and would be through I above it."""
    first = authority("I")
    sub = authority("S", first)
    upper = await trust(house, account, first, name="I")
    lower = await trust(house, account, first, sub, name="S")
    await connect(house, account, made_device("device", sub, sub))

    found = await impact(house.database.reads, account.id, Deletion(lower), at=AT)

    (effect,) = found.effects
    assert effect.moves
    assert (effect.record_before, effect.record_after, effect.devices) == (lower, upper, 1)
    assert found.losing == 0


async def test_devices_that_would_need_a_claim_stay_where_they_have_one(house: House, account: AccountRow) -> None:
    """Pump and valve come in through Own above the supplier's CA; without Own they would have to be claimed."""
    own, supplier = authority("Own"), authority("Supplier")
    crossed = make("Supplier", key=supplier.key, issuer=own, serial=2)
    words = {"usage": Usage.CREDENTIALS, "service": Service.BOOTSTRAP}
    off = SetAccountFeature(account.id, Feature.REQUIRE_POSSESSION, enabled=False)
    await house.perform(command_line(account.id, "root"), off)
    above = await house.upload(actor_of(account), own, **words)
    await house.upload(actor_of(account), supplier, usage=Usage.ENROLLMENT)
    gateway, pump, valve = Gateway(house, account.id), *(device(name, supplier) for name in ("pump", "valve"))
    for come in (pump, valve):
        assert (await gateway.ask(come, crossed)).decision.records[0].id == above.id
    await gateway.claim(pump)

    found = await impact(house.database.reads, account.id, Deletion(above.id), at=house.clock())
    await house.perform(actor_of(account), DeleteCertificate(above.id))

    assert (found.losing, found.moving, found.unchanged) == (1, 1, 0)
    assert [effect.after for effect in found.effects if effect.loses] == [Reason.NOT_ENROLLED]
    assert (await gateway.ask(pump, crossed)).decision.reason is Reason.TRUSTED
    assert (await gateway.ask(valve, crossed)).decision.reason is Reason.NOT_ENROLLED
    await gateway.flush()


async def test_the_token_stands_for_what_would_happen(house: House, account: AccountRow) -> None:
    first = authority("I")
    record = await trust(house, account, first, name="I")
    await connect(house, account, made_device("one", first))
    change = StatusChange(record, Status.INACTIVE)
    before = await impact(house.database.reads, account.id, change, at=AT)
    again = await impact(house.database.reads, account.id, change, at=AT)
    await connect(house, account, made_device("two", first))
    after = await impact(house.database.reads, account.id, change, at=AT)

    assert before.token == again.token
    assert (after.losing, after.token != before.token) == (2, True)


async def test_enabling_gives_access_back(house: House, account: AccountRow) -> None:
    first = authority("I")
    record = await trust(house, account, first, name="I")
    await connect(house, account, made_device("one", first))
    await house.perform(actor_of(account), SetCertificateStatus(record, Status.INACTIVE))

    found = await impact(house.database.reads, account.id, StatusChange(record, Status.ACTIVE), at=AT)

    assert (found.losing, found.gaining) == (0, 1)
