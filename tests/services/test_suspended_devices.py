"""A suspended device stays out, under whichever name and with whichever certificate it was ever let in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from app.actor import Actor
from app.reasons import Reason
from app.services import decisions
from app.services.asked import Asked
from app.services.devices import SuspendDevice
from app.services.trust_states import load
from app.store.device_rows import DeviceRow
from app.terms import Service, Usage
from tests.connecting import Gateway, device
from tests.house import House, actor_of
from tests.rules.authority import Made, make


@dataclass
class Plant:
    """An account whose devices one CA signs, and its gateway."""

    house: House
    actor: Actor
    issuer: Made
    gateway: Gateway

    async def let_in(self, made: Made, name: str) -> DeviceRow:
        return await self.gateway.let_in(made, service=Service.LWM2M, name=name)

    async def reason(self, made: Made, name: str | None) -> Reason:
        answer = await self.gateway.ask(made, service=Service.LWM2M, endpoint_name=name)
        return answer.decision.reason


@pytest.fixture
async def plant(house: House) -> AsyncIterator[Plant]:
    """An account whose devices one CA signs."""
    account, issuer = await house.account(), make("I")
    await house.upload(actor_of(account), issuer, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M, name="I")
    plant = Plant(house, actor_of(account), issuer, Gateway(house, account.id))
    yield plant
    await plant.gateway.flush()


async def test_an_earlier_certificate_lets_nobody_out_of_a_suspension(plant: Plant) -> None:
    """It renews its key under its name; what it came with before is its own for ever, and so is its name."""
    before, now, other = (device(name, plant.issuer) for name in ("before", "now", "other"))
    pump = await plant.let_in(before, "pump")
    for made in (now, before, now):
        assert (await plant.let_in(made, "pump")).id == pump.id
    await plant.house.perform(plant.actor, SuspendDevice(pump.id, "stolen"))

    for made, name in ((before, "elsewhere"), (before, "pump"), (before, None), (now, "elsewhere"), (other, "pump")):
        assert await plant.reason(made, name) is Reason.DEVICE_SUSPENDED, name
    assert await plant.reason(other, "elsewhere") is Reason.TRUSTED


async def test_a_list_tells_of_an_earlier_certificate_what_a_gateway_is_answered(plant: Plant) -> None:
    """Two shared a certificate; the one that is suspended has another by now."""
    shared, own = device("shared", plant.issuer), device("own", plant.issuer)
    first, second = await plant.let_in(shared, "first"), await plant.let_in(shared, "second")
    await plant.let_in(own, "first")
    await plant.house.perform(plant.actor, SuspendDevice(first.id, "stolen"))
    reads = plant.house.database.reads
    state = await load(reads, plant.gateway.account_id)

    asked = Asked(Service.LWM2M, (shared.der,), "second")
    decided = await decisions.of_devices(reads, state, [(second, asked)], plant.house.clock())

    assert decided[0].decision.reason is await plant.reason(shared, "second") is Reason.DEVICE_SUSPENDED
