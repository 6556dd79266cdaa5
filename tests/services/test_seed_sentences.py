"""The seed's sentences on deleting a certificate, each at both services, with one path to an anchor and with two.

Sentences that are proved elsewhere: on the quota, in `test_certificates.py` and `test_developer_certificates.py`; on
blacklisting, enabling and suspending, in `test_seed_on_blacklisting.py` and `test_fleet_suspension.py`.
"""

from datetime import timedelta

import pytest

from app.errors import DeleteWouldUnblock
from app.reasons import Reason
from app.store import reads
from app.terms import DeviceStatus, Service, Usage
from tests.house import House
from tests.rules.authority import AT, make
from tests.services.ways import (
    ENROLLED,
    THIRD_PARTY,
    Kind,
    Ways,
    both_ways,
    each_kind,
    each_service,
    each_way,
    other,
    site_of,
)


def reason_without_anchor(ways: Ways) -> Reason:
    """What is left for a device whose only record is gone, or one of its two."""
    return Reason.NO_TRUST_PATH if ways is Ways.ONE else Reason.TRUSTED


@each_kind
@each_way
async def test_a_deleted_certificate_lets_nobody_in(house: House, kind: Kind, ways: Ways) -> None:
    """What is deleted admits nobody, and with the last certificate of the chain nothing does.

    The seed: "When you delete a bootstrap certificate from Device Management, devices that have the deleted certificate
    in their chain of trust can no longer bootstrap using the deleted certificate; however, they might still be able to
    bootstrap using a different certificate in their chain of trust."
    """
    site = await site_of(house, ways, kind)
    known, new = site.chain("known"), site.chain("new")
    deleted = await site.through(known, kind.service)

    await site.delete(deleted)

    for come in (known, new):
        assert await site.reasons(come, service=kind.service) == [reason_without_anchor(ways)]
        decision = await site.decision(come, kind.service)
        assert deleted not in [record.id for record in decision.records]
    for last in site.others(deleted, kind.service):
        await site.delete(last)
    assert await site.reasons(known, new, service=kind.service) == [Reason.NO_TRUST_PATH] * 2


@each_kind
@both_ways
async def test_a_different_certificate_of_the_chain_lets_the_devices_in(house: House, kind: Kind, ways: Ways) -> None:
    """The same device, and every new one, comes in through the other record.

    The seed: "When you delete a bootstrap certificate from Device Management, devices that have the deleted certificate
    in their chain of trust can no longer bootstrap using the deleted certificate; however, they may still be able to
    bootstrap using a different certificate in their chain of trust."
    """
    site = await site_of(house, ways, kind)
    known = site.chain("known")
    row = await site.gateway.let_in(*known, service=kind.service)
    deleted = await site.through(known, kind.service)

    await site.delete(deleted)

    assert [await site.through(known, kind.service)] == site.others(deleted, kind.service)
    assert [await site.through(site.chain("new"), kind.service)] == site.others(deleted, kind.service)
    assert (await site.gateway.let_in(*known, service=kind.service)).id == row.id


@each_service
@both_ways
async def test_which_of_the_two_is_deleted_makes_no_difference(house: House, service: Service, ways: Ways) -> None:
    """Lower or upper, I or J: whichever is left lets in a device that never came before.

    The seed: "they might still be able to bootstrap using a different certificate in their chain of trust".
    """
    for place in range(2):
        site = await site_of(house, ways)
        await site.delete(site.records[service][place].id)

        assert await site.reasons(site.chain("new"), service=service) == [Reason.TRUSTED]


@each_service
@both_ways
async def test_a_certificate_for_the_other_service_alone_is_none(house: House, service: Service, ways: Ways) -> None:
    """Might, and not will: a certificate for the other service is none to bootstrap with.

    The seed: "they might still be able to bootstrap using a different certificate in their chain of trust".
    """
    site = await site_of(house, ways)
    known = site.chain("known")
    await site.onboard(*known)

    for record in site.records[service]:
        await site.delete(record.id)

    assert await site.reasons(known, site.chain("new"), service=service) == [Reason.WRONG_SERVICE] * 2


@each_kind
async def test_the_chain_is_deleted_with_its_certificate(house: House, kind: Kind) -> None:
    """With the chain the account forgets I: who presents itself alone no longer finds R, which is trusted.

    The seed: "Use the /v3/trusted-certificates/{cert_id} DELETE API to delete certificates and certificate chains in
    Device Management."
    """
    site = await site_of(house, Ways.UPPER, kind)
    whole, alone = site.chain("whole"), site.chain("alone")[:1]
    assert await site.reasons(whole, alone, service=kind.service) == [Reason.TRUSTED] * 2

    await site.delete(site.records[kind.service][0].id)

    assert await site.reasons(alone, whole, service=kind.service) == [Reason.NO_TRUST_PATH, Reason.TRUSTED]
    left = await reads.certificates(
        house.database.reads, site.account_id, [each.id for each in site.records[kind.service]]
    )
    assert list(left) == site.others(site.records[kind.service][0].id, kind.service)


