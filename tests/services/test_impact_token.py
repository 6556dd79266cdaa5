"""What the token of a preview stands for: the change, and which devices it does something to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.rules import chain as chains
from app.services.devices import ResumeDevice, SuspendDevice
from app.services.impact import Change, Deletion, StatusChange, Upload, impact, uploaded
from app.store.rows import AccountRow
from app.terms import Possession, Service, Status, Usage
from tests.connecting import Gateway, device
from tests.fleet import Device
from tests.house import House, actor_of
from tests.rules.authority import AT, make
from tests.services.impacts import authority, connect, made_device, trust


@pytest.fixture
async def account(house: House) -> AccountRow:
    return await house.account()


async def test_the_token_stands_for_what_would_happen(house: House, account: AccountRow) -> None:
    first, other = authority("I"), authority("Other")
    record = await trust(house, account, first, name="I")
    await trust(house, account, other, name="other")
    await connect(house, account, made_device("one", first))
    change = StatusChange(record, Status.INACTIVE)
    before = await impact(house.database.reads, account.id, change, at=AT)
    await connect(house, account, made_device("below the other CA", other))
    again = await impact(house.database.reads, account.id, change, at=AT)
    await connect(house, account, made_device("two", first))
    after = await impact(house.database.reads, account.id, change, at=AT)

    assert (before.token, again.unchanged) == (again.token, 1)
    assert (after.losing, after.token != before.token) == (2, True)


async def test_the_token_stands_for_the_change_itself(house: House, account: AccountRow) -> None:
    """Nobody has come yet, so that no change does anything to anybody; and each has another token."""
    first = authority("I")
    sub = authority("S", first)
    records = [await trust(house, account, first, name="I"), await trust(house, account, first, sub, name="S")]
    uploads = [
        uploaded(chains.stored((each.der,)), Usage.CREDENTIALS, Service.LWM2M, Possession.PENDING)
        for each in (first, sub)
    ]
    changes: list[Change] = [
        *(Deletion(record) for record in records),
        *(StatusChange(record, status) for record in records for status in Status),
        StatusChange(records[0], Status.INACTIVE, suspend_devices=True),
        StatusChange(records[0], Status.ACTIVE, resume_devices=True),
        *uploads,
        Upload(replace(uploads[0].record, service=Service.BOOTSTRAP)),
    ]

    found = [await impact(house.database.reads, account.id, each, at=AT) for each in changes]

    assert not any(each.effects for each in found)
    assert len({each.token for each in found}) == len(changes)


async def test_the_token_stands_for_the_devices_and_not_for_their_number(house: House, account: AccountRow) -> None:
    """One of three is suspended; then it is resumed, and another suspended in its place. The last to come stays."""
    anchor = authority("I")
    record = await trust(house, account, anchor, name="I")
    gateway, admin = Gateway(house, account.id), actor_of(account)
    come = [device(name, anchor) for name in ("one", "two", "three")]
    one, two, _ = [await gateway.let_in(each, service=Service.LWM2M) for each in come]
    change = StatusChange(record, Status.INACTIVE)
    await house.perform(admin, SuspendDevice(one.id, "test"))
    before = await impact(house.database.reads, account.id, change, at=house.clock())
    await house.perform(admin, SuspendDevice(two.id, "test"))
    await house.perform(admin, ResumeDevice(one.id))
    after = await impact(house.database.reads, account.id, change, at=house.clock())

    assert (before.losing, after.losing) == (2, 2)
    assert before.token != after.token
    await gateway.flush()


async def test_the_token_stands_for_the_device_that_came_in_the_place_of_another(
    house: House, account: AccountRow
) -> None:
    """One device's certificate runs out, and another comes for the first time: nothing that is trusted is new."""
    anchor = authority("I")
    record = await trust(house, account, anchor, name="I")
    until = AT + timedelta(hours=1)
    come = make("one", issuer=anchor, is_ca=None, key_usage=("digital_signature",), not_after=until)
    await connect(house, account, Device(come, ()))
    change = StatusChange(record, Status.INACTIVE)
    before = await impact(house.database.reads, account.id, change, at=AT)
    await connect(house, account, made_device("two", anchor))
    after = await impact(house.database.reads, account.id, change, at=until + timedelta(hours=1))

    assert (before.trust_version, before.losing) == (after.trust_version, after.losing)
    assert before.token != after.token
