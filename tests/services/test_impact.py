"""What a change would do, said before it is made, and then done."""

import asyncio
import time
from datetime import timedelta

import pytest

from app.actor import command_line
from app.reasons import Reason
from app.rules.decision import Decision, Question
from app.rules.trust import decide
from app.rules.trust_store import TrustStore
from app.services import impact as previewing
from app.services.accounts import Feature, SetAccountFeature
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.devices import SuspendDevice
from app.services.impact import Deletion, StatusChange, impact
from app.store import device_kinds
from app.store.rows import AccountRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device, may_suspend
from tests.fleet import Device
from tests.house import House, actor_of
from tests.rules.authority import AT, make
from tests.services.impacts import authority, connect, made_device, names_of, trust


@pytest.fixture
async def account(house: House) -> AccountRow:
    return await house.account()


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


async def test_however_many_ask_one_is_worked_out_at_a_time(
    house: House, account: AccountRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that is worked out takes turns with the gateways' questions."""
    first = authority("I")
    record = await trust(house, account, first, name="I")
    await connect(house, account, made_device("device", first))
    counting = most = 0

    def watched(store: TrustStore, question: Question) -> Decision:
        nonlocal counting, most
        counting += 1
        most = max(most, counting)
        time.sleep(0.02)
        counting -= 1
        return decide(store, question)

    monkeypatch.setattr(previewing, "decide", watched)
    change = StatusChange(record, Status.INACTIVE)
    found = await asyncio.gather(*(impact(house.database.reads, account.id, change, at=AT) for _ in range(8)))

    assert ({each.losing for each in found}, most) == ({1}, 1)


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
    listed = await names_of(house, account, found)
    await house.perform(actor_of(account), DeleteCertificate(above.id))

    assert (found.losing, found.moving, found.unchanged) == (1, 1, 0)
    assert [effect.after for effect in found.effects if effect.loses] == [Reason.NOT_ENROLLED]
    assert [names for effect, names in zip(found.effects, listed, strict=True) if effect.loses] == [["valve"]]
    assert [names for effect, names in zip(found.effects, listed, strict=True) if effect.moves] == [["pump"]]
    assert (await gateway.ask(pump, crossed)).decision.reason is Reason.TRUSTED
    assert (await gateway.ask(valve, crossed)).decision.reason is Reason.NOT_ENROLLED
    await gateway.flush()


@pytest.mark.parametrize("has_own_since", [False, True])
async def test_who_has_a_certificate_of_a_suspended_device_has_no_access_to_lose(
    house: House, account: AccountRow, *, has_own_since: bool
) -> None:
    """One developer's certificate, on two boards, of which one is suspended: the gate refuses both.

    It does so too where the suspended one has come with a certificate of its own since.
    """
    anchor = authority("I")
    record = await trust(house, account, anchor, name="I")
    gateway, shared = Gateway(house, account.id), device("developer", anchor)
    first, _ = [await gateway.let_in(shared, service=Service.LWM2M, name=name) for name in ("board 1", "board 2")]
    if has_own_since:
        await gateway.let_in(device("own", anchor), service=Service.LWM2M, name="board 1")
    await gateway.let_in(device("pump", anchor), service=Service.LWM2M)
    await house.perform(actor_of(account), SuspendDevice(first.id, "lost"))
    refused = await gateway.ask(shared, service=Service.LWM2M, endpoint_name="board 2")
    assert refused.decision.reason is Reason.DEVICE_SUSPENDED

    found = await impact(house.database.reads, account.id, StatusChange(record, Status.INACTIVE), at=house.clock())

    assert (found.losing, found.unchanged, await names_of(house, account, found)) == (1, 0, [["pump"]])
    await gateway.flush()


async def test_suspending_and_resuming_with_a_record_reaches_its_certificates_under_every_name(
    house: House, account: AccountRow
) -> None:
    """A device came below I as “old”, and below the other CA with the same name and key as “new”."""
    await may_suspend(house, account.id)
    anchor, other = authority("I"), authority("Other")
    record = await trust(house, account, anchor, name="I")
    await trust(house, account, other, name="other")
    gateway, below = Gateway(house, account.id), device("shared", anchor)
    again = make("shared", key=below.key, issuer=other, is_ca=None, key_usage=("digital_signature",))
    await gateway.let_in(below, service=Service.LWM2M, name="old")
    await gateway.let_in(again, service=Service.LWM2M, name="new")
    admin, suspend = actor_of(account), StatusChange(record, Status.INACTIVE, suspend_devices=True)

    suspended = await impact(house.database.reads, account.id, suspend, at=house.clock())
    told = dict(zip((each.after for each in suspended.effects), await names_of(house, account, suspended), strict=True))
    await house.perform(admin, SetCertificateStatus(record, Status.INACTIVE, suspend_devices=True))
    resume = StatusChange(record, Status.ACTIVE, resume_devices=True)
    resumed = await impact(house.database.reads, account.id, resume, at=house.clock())

    # What stands in the way of one whose CA is blacklisted is that, and not the suspension.
    assert told == {Reason.BLACKLISTED: ["old"], Reason.DEVICE_SUSPENDED: ["new"]}
    answer = await gateway.ask(again, service=Service.LWM2M, endpoint_name="new")
    assert answer.decision.reason is Reason.DEVICE_SUSPENDED
    assert {each.before for each in resumed.effects} == {Reason.BLACKLISTED, Reason.DEVICE_SUSPENDED}
    assert (resumed.gaining, sorted(await names_of(house, account, resumed))) == (2, [["new"], ["old"]])
    await gateway.flush()


async def test_a_certificate_in_its_last_second_counts_and_is_listed(house: House, account: AccountRow) -> None:
    anchor = authority("I")
    record = await trust(house, account, anchor, name="I")
    come = make("pump", issuer=anchor, is_ca=None, key_usage=("digital_signature",), not_after=AT + timedelta(hours=1))
    await connect(house, account, Device(come, ()))
    last = come.parsed.not_after + timedelta(milliseconds=900)

    found = await impact(house.database.reads, account.id, StatusChange(record, Status.INACTIVE), at=last)
    later = last + timedelta(milliseconds=100)
    over = await impact(house.database.reads, account.id, StatusChange(record, Status.INACTIVE), at=later)

    assert (found.losing, await names_of(house, account, found)) == (1, [["pump"]])
    assert (over.losing, over.unchanged) == (0, 0)


async def test_enabling_gives_access_back(house: House, account: AccountRow) -> None:
    first = authority("I")
    record = await trust(house, account, first, name="I")
    await connect(house, account, made_device("one", first))
    await house.perform(actor_of(account), SetCertificateStatus(record, Status.INACTIVE))

    found = await impact(house.database.reads, account.id, StatusChange(record, Status.ACTIVE), at=AT)

    assert (found.losing, found.gaining) == (0, 1)
