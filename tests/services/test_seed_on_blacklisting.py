"""The seed's sentences on blacklisting, enabling and suspending, each at both services, with one path and with two.

A blacklisted CA blocks wherever it stands above a device and whatever else would let the device in: that is what makes
blacklisting more than deleting, of which the seed says that a different certificate may take over.

Not here: who may suspend, and what one suspension is, in `test_fleet_suspension.py`.
"""

import pytest

from app.reasons import Reason
from app.rules import pem
from app.services.intermediates import RememberIntermediates
from app.store import reads
from app.terms import DeviceStatus, Service, Status
from tests.connecting import device
from tests.house import House
from tests.rules.authority import chain_of_three, make
from tests.services.ways import (
    USUAL,
    Kind,
    Ways,
    both_ways,
    each_kind,
    each_service,
    each_way,
    kinds_with,
    other,
    site_of,
)


@each_kind
@each_way
async def test_a_disabled_certificate_shuts_its_devices_out_everywhere(house: House, kind: Kind, ways: Ways) -> None:
    """At both services, though nobody touches the other service's record of the same CA, nor the second path.

    The seed: "You can also blacklist or disable a certificate. Devices that have the disabled certificate in their
    chain of trust can no longer bootstrap and they cannot connect to Device Management using their LwM2M credentials."
    """
    site = await site_of(house, ways, *kinds_with(kind))
    known = site.chain("known")
    await site.onboard(*known)
    assert await site.everywhere(known) == {Reason.TRUSTED}
    disabled = await site.through(known, kind.service)

    await site.blacklist(disabled)

    assert await site.everywhere(known) == {Reason.BLACKLISTED}
    for service in Service:
        assert [each.id for each in (await site.decision(known, service)).records] == [disabled]


@each_service
@pytest.mark.parametrize("place", range(3), ids=["the root", "the CA between", "the lowest CA"])
async def test_wherever_it_stands_in_the_chain(house: House, service: Service, place: int) -> None:
    """Root, Middle and Fleet are trusted by records of their own; deleting the same one shuts nobody out.

    The seed: "When you blacklist a certificate, devices with a disabled certificate in their chain of trust can no
    longer bootstrap and cannot connect to Device Management using their LwM2M credentials."
    """
    site = await site_of(house, Ways.ONE)
    root, middle, fleet = chain_of_three()
    chains = [(root,), (middle, root), (fleet, middle, root)]
    for each in chains:
        await site.trust(*each)
    come = (device("pump", fleet), fleet, middle)
    await site.onboard(*come)
    chosen = site.records[service][1 + place].id

    await site.blacklist(chosen)
    assert await site.everywhere(come) == {Reason.BLACKLISTED}

    await site.enable(chosen)
    await site.delete(chosen)
    assert await site.everywhere(come) == {Reason.TRUSTED}


@each_kind
@each_way
async def test_new_devices_are_blocked_and_those_of_other_cas_are_not(house: House, kind: Kind, ways: Ways) -> None:
    """All of them: claimed or not, and whatever they present.

    The seed: "Blacklisting a bootstrap certificate blocks all new devices that hold the certificate in their chain of
    trust from connecting to Device Management."
    """
    site = await site_of(house, ways, *kinds_with(kind))
    elsewhere = make("Elsewhere")
    await site.trust(elsewhere, kinds=kinds_with(kind))

    await site.blacklist(site.records[kind.service][0].id)

    claimed, unclaimed, alone = site.chain("claimed"), site.chain("unclaimed"), site.chain("alone")[:1]
    assert await site.everywhere(claimed) == {Reason.BLACKLISTED}
    assert {(await site.decision(unclaimed, each)).reason for each in Service} == {Reason.BLACKLISTED}
    # Nobody has shown S yet, so that nothing leads anywhere from such a device.
    expected = Reason.NO_TRUST_PATH if ways is Ways.CROSSED else Reason.BLACKLISTED
    assert await site.everywhere(alone) == {expected}
    assert await site.everywhere((device("other", elsewhere),)) == {Reason.TRUSTED}


@each_service
async def test_a_device_that_hides_the_path_to_it_is_blocked_where_the_path_is_known(
    house: House, service: Service
) -> None:
    """Hold, not show: S is known in both certificates, and the device presents the one that J has signed.

    The seed: "blocks all new devices that hold the certificate in their chain of trust".
    """
    site = await site_of(house, Ways.CROSSED)
    hiding = (device("new", site.issuer), site.intermediates[1])
    source = pem.encode([each.der for each in site.intermediates])
    await house.perform(site.actor, RememberIntermediates(source))

    await site.blacklist(site.records[service][0].id)

    assert await site.everywhere(hiding) == {Reason.BLACKLISTED}


@each_service
@each_way
async def test_devices_that_have_onboarded_go_on_with_other_credentials(
    house: House, service: Service, ways: Ways
) -> None:
    """They do where the credential for the other service has no blacklisted certificate in its chain.

    The seed: "Devices that have already onboarded to Izuma Device Management can continue operation normally."
    """
    site = await site_of(house, ways)
    operator = make("Operator")
    await site.trust(operator)
    mine, others = site.chain("pump"), (device("pump", operator),)
    await site.gateway.let_in(*mine, service=service)
    row = await site.gateway.let_in(*others, service=other(service))

    await site.blacklist(await site.through(mine, service))

    assert await site.reasons(others, service=other(service)) == [Reason.TRUSTED]
    assert (await site.gateway.device(row.id)).status is DeviceStatus.REGISTERED
    assert await site.reasons(mine, service=service) == [Reason.BLACKLISTED]


