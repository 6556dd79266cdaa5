"""What the rows say of a device is how it came last, whatever is remembered of its answers: previews go by it."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from app.actor import Actor
from app.errors import DeleteWouldUnblock
from app.reasons import Reason
from app.services import impact
from app.services.admissions import Answer
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.impact import StatusChange
from app.store.rows import CertificateRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device, may_suspend
from tests.house import House, actor_of, upload_of
from tests.rules.authority import Made, make

LWM2M = Service.LWM2M


@dataclass(frozen=True)
class Crossed:
    """A device whose CA has two certificates: `sub` by A, `cross` by X. Both are trusted; `x` is the record of X."""

    house: House
    actor: Actor
    gateway: Gateway
    pump: Made
    sub: Made
    cross: Made
    x: CertificateRow

    async def comes(self, *presented: Made) -> Answer:
        """What the gateway is answered."""
        return await self.gateway.ask(self.pump, *presented, service=LWM2M)

    async def losing(self) -> int:
        """How many devices a blacklisting of X would keep out."""
        change = StatusChange(self.x.id, Status.INACTIVE)
        found = await impact.impact(self.house.database.reads, self.gateway.account_id, change, at=self.house.clock())
        return found.losing

    async def blacklist(self) -> None:
        """Blacklist X."""
        await self.house.perform(self.actor, SetCertificateStatus(self.x.id, Status.INACTIVE))


async def crossed(house: House) -> Crossed:
    """See `Crossed`."""
    account = await house.account()
    actor = actor_of(account)
    trusted, other = make("A"), make("X")
    sub = make("S", issuer=trusted)
    records = list[CertificateRow]()
    for each in (trusted, other):
        upload = upload_of(each, usage=Usage.THIRD_PARTY_CA, service=LWM2M)
        records.append(await house.perform(actor, upload))
    cross = make("S", issuer=other, key=sub.key)
    while cross.der < sub.der:  # The way by which the device comes in is tried first.
        cross = make("S", issuer=other, key=sub.key)
    return Crossed(house, actor, Gateway(house, account.id), device("pump", sub), sub, cross, records[1])


async def test_what_a_device_leaves_out_is_not_what_it_came_with_last(house: House) -> None:
    world = await crossed(house)
    await world.comes(world.sub, world.cross)
    assert await world.losing() == 1
    for _ in range(2):
        await world.comes(world.sub)

    assert await world.losing() == 0
    await world.blacklist()
    assert (await world.comes(world.sub)).decision.reason is Reason.TRUSTED
    await world.gateway.flush()


async def test_what_a_device_presents_anew_counts_in_a_preview_and_in_a_deletion(house: House) -> None:
    world = await crossed(house)
    await world.comes(world.sub)
    assert await world.losing() == 0
    for _ in range(2):
        assert (await world.comes(world.sub, world.cross)).device_id is not None

    assert await world.losing() == 1
    await world.blacklist()
    assert (await world.comes(world.sub, world.cross)).decision.reason is Reason.BLACKLISTED
    with pytest.raises(DeleteWouldUnblock):
        await house.perform(world.actor, DeleteCertificate(world.x.id))
    await world.gateway.flush()


async def test_what_a_device_came_with_once_is_recorded_again_after_something_else(
    house: House,
) -> None:
    account = await house.account()
    actor = actor_of(account)
    await may_suspend(house, account.id)
    gateway = Gateway(house, account.id)
    a, b = make("A"), make("B")
    uploads = [upload_of(each, usage=Usage.THIRD_PARTY_CA, service=LWM2M) for each in (a, b)]
    first, _ = [await house.perform(actor, upload) for upload in uploads]
    by_a, by_b = device("pump", a), device("pump", b)

    for presented in (by_a, by_b, by_a, by_a, by_a):
        house.clock.advance(timedelta(seconds=1))
        answer = await gateway.ask(presented, service=LWM2M, endpoint_name="pump")
    row = await gateway.device(answer.device_id or "")

    credential = row.credential(LWM2M)
    assert credential is not None
    assert credential.certificate_id == first.id
    assert [entry.action for entry in await house.log_of(account.id)].count("device.connect") == 3
    await house.perform(actor, SetCertificateStatus(first.id, Status.INACTIVE, suspend_devices=True))
    answer = await gateway.ask(by_b, service=LWM2M, endpoint_name="pump")
    assert answer.decision.reason is Reason.DEVICE_SUSPENDED
    await gateway.flush()
