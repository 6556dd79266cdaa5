"""First to claim: a device under an ENROLLMENT record comes in where its account has claimed it, and nowhere else."""

import hashlib

import pytest

from app.reasons import Reason
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.store.enrollments import EnrollmentRow
from app.store.rows import AccountRow
from app.terms import JobKind, Service, Usage
from tests.connecting import Gateway, device, identity_of
from tests.enrolling import csv_of, held_claim, worked_off
from tests.house import House, actor_of
from tests.rules.authority import Made, make


@pytest.fixture
async def supplier() -> Made:
    """A CA of the manufacturer's."""
    return make("Supplier")


async def buys_from(house: House, supplier: Made, name: str) -> tuple[AccountRow, Gateway]:
    """An account that trusts the supplier's CA for enrollment, with its gateway."""
    account = await house.account(name=name)
    await house.upload(actor_of(account), supplier, usage=Usage.ENROLLMENT, service=Service.BOOTSTRAP)
    return account, Gateway(house, account.id)


async def claim_of(house: House, account: AccountRow, made: Made) -> EnrollmentRow | None:
    fingerprint = hashlib.sha256(made.der).digest()
    return await held_claim(house.database.reads, account.id, fingerprint, house.clock())


async def test_an_unclaimed_device_is_refused_and_a_claimed_one_comes_in(house: House, supplier: Made) -> None:
    """Select this "if you purchased pre-provisioned devices": the seed's enrollment, first to claim."""
    account, gateway = await buys_from(house, supplier, "acme")
    pump = device("pump", supplier)

    before = await gateway.ask(pump)
    await house.perform(actor_of(account), ClaimEnrollment(identity_of(pump)))
    after = await gateway.ask(pump)
    await gateway.flush()

    assert (before.device_id, before.decision.reason) == (None, Reason.NOT_ENROLLED)
    assert after.decision.reason is Reason.TRUSTED
    claim = await claim_of(house, account, pump)
    assert claim is not None
    assert (claim.device_id, claim.claimed_at is None) == (after.device_id, False)


async def test_another_accounts_claim_lets_nobody_in_here(house: House, supplier: Made) -> None:
    acme, _ = await buys_from(house, supplier, "acme")
    _, gateway = await buys_from(house, supplier, "umbrella")
    pump = device("pump", supplier)
    await house.perform(actor_of(acme), ClaimEnrollment(identity_of(pump)))

    answer = await gateway.ask(pump)
    await gateway.flush()

    assert answer.decision.reason is Reason.NOT_ENROLLED


async def test_a_claim_that_is_given_up_shuts_the_device_out_at_once(house: House, supplier: Made) -> None:
    account, gateway = await buys_from(house, supplier, "acme")
    pump = device("pump", supplier)
    claimed = await house.perform(actor_of(account), ClaimEnrollment(identity_of(pump)))
    assert (await gateway.ask(pump)).device_id is not None

    await house.perform(actor_of(account), ReleaseEnrollment(claimed.id))
    answer = await gateway.ask(pump)
    await gateway.flush()

    assert answer.decision.reason is Reason.NOT_ENROLLED


async def test_a_claim_that_a_job_made_is_used_as_any_other(house: House, supplier: Made) -> None:
    account, gateway = await buys_from(house, supplier, "acme")
    pump = device("pump", supplier)
    await worked_off(house, actor_of(account), JobKind.ENROLLMENT_CLAIM, csv_of([identity_of(pump)]))

    assert (await gateway.ask(pump)).device_id is not None

    claim = await claim_of(house, account, pump)
    assert claim is not None
    assert claim.claimed_at is not None
    await house.perform(actor_of(account), ReleaseEnrollment(claim.id))


async def test_records_of_other_usages_ask_for_no_claim(house: House, supplier: Made) -> None:
    account = await house.account()
    gateway = Gateway(house, account.id)
    await house.upload(actor_of(account), supplier, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)

    answer = await gateway.ask(device("pump", supplier), service=Service.LWM2M)

    assert answer.decision.reason is Reason.TRUSTED