@each_service
@each_way
async def test_suspending_the_devices_is_a_choice(house: House, service: Service, ways: Ways) -> None:
    """Without the choice none is suspended; with it those are that would have gone on.

    The seed: "You can also choose to suspend devices that are already onboarded."
    """
    site = await site_of(house, ways)
    operator = make("Operator")
    await site.trust(operator)
    mine, others = site.chain("pump"), (device("pump", operator),)
    await site.gateway.let_in(*mine, service=service)
    row = await site.gateway.let_in(*others, service=other(service))
    chosen = await site.through(mine, service)

    await site.blacklist(chosen)
    assert await site.suspended(chosen) == 0
    assert (await site.gateway.device(row.id)).status is DeviceStatus.REGISTERED

    await site.blacklist(chosen, suspend=True)
    assert await site.suspended(chosen) == 1
    assert (await site.gateway.device(row.id)).status is DeviceStatus.SUSPENDED
    assert await site.reasons(others, service=other(service)) == [Reason.DEVICE_SUSPENDED]


@each_service
@both_ways
async def test_devices_are_suspended_with_the_certificate_that_they_used(
    house: House, service: Service, ways: Ways
) -> None:
    """Used: not those that came on the second path; and those that did stay suspended on whatever path they come.

    The seed: "If you choose this option, blacklisting a certificate from the Device Management portal automatically
    suspends devices that have already registered using that certificate."
    """
    site = await site_of(house, ways)
    kinds = [kind for kind in USUAL if kind.service is service]
    beside, known = site.chain("beside"), site.chain("known")
    first, second = (record.id for record in site.records[service])
    await site.delete(first)
    assert await site.through(beside, service) == second
    await site.delete(second)
    await site.trust(*site.chains[0], kinds=kinds)
    used = await site.through(known, service)
    await site.trust(*site.chains[1], kinds=kinds)

    await site.blacklist(used, suspend=True)

    assert await site.suspended(used) == 1
    assert await site.reasons(beside, known, service=service) == [Reason.BLACKLISTED] * 2
    await site.delete(used, confirmed=True)
    assert await site.reasons(beside, known, service=service) == [Reason.TRUSTED, Reason.DEVICE_SUSPENDED]


@each_kind
async def test_the_status_says_whether_it_is_blacklisted(house: House, kind: Kind) -> None:
    """The record's status changes, and no other's.

    The seed: "Click Blacklist certificate. You can see that the status of the certificate is now Inactive.", "Click
    Activate certificate. You can see that the status of the certificate is now Active.", and "Use
    /v3/trusted-certificates/{cert_id} PUT API to blacklist or enable a blacklisted certificate by changing the
    certificate's status."
    """
    site = await site_of(house, Ways.ONE, *kinds_with(kind))
    (record,), (untouched,) = site.records[kind.service], site.records[other(kind.service)]

    async def statuses() -> list[Status]:
        rows = await reads.certificates(house.database.reads, site.account_id, [record.id, untouched.id])
        return [rows[each.id].status for each in (record, untouched)]

    assert await statuses() == [Status.ACTIVE, Status.ACTIVE]
    await site.blacklist(record.id)
    assert await statuses() == [Status.INACTIVE, Status.ACTIVE]
    await site.enable(record.id)
    assert await statuses() == [Status.ACTIVE, Status.ACTIVE]


@each_kind
@each_way
async def test_enabling_lets_everybody_in_again(house: House, kind: Kind, ways: Ways) -> None:
    """Devices on board, and those that were refused in the meantime; through the same record as before.

    The seed: "To enable (activate) a blacklisted certificate".
    """
    site = await site_of(house, ways, *kinds_with(kind))
    known, new = site.chain("known"), site.chain("new")
    row = await site.onboard(*known)
    used = await site.through(known, kind.service)
    await site.blacklist(used)
    assert await site.everywhere(known, new) == {Reason.BLACKLISTED}

    await site.enable(used)

    assert await site.everywhere(known, new) == {Reason.TRUSTED}
    assert await site.through(known, kind.service) == used
    assert (await site.gateway.device(row.id)).status is DeviceStatus.REGISTERED


@each_service
@both_ways
async def test_enabling_one_of_two_blacklisted_certificates_enables_nobody_below_the_other(
    house: House, service: Service, ways: Ways
) -> None:
    """One that is left is enough, also of the other service.

    The seed: "devices with a disabled certificate in their chain of trust can no longer bootstrap and cannot connect to
    Device Management using their LwM2M credentials".
    """
    site = await site_of(house, ways)
    known = site.chain("known")
    await site.onboard(*known)
    first, second = site.records[service][0].id, site.records[other(service)][1].id
    await site.blacklist(first)
    await site.blacklist(second)

    await site.enable(first)
    assert await site.everywhere(known) == {Reason.BLACKLISTED}

    await site.enable(second)
    assert await site.everywhere(known) == {Reason.TRUSTED}
