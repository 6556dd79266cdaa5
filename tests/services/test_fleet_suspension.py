"""Blacklisting a record together with the devices that are registered through it.

The seed: "Blacklisting a bootstrap certificate blocks all new devices that hold the certificate in their chain of trust
from connecting to Device Management. Devices that have already onboarded to Izuma Device Management can continue
operation normally. You can also choose to suspend devices that are already onboarded. If you choose this option,
blacklisting a certificate from the Device Management portal automatically suspends devices that have already registered
using that certificate. However, automatic suspension of devices as part of certificate blacklisting is only a proof of
concept and needs to be enabled separately for your account."
"""

from collections.abc import AsyncIterator

import pytest

from app.errors import InvalidInput, InvalidState
from app.reasons import Reason
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.devices import ResumeDevice, SuspendDevice
from app.store import device_reads
from app.store.device_reads import DeviceFilter
from app.store.rows import CertificateRow
from app.terms import DeviceStatus, Service, Status
from tests.connecting import device
from tests.house import ORIGIN, House, actor_of
from tests.services.suspending import Fleet, fleet_of
from tests.services.ways import Kind, each_kind


@pytest.fixture
async def fleet(house: House) -> AsyncIterator[Fleet]:
    async with fleet_of(house) as fleet:
        yield fleet


async def test_blacklisting_with_suspension_suspends_what_has_registered_with_it(fleet: Fleet) -> None:
    """The seed: it "automatically suspends devices that have already registered using that certificate"."""
    ids = [await fleet.onboard(f"pump {number}") for number in range(3)]
    other = await fleet.gateway.let_in(device("only LwM2M", fleet.lwm2m_ca), service=Service.LWM2M)

    blacklisted = await fleet.set_status(Status.INACTIVE, suspend=True)

    assert await fleet.suspended() == 3
    assert [(await fleet.gateway.device(each)).status for each in ids] == [DeviceStatus.SUSPENDED] * 3
    assert await fleet.connects("pump 1") is Reason.DEVICE_SUSPENDED
    assert (await fleet.gateway.device(other.id)).status is DeviceStatus.REGISTERED
    assert blacklisted.devices_suspended_at is not None


async def test_it_is_one_entry_of_the_record_however_many_devices_there_are(fleet: Fleet) -> None:
    for number in range(5):
        await fleet.onboard(f"pump {number}")
    before = len(await fleet.house.log_of(fleet.actor.account_id or ""))

    await fleet.set_status(Status.INACTIVE, suspend=True)

    assert len(await fleet.house.log_of(fleet.actor.account_id or "")) == before + 1
    assert (await fleet.last_change())["devices_suspended_at"] is not None


@each_kind
async def test_the_feature_has_to_be_enabled_for_the_account(house: House, kind: Kind) -> None:
    """Of either service, and whatever it is used for; blacklisting alone is everybody's.

    The seed: "However, automatic suspension of devices as part of certificate blacklisting is only a proof of concept
    and needs to be enabled separately for your account."
    """
    account = await house.account()
    record = await house.upload(actor_of(account), service=kind.service, usage=kind.usage)

    with pytest.raises(InvalidState) as raised:
        await house.perform(actor_of(account), SetCertificateStatus(record.id, Status.INACTIVE, suspend_devices=True))

    assert raised.value.path == ("suspendDevices",)
    assert (await house.last_entry(account.id)).code == "INVALID_STATE"
    blacklisted = await house.perform(actor_of(account), SetCertificateStatus(record.id, Status.INACTIVE))
    assert blacklisted.devices_suspended_at is None


async def test_what_does_not_go_with_the_status_is_refused(fleet: Fleet) -> None:
    with pytest.raises(InvalidInput) as raised:
        await fleet.set_status(Status.ACTIVE, suspend=True)
    assert raised.value.path == ("suspendDevices",)

    with pytest.raises(InvalidInput) as raised:
        await fleet.set_status(Status.INACTIVE, resume=True)
    assert raised.value.path == ("resumeDevices",)


async def test_enabling_alone_leaves_the_devices_suspended_and_a_later_resuming_lets_them_in(fleet: Fleet) -> None:
    await fleet.onboard("pump")
    await fleet.set_status(Status.INACTIVE, suspend=True)

    enabled = await fleet.set_status(Status.ACTIVE)
    assert (enabled.devices_suspended_at is not None, await fleet.suspended()) == (True, 1)
    assert await fleet.connects("pump") is Reason.DEVICE_SUSPENDED

    resumed = await fleet.set_status(Status.ACTIVE, resume=True)
    assert (resumed.devices_suspended_at, await fleet.suspended()) == (None, 0)
    assert resumed.version == enabled.version + 1
    assert await fleet.connects("pump") is Reason.TRUSTED


async def test_resuming_resumes_exactly_those_that_were_suspended_with_it(fleet: Fleet) -> None:
    by_itself, with_it = await fleet.onboard("by itself"), await fleet.onboard("with it")
    await fleet.house.perform(fleet.actor, SuspendDevice(by_itself, "stolen"))
    await fleet.set_status(Status.INACTIVE, suspend=True)
    assert await fleet.suspended() == 1

    await fleet.set_status(Status.ACTIVE, resume=True)

    assert (await fleet.gateway.device(by_itself)).status is DeviceStatus.SUSPENDED
    assert (await fleet.gateway.device(with_it)).status is DeviceStatus.REGISTERED


