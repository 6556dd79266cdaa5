"""Suspending a fleet while the clocks of several processes differ: nobody is left out."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.reasons import Reason
from app.services.devices import ResumeDevice, SuspendDevice
from app.services.impact import StatusChange, impact
from app.terms import DeviceStatus, Service, Status
from tests.connecting import device
from tests.house import House
from tests.services.suspending import Fleet, fleet_of


@pytest.fixture
async def fleet(house: House) -> AsyncIterator[Fleet]:
    async with fleet_of(house) as fleet:
        yield fleet


async def test_a_registration_of_a_clock_that_is_ahead_is_suspended_too(fleet: Fleet) -> None:
    here = fleet.house.clock.now
    fleet.house.clock.advance(timedelta(minutes=5))
    ahead = await fleet.onboard("ahead")
    fleet.house.clock.now = here

    blacklisted = await fleet.set_status(Status.INACTIVE, suspend=True)

    assert blacklisted.devices_suspended_at is not None
    assert blacklisted.devices_suspended_at > fleet.house.clock.now
    assert (await fleet.gateway.device(ahead)).status is DeviceStatus.SUSPENDED


async def test_who_was_released_by_a_clock_that_is_ahead_is_suspended_again(fleet: Fleet) -> None:
    """Both by themselves and with the record; and what is foreseen is what happens."""
    pumps = [await fleet.onboard(f"pump {number}") for number in range(2)]
    await fleet.house.perform(fleet.actor, SuspendDevice(pumps[0], "x"))
    await fleet.set_status(Status.INACTIVE, suspend=True)
    fleet.house.clock.advance(timedelta(hours=1))
    for pump in pumps:
        await fleet.house.perform(fleet.actor, ResumeDevice(pump))
    fleet.house.clock.advance(timedelta(seconds=-1))
    change = StatusChange(fleet.bootstrap.id, Status.INACTIVE, suspend_devices=True)
    reads, account_id = fleet.house.database.reads, fleet.bootstrap.account_id
    foreseen = await impact(reads, account_id, change, at=fleet.house.clock())

    await fleet.set_status(Status.INACTIVE, suspend=True)

    assert await fleet.suspended() == foreseen.losing == 2
    assert [(await fleet.gateway.device(pump)).status for pump in pumps] == [DeviceStatus.SUSPENDED] * 2
    assert [await fleet.connects(f"pump {number}") for number in range(2)] == [Reason.DEVICE_SUSPENDED] * 2


async def test_who_was_released_ahead_and_came_through_another_record_moves_no_instant(fleet: Fleet) -> None:
    await fleet.onboard("pump")
    other = await fleet.gateway.let_in(device("only LwM2M", fleet.lwm2m_ca), service=Service.LWM2M)
    fleet.house.clock.advance(timedelta(hours=1))
    await fleet.house.perform(fleet.actor, SuspendDevice(other.id, "x"))
    await fleet.house.perform(fleet.actor, ResumeDevice(other.id))
    fleet.house.clock.advance(timedelta(seconds=-1))

    blacklisted = await fleet.set_status(Status.INACTIVE, suspend=True)

    assert blacklisted.devices_suspended_at == fleet.house.clock.now
    assert await fleet.suspended() == 1
