"""A claim is used in the transaction that lets its device in, whatever comes between the question and that."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from app.actor import Actor, Origin, command_line
from app.ids import new_id
from app.reasons import Reason
from app.services.accounts import Feature, SetAccountFeature
from app.services.certificates import DeleteCertificate
from app.services.devices import ConnectDevice
from app.services.door import Door, Recorded
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.store.connection import Transaction
from app.store.enrollments import Enrollments
from app.terms import Service, Usage
from tests.connecting import Gateway, device, identity_of
from tests.enrolling import fingerprint, held_claim, identity
from tests.house import House, Said, actor_of, upload_of
from tests.rules.authority import make

ROOT = make("R")
SUPPLIER = make("Supplier", issuer=ROOT)
PUMP = device("pump", SUPPLIER)
DAY = timedelta(days=1)


@dataclass
class Between:
    """A door before which something happens once, when a device that was found good is about to be let in."""

    door: Door
    happens: Callable[[], Awaitable[object]] | None

    async def perform(self, actor: Actor, command: Any, origin: Origin) -> Recorded[Any]:
        """See `Door.perform`."""
        happens = self.happens
        if happens is not None and isinstance(command, ConnectDevice):
            self.happens = None
            await happens()
        return await self.door.perform(actor, command, origin)


def gateway(house: House, account_id: str, happens: Callable[[], Awaitable[object]] | None = None) -> Gateway:
    """A gateway of the account, and what happens before it lets in the first device."""
    made = Gateway(house, account_id)
    made.admissions.door = Between(house.door, happens)  # type: ignore[assignment]
    return made


async def supplied(house: House) -> Actor:
    """Somebody of an account that enrols the supplier's devices."""
    actor = actor_of(await house.account())
    enrolling = upload_of(SUPPLIER, ROOT, usage=Usage.ENROLLMENT, service=Service.BOOTSTRAP, name="e")
    await house.perform(actor, enrolling)
    return actor


def of(actor: Actor) -> str:
    """The actor's account."""
    assert actor.account_id is not None
    return actor.account_id


async def said(house: House, *actors: Actor) -> list[list[tuple[str, str, str | None]]]:
    """What each account's log says of devices and claims."""
    logs = [[Said.of(entry) for entry in await house.log_of(of(actor))] for actor in actors]
    return [
        [(one.action, one.result, one.code) for one in log if one.action.startswith(("device.", "enrollment."))]
        for log in logs
    ]


async def test_a_device_is_let_in_and_its_claim_used_by_one_transaction(house: House) -> None:
    actor = await supplied(house)
    await house.perform(actor, ClaimEnrollment(identity_of(PUMP), 1))

    answer = await gateway(house, of(actor)).ask(PUMP)

    assert answer.decision.is_allowed
    connected, used = (await house.log_of(of(actor)))[-2:]
    assert [Said.of(each).action for each in (connected, used)] == ["device.connect", "enrollment.use"]
    assert Said.of(connected).body["time"] == Said.of(used).body["time"]
    held = await held_claim(house.database.reads, of(actor), PUMP.parsed.fingerprint, house.clock())
    assert held is not None
    assert held.device_id == answer.device_id


async def test_where_the_time_is_over_before_the_device_is_let_in_only_the_next_claim_counts(house: House) -> None:
    one, other = await supplied(house), await supplied(house)
    await house.perform(one, ClaimEnrollment(identity_of(PUMP), 1))

    async def another_claims_it() -> None:
        house.clock.advance(2 * DAY)
        await house.perform(other, ClaimEnrollment(identity_of(PUMP)))

    first, second = gateway(house, of(one), another_claims_it), gateway(house, of(other))
    answers = [await first.ask(PUMP), await second.ask(PUMP), await first.ask(PUMP)]

    assert [each.decision.reason for each in answers] == [Reason.NOT_ENROLLED, Reason.TRUSTED, Reason.NOT_ENROLLED]
    await first.flush()
    logs = await said(house, one, other)
    assert ("device.connect", "success", None) not in logs[0]
    assert ("device.connect", "refused", "NOT_ENROLLED") in logs[0]
    assert logs[1][1:] == [("device.connect", "success", None), ("enrollment.use", "success", None)]


async def test_where_the_claim_is_given_up_before_the_device_is_let_in_nothing_is_connected(house: House) -> None:
    actor = await supplied(house)
    made = await house.perform(actor, ClaimEnrollment(identity_of(PUMP)))
    asking = gateway(house, of(actor), lambda: house.perform(actor, ReleaseEnrollment(made.id)))

    assert (await asking.ask(PUMP)).decision.reason is Reason.NOT_ENROLLED

    await asking.flush()
    (log,) = await said(house, actor)
    assert log[1:] == [("enrollment.release", "success", None), ("device.connect", "refused", "NOT_ENROLLED")]


async def test_a_claim_that_became_needed_while_the_device_came_is_used_too(house: House) -> None:
    """And so never ends by time while the answer that it led to is remembered."""
    actor, other = await supplied(house), await supplied(house)
    unproven = SetAccountFeature(of(actor), Feature.REQUIRE_POSSESSION, enabled=False)
    await house.perform(command_line(of(actor), "root"), unproven)
    open_to_all = upload_of(ROOT, usage=Usage.CREDENTIALS, service=Service.BOOTSTRAP, name="c")
    record = await house.perform(actor, open_to_all)
    await house.perform(actor, ClaimEnrollment(identity_of(PUMP), 1))
    asking = gateway(house, of(actor), lambda: house.perform(actor, DeleteCertificate(record.id)))

    first = await asking.ask(PUMP)
    house.clock.advance(2 * DAY)

    assert first.decision.records[0].usage is Usage.ENROLLMENT
    assert (await asking.ask(PUMP)).decision.is_allowed
    claimed = await held_claim(house.database.reads, of(actor), PUMP.parsed.fingerprint, house.clock())
    assert claimed is not None
    assert not (await gateway(house, of(other)).ask(PUMP)).decision.is_allowed


async def test_only_a_claim_that_still_holds_can_be_used(house: House) -> None:
    """What PostgreSQL sees of another account's transaction that was committed after the claim was read."""
    actor, other = actor_of(await house.account()), actor_of(await house.account())
    ended = await house.perform(actor, ClaimEnrollment(identity("d"), 1))
    house.clock.advance(2 * DAY)
    await house.perform(other, ClaimEnrollment(identity("d")))

    async def use(transaction: Transaction) -> list[bool]:
        used = replace(ended, version=2, claimed_at=ended.created_at, device_id=new_id(house.clock()))
        late = replace(used, claimed_at=house.clock())
        rows = Enrollments(transaction, of(actor), new_id(house.clock()))
        return [await rows.use(used), await rows.use(late)]

    assert await house.database.write("test", use) == [False, False]
    assert await held_claim(house.database.reads, of(other), fingerprint("d"), house.clock()) is not None
