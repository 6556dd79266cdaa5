"""What a change would do is worked out before its transaction, and only held against the world in it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from cryptography import x509

from app.actor import Role
from app.errors import DeleteWouldUnblock, Forbidden, ImpactChanged
from app.impact import Impact
from app.rules.decision import Decision, Question
from app.rules.trust import decide
from app.rules.trust_store import TrustStore
from app.services import door, foresight
from app.services import impact as previewing
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.devices import ResumeDevice, SuspendDevice
from app.services.impact import Change, StatusChange, impact
from app.store import reads
from app.store.connection import Connection
from app.store.rows import AccountRow
from app.terms import Service, Status
from tests.connecting import Gateway, device
from tests.house import House, actor_of
from tests.rules.authority import make
from tests.services.impacts import authority, trust

HOST = "device.example"


@pytest.fixture
async def account(house: House) -> AccountRow:
    return await house.account()


@pytest.fixture
async def record(house: House, account: AccountRow) -> str:
    """A record of I, through which one device has come."""
    anchor = authority("I")
    record = await trust(house, account, anchor, name="I")
    await Gateway(house, account.id).let_in(device("pump", anchor), service=Service.LWM2M)
    return record


@dataclass
class Pause:
    """Decides as the rules do, once it may go on; notes where it was asked to."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)
    threads: set[int] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def __call__(self, store: TrustStore, question: Question) -> Decision:
        """See `decide`."""
        self.threads.add(threading.get_ident())
        self.loop.call_soon_threadsafe(self.begun.set)
        assert self.may_go_on.wait(20)
        return decide(store, question)


@dataclass
class Outrun:
    """Works an impact out as it is; then something happens, which hears how often it was."""

    happens: Callable[[int], Awaitable[object]]
    times: int = 0

    async def __call__(self, connection: Connection, account_id: str, change: Change, *, at: datetime) -> Impact:
        """See `impact`."""
        found = await impact(connection, account_id, change, at=at)
        self.times += 1
        await self.happens(self.times)
        return found


@pytest.mark.parametrize("constrains_names", [False, True])
async def test_while_it_is_worked_out_others_write_and_are_answered(
    house: House, account: AccountRow, monkeypatch: pytest.MonkeyPatch, *, constrains_names: bool
) -> None:
    """A device comes in below another CA meanwhile: it waits for nothing, and changes nothing of what was expected."""
    domain = x509.NameConstraints([x509.DNSName(HOST)], None)
    anchor = make("I", extensions=[(domain, True)] if constrains_names else [])
    other = authority("Other")
    record = await trust(house, account, anchor, name="I")
    await trust(house, account, other, name="other")
    gateway, name = Gateway(house, account.id), x509.SubjectAlternativeName([x509.DNSName(HOST)])
    pump = make("pump", issuer=anchor, is_ca=None, key_usage=("digital_signature",), extensions=[(name, False)])
    await gateway.let_in(pump, service=Service.LWM2M)
    change = StatusChange(record, Status.INACTIVE)
    token = (await impact(house.database.reads, account.id, change, at=house.clock())).token
    pause = Pause()
    monkeypatch.setattr(previewing, "decide", pause)

    command = SetCertificateStatus(record, Status.INACTIVE, expected_impact=token)
    act = asyncio.create_task(house.perform(actor_of(account), command))
    async with asyncio.timeout(10):
        await pause.begun.wait()
        assert (await gateway.ask(device("valve", other), service=Service.LWM2M)).device_id is not None
    pause.may_go_on.set()

    assert (await act).status is Status.INACTIVE
    assert threading.get_ident() not in pause.threads
    await gateway.flush()


