"""The account's trust has changed since a device came, and then the database goes away."""

from collections.abc import Awaitable, Callable

import pytest

from app.actor import command_line
from app.services.accounts import Feature, SetAccountFeature
from app.services.certificates import SetCertificateStatus, UpdateCertificate
from app.services.devices import SuspendDevice
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.terms import Service, Status, Usage
from tests.enrolling import identity
from tests.house import actor_of, upload_of
from tests.rules.authority import make
from tests.services.test_outage import BLOCKED, KNOWN, NEW, Outage, outage

__all__ = ["outage"]


async def _uploaded(outage: Outage) -> None:
    command = upload_of(make("Third CA"), name="third", usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    await outage.house.perform(actor_of(outage.account), command)


async def _renamed(outage: Outage) -> None:
    await outage.house.perform(actor_of(outage.account), UpdateCertificate(outage.records["good"], name="better"))


async def _claimed(outage: Outage) -> None:
    await outage.house.perform(actor_of(outage.account), ClaimEnrollment(identity("another")))


async def _given_up(outage: Outage) -> None:
    claim = await outage.house.perform(actor_of(outage.account), ClaimEnrollment(identity("another")))
    await outage.house.perform(actor_of(outage.account), ReleaseEnrollment(claim.id))


async def _another_suspended(outage: Outage) -> None:
    another = (await outage.process.ask(outage.account, NEW)).device_id or ""
    await outage.house.perform(actor_of(outage.account), SuspendDevice(another, "lost"))


async def _suspended(outage: Outage) -> None:
    known = (await outage.process.ask(outage.account, KNOWN)).device_id or ""
    await outage.house.perform(actor_of(outage.account), SuspendDevice(known, "lost"))


async def _blacklisted(outage: Outage) -> None:
    await outage.house.perform(actor_of(outage.account), SetCertificateStatus(outage.records["good"], Status.INACTIVE))


async def _all_audited(outage: Outage) -> None:
    switched = SetAccountFeature(outage.account.id, Feature.AUDIT_ALL_DECISIONS, enabled=True)
    await outage.house.perform(command_line(outage.account.id, "root"), switched)


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        (_uploaded, "TRUSTED"),
        (_renamed, "TRUSTED"),
        (_claimed, "TRUSTED"),
        (_given_up, "STATE_UNKNOWN"),
        (_another_suspended, "STATE_UNKNOWN"),
        (_suspended, "STATE_UNKNOWN"),
        (_blacklisted, "BLACKLISTED"),
        (_all_audited, "STATE_UNKNOWN"),
    ],
)
async def test_a_device_that_may_stand_otherwise_is_refused_and_every_other_goes_on(
    outage: Outage, happened: Callable[[Outage], Awaitable[None]], reason: str
) -> None:
    await happened(outage)
    # Somebody else's question: the process knows the new state, and has not looked at this device since.
    outage.monotonic.now += 1
    assert await outage.ask(BLOCKED) == ("BLACKLISTED", 0.0)
    outage.database.is_away = True
    outage.monotonic.now += 2

    assert [await outage.ask(KNOWN), await outage.ask(KNOWN)] == [(reason, 2.0), (reason, 2.0)]
    assert await outage.ask(NEW) == ("BLACKLISTED" if reason == "BLACKLISTED" else "STATE_UNKNOWN", 2.0)

    outage.database.is_away = False
    outage.monotonic.now += 1
    expected = {"STATE_UNKNOWN": "TRUSTED"}.get(reason, reason)
    assert await outage.ask(KNOWN) == ("DEVICE_SUSPENDED" if happened is _suspended else expected, 0.0)