async def test_who_is_suspended_with_two_records_is_counted_with_neither(fleet: Fleet) -> None:
    both = await fleet.onboard("both")
    await fleet.gateway.let_in(device("bootstrapped", fleet.bootstrap_ca))
    await fleet.set_status(Status.INACTIVE, suspend=True)
    assert await fleet.suspended() == 2

    other = SetCertificateStatus(fleet.lwm2m.id, Status.INACTIVE, suspend_devices=True)
    await fleet.house.perform(fleet.actor, other)
    assert await fleet.suspended() == 1

    await fleet.house.perform(fleet.actor, DeleteCertificate(fleet.lwm2m.id, confirm_unblock=True))
    assert await fleet.suspended() == 1
    await fleet.set_status(Status.ACTIVE, resume=True)
    assert (await fleet.gateway.device(both)).status is DeviceStatus.SUSPENDED


async def test_one_device_can_be_resumed_while_the_others_stay_suspended(fleet: Fleet) -> None:
    first, second = await fleet.onboard("first"), await fleet.onboard("second")
    await fleet.set_status(Status.INACTIVE, suspend=True)

    await fleet.house.perform(fleet.actor, ResumeDevice(first, "It was seen."))

    assert await fleet.suspended() == 1
    assert await fleet.connects("first") is Reason.TRUSTED
    assert (await fleet.gateway.device(second)).status is DeviceStatus.SUSPENDED
    with pytest.raises(InvalidState):
        await fleet.house.perform(fleet.actor, ResumeDevice(first))


async def test_what_registers_after_the_suspension_is_not_suspended(fleet: Fleet) -> None:
    await fleet.onboard("old")
    await fleet.set_status(Status.INACTIVE, suspend=True)
    await fleet.set_status(Status.ACTIVE)

    new = await fleet.onboard("new")

    assert await fleet.suspended() == 1
    assert (await fleet.gateway.device(new)).status is DeviceStatus.REGISTERED
    await fleet.set_status(Status.INACTIVE, suspend=True)
    assert await fleet.suspended() == 2


async def test_deleting_the_record_keeps_its_devices_suspended(fleet: Fleet) -> None:
    pump = await fleet.onboard("pump")
    await fleet.set_status(Status.INACTIVE, suspend=True)

    await fleet.house.perform(fleet.actor, DeleteCertificate(fleet.bootstrap.id, confirm_unblock=True))

    assert await fleet.suspended() == 1
    assert await fleet.connects("pump") is Reason.DEVICE_SUSPENDED
    await fleet.house.perform(fleet.actor, ResumeDevice(pump))
    assert await fleet.connects("pump") is Reason.TRUSTED


async def test_a_suspended_device_gets_out_with_no_other_name_and_no_other_certificate(fleet: Fleet) -> None:
    await fleet.onboard("pump")
    await fleet.set_status(Status.INACTIVE, suspend=True)
    lwm2m = device("pump", fleet.lwm2m_ca)

    renamed = await fleet.gateway.ask(lwm2m, service=Service.LWM2M, endpoint_name="pump")
    assert renamed.decision.reason is Reason.DEVICE_SUSPENDED


async def test_the_lists_of_devices_tell_the_same(fleet: Fleet) -> None:
    for number in range(3):
        await fleet.onboard(f"pump {number}")
    await fleet.gateway.let_in(device("bootstrapped", fleet.bootstrap_ca))
    account_id, reads = fleet.actor.account_id or "", fleet.house.database.reads

    async def counts() -> dict[DeviceStatus, int | None]:
        return {
            status: await device_reads.count_devices(reads, account_id, DeviceFilter(status=frozenset({status})))
            for status in DeviceStatus
        }

    assert await counts() == {
        DeviceStatus.BOOTSTRAPPED: 1,
        DeviceStatus.REGISTERED: 3,
        DeviceStatus.SUSPENDED: 0,
    }
    await fleet.set_status(Status.INACTIVE, suspend=True)
    assert await counts() == {DeviceStatus.BOOTSTRAPPED: 0, DeviceStatus.REGISTERED: 0, DeviceStatus.SUSPENDED: 4}


async def test_a_repetition_is_answered_as_the_first_time_was(fleet: Fleet) -> None:
    await fleet.onboard("pump")
    command = SetCertificateStatus(fleet.bootstrap.id, Status.INACTIVE, suspend_devices=True)
    first = await once(fleet, command)
    await fleet.set_status(Status.ACTIVE, resume=True)

    again = await once(fleet, command)

    assert again.devices_suspended_at == first.devices_suspended_at is not None
    assert await fleet.suspended() == 0


async def once(fleet: Fleet, command: SetCertificateStatus) -> CertificateRow:
    """The command with one idempotency key."""
    return (await fleet.house.door.perform_once(fleet.actor, command, ORIGIN, "one")).value
