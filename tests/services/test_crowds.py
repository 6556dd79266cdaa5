"""One certificate of more devices than are read: whoever comes with it is found, and so is who keeps it out."""

from dataclasses import dataclass

import pytest

from app.actor import Actor
from app.reasons import Reason
from app.services.admissions import Answer
from app.services.certificates import SetCertificateStatus
from app.services.devices import ResumeDevice, SuspendDevice
from app.store.device_matching import CROWD
from app.store.device_rows import DeviceRow
from app.store.rows import CertificateRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device, may_suspend
from tests.house import House, actor_of, upload_of
from tests.rules.authority import Made, make

LWM2M = Service.LWM2M
OTHERS = 3


@dataclass(frozen=True)
class Crowd:
    """`CROWD` devices and some more, oldest first: all came with `shared` through `record`, by names that were told."""

    house: House
    actor: Actor
    gateway: Gateway
    issuer: Made
    shared: Made
    record: CertificateRow
    devices: list[DeviceRow]

    async def comes(self, name: str | None, made: Made | None = None) -> Answer:
        """What the gateway is answered."""
        return await self.gateway.ask(made or self.shared, service=LWM2M, endpoint_name=name)

    async def set_status(self, status: Status, *, suspend: bool = False) -> None:
        """Blacklist or enable the record."""
        await self.house.perform(self.actor, SetCertificateStatus(self.record.id, status, suspend_devices=suspend))


@pytest.fixture
async def crowd(house: House) -> Crowd:
    """See `Crowd`."""
    account = await house.account()
    actor = actor_of(account)
    await may_suspend(house, account.id)
    issuer = make("A")
    record = await house.perform(actor, upload_of(issuer, usage=Usage.THIRD_PARTY_CA, service=LWM2M))
    gateway, shared = Gateway(house, account.id), device("shared", issuer)
    devices = [
        await gateway.device(
            (await gateway.ask(shared, service=LWM2M, endpoint_name=f"board {number}")).device_id or ""
        )
        for number in range(CROWD + OTHERS)
    ]
    return Crowd(house, actor, gateway, issuer, shared, record, sorted(devices, key=lambda each: each.id))


async def test_one_more_comes_in_and_each_is_found_by_its_name(crowd: Crowd) -> None:
    known = {each.id for each in crowd.devices}
    assert (await crowd.comes("one more")).device_id not in {None, *known}
    for each in crowd.devices:
        assert (await crowd.comes(each.endpoint_name)).device_id == each.id


@pytest.mark.parametrize("place", [0, -1])
async def test_one_that_is_suspended_keeps_all_out(crowd: Crowd, place: int) -> None:
    suspended = crowd.devices[place]
    await crowd.house.perform(crowd.actor, SuspendDevice(suspended.id, "lost"))

    for name in ("one more", crowd.devices[1].endpoint_name, suspended.endpoint_name):
        answer = await crowd.comes(name)
        assert answer.decision.reason is Reason.DEVICE_SUSPENDED
        assert (suspended.endpoint_name in answer.decision.explanation) == (name != suspended.endpoint_name)

    assert (await crowd.comes(None)).decision.reason is Reason.DEVICE_SUSPENDED

    await crowd.house.perform(crowd.actor, ResumeDevice(suspended.id))
    assert (await crowd.comes("one more")).device_id is not None
    await crowd.gateway.flush()


async def test_who_stays_suspended_with_a_record_keeps_all_out(crowd: Crowd) -> None:
    await crowd.set_status(Status.INACTIVE, suspend=True)
    await crowd.set_status(Status.ACTIVE)
    for each in crowd.devices[:-1]:
        await crowd.house.perform(crowd.actor, ResumeDevice(each.id))

    answer = await crowd.comes("one more")
    assert answer.decision.reason is Reason.DEVICE_SUSPENDED
    assert crowd.devices[-1].endpoint_name in answer.decision.explanation

    await crowd.house.perform(crowd.actor, ResumeDevice(crowd.devices[-1].id))
    assert (await crowd.comes("one more")).device_id is not None
    await crowd.gateway.flush()


async def test_a_suspension_of_others_is_none_of_theirs(crowd: Crowd) -> None:
    stranger = device("another", crowd.issuer)
    other = (await crowd.comes("another", stranger)).device_id
    await crowd.house.perform(crowd.actor, SuspendDevice(other or "", "lost"))
    assert (await crowd.comes("one more")).device_id is not None
    assert (await crowd.comes("one more", stranger)).decision.reason is Reason.DEVICE_SUSPENDED
    await crowd.gateway.flush()


async def test_without_a_name_it_is_the_oldest_that_still_comes_with_it(crowd: Crowd) -> None:
    assert (await crowd.comes(None)).device_id == crowd.devices[0].id
    for number, each in enumerate(crowd.devices[:-2]):
        renewed = device(f"its own {number}", crowd.issuer)
        assert (await crowd.comes(each.endpoint_name, renewed)).device_id == each.id

    assert (await crowd.comes(None)).device_id == crowd.devices[-2].id