@each_service
@each_way
async def test_devices_that_are_on_board_go_on_at_the_other_service(house: House, service: Service, ways: Ways) -> None:
    """No deletion at one service touches the other: neither of a bootstrap certificate nor of an LwM2M one.

    The seed: "They can also continue to connect to Device Management as long as their LwM2M credentials are still
    valid."
    """
    site = await site_of(house, ways)
    known = site.chain("known")
    row = await site.onboard(*known)

    for record in site.records[service]:
        await site.delete(record.id)

    assert await site.reasons(known, service=other(service)) == [Reason.TRUSTED]
    assert (await site.gateway.device(row.id)).status is DeviceStatus.REGISTERED


@each_way
@pytest.mark.parametrize("shares", [True, False], ids=["credentials of the same CA", "credentials of another CA"])
async def test_they_go_on_until_their_credentials_end(house: House, ways: Ways, *, shares: bool) -> None:
    """As long as: to the end of the credential's validity, whichever CA has issued it.

    The seed: "They can also continue to connect to Device Management as long as their LwM2M credentials are valid."
    """
    site = await site_of(house, ways)
    issuer, presented = site.issuer, site.intermediates
    if not shares:
        issuer, presented = make("Operator"), ()
        await site.trust(issuer, kinds=[THIRD_PARTY])
    end = AT + timedelta(days=1)
    usage = ("digital_signature",)
    credentials = (make("pump", issuer=issuer, is_ca=None, key_usage=usage, not_after=end), *presented)
    await site.gateway.let_in(*site.chain("pump"))
    row = await site.gateway.let_in(*credentials, service=Service.LWM2M)
    for record in site.records[Service.BOOTSTRAP]:
        await site.delete(record.id)

    assert await site.through(credentials, Service.LWM2M) in [each.id for each in site.records[Service.LWM2M]]
    assert (await site.gateway.device(row.id)).status is DeviceStatus.REGISTERED
    house.clock.advance(timedelta(days=2))
    assert await site.reasons(credentials, service=Service.LWM2M) == [Reason.CERT_EXPIRED]


@each_way
async def test_a_claim_outlives_the_certificate_that_it_was_made_for(house: House, ways: Ways) -> None:
    """A deletion gives up no claim and makes none: what is claimed comes in on the other path, and nobody else.

    The seed, of enrollment: "This method of claiming device ownership is called first-to-claim."
    """
    site = await site_of(house, ways)
    claimed, stranger = site.chain("claimed"), site.chain("stranger")
    deleted = await site.through(claimed, Service.BOOTSTRAP)

    await site.delete(deleted)

    left = Reason.NOT_ENROLLED if site.others(deleted, Service.BOOTSTRAP) else Reason.WRONG_SERVICE
    assert (await site.decision(stranger, Service.BOOTSTRAP)).reason is left
    allowed = Reason.TRUSTED if site.others(deleted, Service.BOOTSTRAP) else Reason.WRONG_SERVICE
    assert (await site.decision(claimed, Service.BOOTSTRAP)).reason is allowed


@both_ways
async def test_a_different_certificate_asks_what_its_own_usage_asks(house: House, ways: Ways) -> None:
    """Where the other certificate's ownership is proven no claim is asked for, whatever the deleted one asked.

    The seed: "they may still be able to bootstrap using a different certificate in their chain of trust".
    """
    site = await site_of(house, ways, ENROLLED)
    enrolling, replaced = (record.id for record in site.records[Service.BOOTSTRAP])
    await site.delete(replaced)
    await site.trust(*site.chains[1], kinds=[Kind(Service.BOOTSTRAP, Usage.CREDENTIALS)])

    await site.delete(enrolling)

    assert (await site.decision(site.chain("stranger"), Service.BOOTSTRAP)).reason is Reason.TRUSTED


@each_kind
@both_ways
async def test_deleting_a_blacklisted_certificate_asks_before_it_lets_devices_in(
    house: House, kind: Kind, ways: Ways
) -> None:
    """Whether the other record is above the blacklisted one, or beside it and met in a device's own chain.

    The design: deleting an INACTIVE record lifts the block, and another ACTIVE record may then admit the device: refuse
    with DELETE_WOULD_UNBLOCK unless the caller confirms.
    """
    site = await site_of(house, ways, kind)
    known = site.chain("known")
    assert await site.reasons(known, service=kind.service) == [Reason.TRUSTED]
    blocking = site.records[kind.service][0].id
    await site.blacklist(blocking)
    assert await site.reasons(known, service=kind.service) == [Reason.BLACKLISTED]

    with pytest.raises(DeleteWouldUnblock):
        await site.delete(blocking)
    await site.delete(blocking, confirmed=True)

    assert await site.reasons(known, site.chain("new"), service=kind.service) == [Reason.TRUSTED] * 2