async def test_what_changes_whenever_it_is_worked_out_is_refused_with_what_it_would_do(
    house: House, account: AccountRow, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, anchor = Gateway(house, account.id), authority("Another")
    await trust(house, account, anchor, name="another")
    change = StatusChange(record, Status.INACTIVE)
    token = (await impact(house.database.reads, account.id, change, at=house.clock())).token

    outrun = Outrun(lambda times: gateway.ask(device(f"valve {times}", anchor), service=Service.LWM2M))
    monkeypatch.setattr(foresight, "impact", outrun)
    before = len(await house.log_of(account.id))
    with pytest.raises(ImpactChanged) as refused:
        await house.perform(actor_of(account), SetCertificateStatus(record, Status.INACTIVE, expected_impact=token))

    assert (outrun.times, refused.value.impact.losing) == (door.TRIES, 1)
    assert (await house.last_entry(account.id)).code == "VERSION_CONFLICT"
    assert len(await house.log_of(account.id)) == before + door.TRIES + 1
    assert await _status(house, account, record) is Status.ACTIVE
    await gateway.flush()


async def test_a_deletion_that_lifts_a_block_is_refused_where_nobody_can_say_whom_it_lets_in(
    house: House, account: AccountRow, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, anchor = actor_of(account), authority("Another")
    await house.perform(admin, SetCertificateStatus(record, Status.INACTIVE))
    await trust(house, account, anchor, name="another")
    valve = await Gateway(house, account.id).let_in(device("valve", anchor), service=Service.LWM2M)

    async def turn(times: int) -> None:
        await house.perform(admin, SuspendDevice(valve.id, "test") if times % 2 else ResumeDevice(valve.id))

    outrun = Outrun(turn)
    monkeypatch.setattr(foresight, "impact", outrun)
    with pytest.raises(DeleteWouldUnblock, match="cannot be told"):
        await house.perform(admin, DeleteCertificate(record))
    assert (outrun.times, await _status(house, account, record)) == (door.TRIES, Status.INACTIVE)

    await house.perform(admin, DeleteCertificate(record, confirm_unblock=True))
    assert (outrun.times, await _status(house, account, record)) == (door.TRIES, None)


async def test_a_deletion_that_lifts_a_block_is_looked_at_again_where_the_trust_has_changed(
    house: House, account: AccountRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another CA has signed S too, and comes to be trusted while the deletion is worked out that lets nobody in."""
    admin, anchor = actor_of(account), authority("Above")
    sub = authority("S", anchor)
    blocked = await trust(house, account, anchor, name="above")
    gateway = Gateway(house, account.id)
    other = authority("Other")
    crossed = make("S", key=sub.key, issuer=other, serial=2)
    await gateway.let_in(device("valve", sub), sub, crossed, service=Service.LWM2M)
    await house.perform(admin, SetCertificateStatus(blocked, Status.INACTIVE))

    async def comes_to_trust(times: int) -> None:
        if times == 1:
            await trust(house, account, other, name="other")

    outrun = Outrun(comes_to_trust)
    monkeypatch.setattr(foresight, "impact", outrun)
    with pytest.raises(DeleteWouldUnblock, match="1 of those"):
        await house.perform(admin, DeleteCertificate(blocked))
    assert outrun.times == 2
    await gateway.flush()


async def test_a_deletion_is_confirmed_where_not_everybody_can_be_looked_at(
    house: House, account: AccountRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device's CA has a second certificate, which constrains names: so each of its devices is asked by itself."""
    monkeypatch.setattr(previewing, "SINGLY_LIMIT", 0)
    admin, anchor, other = actor_of(account), authority("I"), authority("J")
    sub = authority("S", anchor)
    constraints = x509.NameConstraints([x509.DNSName("example")], None)
    crossed = make("S", key=sub.key, issuer=other, serial=2, extensions=[(constraints, True)])
    blocked = await trust(house, account, anchor, name="I")
    await trust(house, account, other, name="J")
    gateway = Gateway(house, account.id)
    valve = device("valve", sub)
    await gateway.let_in(valve, sub, crossed, service=Service.LWM2M)
    await house.perform(admin, SetCertificateStatus(blocked, Status.INACTIVE))

    with pytest.raises(DeleteWouldUnblock, match="1 of those that have come before are too many"):
        await house.perform(admin, DeleteCertificate(blocked))
    await house.perform(admin, DeleteCertificate(blocked, confirm_unblock=True))
    assert (await gateway.ask(valve, sub, crossed, service=Service.LWM2M)).device_id is not None
    await gateway.flush()


async def test_a_fault_of_ours_while_it_is_worked_out_has_its_entry(
    house: House, account: AccountRow, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> Impact:
        raise ZeroDivisionError

    monkeypatch.setattr(foresight, "impact", broken)
    with pytest.raises(ZeroDivisionError):
        await house.perform(actor_of(account), SetCertificateStatus(record, Status.INACTIVE, expected_impact="x"))

    said = await house.last_entry(account.id)
    assert (said.action, said.result, said.code) == ("certificate.set_status", "failed", "INTERNAL")


async def test_nothing_is_worked_out_for_whoever_may_not_act(
    house: House, account: AccountRow, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> Impact:
        raise AssertionError

    monkeypatch.setattr(foresight, "impact", never)
    with pytest.raises(Forbidden):
        await house.perform(
            actor_of(account, Role.VIEWER), SetCertificateStatus(record, Status.INACTIVE, expected_impact="x")
        )


async def _status(house: House, account: AccountRow, record: str) -> Status | None:
    found = await reads.certificates(house.database.reads, account.id, (record,))
    return found[record].status if record in found else None
