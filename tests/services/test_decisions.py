"""What would be decided about a chain, now and at points of the past, without letting anybody in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from app.actor import Actor, command_line
from app.errors import DeviceRefused
from app.reasons import Reason
from app.rules import pem
from app.services import decisions, history
from app.services.accounts import Feature, SetAccountFeature
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.decisions import Decided, Presented
from app.services.devices import ConnectDevice, SuspendDevice
from app.services.trust_states import load
from app.store.rows import CertificateRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device
from tests.house import House, actor_of, upload_of
from tests.rules.authority import Made, make

ROOT = make("R")
TRUSTED = make("I", issuer=ROOT)
SUB = make("S", issuer=TRUSTED)


def text(*chain: Made) -> str:
    return pem.encode([made.der for made in chain])


@dataclass
class Verifier:
    """Somebody who asks about chains in an account."""

    house: House
    actor: Actor

    @property
    def account_id(self) -> str:
        return self.actor.account_id or ""

    async def now(self, *chain: Made, **more: str) -> Decided:
        """The decision of now."""
        return await self.about(text(*chain), **more)

    async def about(self, source: str | bytes, *, endpoint_name: str | None = None) -> Decided:
        """The decision of now about whatever this is."""
        reads = self.house.database.reads
        state = await load(reads, self.account_id)
        presented = Presented(source, Service.BOOTSTRAP, endpoint_name)
        return await decisions.present(reads, state, presented, self.house.clock())

    async def at(self, instant: datetime, *chain: Made) -> Decided:
        """The decision of a past instant."""
        reads = self.house.database.reads
        point = await history.point_in_time(reads, self.account_id, instant, now=self.house.clock())
        return await decisions.past(reads, point, Presented(text(*chain), Service.BOOTSTRAP))

    async def trust(self, *chain: Made, name: str = "I") -> CertificateRow:
        """A record of the bootstrap server."""
        return await self.house.perform(self.actor, upload_of(*chain, usage=Usage.ENROLLMENT, name=name))

    async def claim(self, made: Made) -> None:
        """Have the account claim the device."""
        await Gateway(self.house, self.account_id).claim(made)

    def later(self) -> datetime:
        """An instant after everything so far, and before everything that follows."""
        self.house.clock.advance(timedelta(hours=1))
        then = self.house.clock.now
        self.house.clock.advance(timedelta(hours=1))
        return then


@pytest.fixture
async def verifier(house: House) -> Verifier:
    """An account that trusts nothing yet."""
    return Verifier(house, actor_of(await house.account()))


async def test_now_is_what_the_account_trusts_now_and_nobody_is_let_in(verifier: Verifier) -> None:
    pump = device("pump", TRUSTED)
    assert (await verifier.now(pump)).decision.reason is Reason.NO_TRUST_PATH
    record = await verifier.trust(TRUSTED, ROOT)
    assert (await verifier.now(pump)).decision.reason is Reason.NOT_ENROLLED
    await verifier.claim(pump)
    before = len(await verifier.house.log_of(verifier.account_id))

    decided = await verifier.now(pump)

    assert (decided.decision.reason, [each.id for each in decided.decision.records]) == (Reason.TRUSTED, [record.id])
    assert len(await verifier.house.log_of(verifier.account_id)) == before


async def test_a_suspended_device_is_refused_by_its_name_and_by_its_certificate(verifier: Verifier) -> None:
    await verifier.trust(TRUSTED, ROOT)
    pump = device("pump", TRUSTED)
    came_in = await Gateway(verifier.house, verifier.account_id).let_in(pump, name="urn:pump")
    await verifier.house.perform(verifier.actor, SuspendDevice(came_in.id, "lost"))

    assert (await verifier.now(pump)).decision.reason is Reason.DEVICE_SUSPENDED
    by_name = await verifier.now(device("another", TRUSTED), endpoint_name="urn:pump")
    assert by_name.decision.reason is Reason.DEVICE_SUSPENDED
    await verifier.claim(another := device("another", TRUSTED))
    assert (await verifier.now(another)).decision.reason is Reason.TRUSTED


async def test_whoever_is_refused_for_another_devices_suspension_is_told_which_device_to_resume(
    verifier: Verifier,
) -> None:
    """By the gateway from memory, in the transaction that would let it in, and by whoever asks."""
    await verifier.trust(TRUSTED, ROOT)
    pump, gateway = device("pump", TRUSTED), Gateway(verifier.house, verifier.account_id)
    suspended = await gateway.let_in(pump, name="old name")
    before = await load(verifier.house.database.reads, verifier.account_id)
    would_be = await verifier.now(pump, endpoint_name="new name")
    await verifier.house.perform(verifier.actor, SuspendDevice(suspended.id, "lost"))

    told = [
        (await gateway.ask(pump, endpoint_name="new name")).decision.explanation,
        (await gateway.ask(pump, endpoint_name="old name")).decision.explanation,
        (await verifier.now(pump, endpoint_name="new name")).decision.explanation,
        (await verifier.now(pump)).decision.explanation,
    ]
    with pytest.raises(DeviceRefused) as refused:
        await verifier.house.perform(verifier.actor, ConnectDevice("new name", would_be.decision, before))

    by_another = (
        "The device shares its name, or its certificate's subject and key, with “old name”, which is suspended:"
        " resume that one to let it in."
    )
    its_own = "The device is suspended: resume it to let it in."
    assert told == [by_another, its_own, by_another, its_own]
    assert refused.value.message == by_another


async def test_a_name_in_a_certificate_that_a_suspended_device_has_is_told_as_well(verifier: Verifier) -> None:
    await verifier.trust(TRUSTED, ROOT)
    gateway, made = Gateway(verifier.house, verifier.account_id), device("pump", TRUSTED)
    await gateway.let_in(made, name="one")
    suspended = await gateway.let_in(device("another", TRUSTED), name="pump")
    await verifier.house.perform(verifier.actor, SuspendDevice(suspended.id, "lost"))

    assert "with “pump”" in (await gateway.ask(made)).decision.explanation
    assert (await gateway.ask(made, endpoint_name="one")).decision.is_allowed


async def test_the_past_is_decided_by_the_records_of_then(verifier: Verifier) -> None:
    pump = device("pump", TRUSTED)
    empty = verifier.later()
    record = await verifier.trust(TRUSTED, ROOT)
    unclaimed = verifier.later()
    await verifier.claim(pump)
    trusted = verifier.later()
    await verifier.house.perform(verifier.actor, SetCertificateStatus(record.id, Status.INACTIVE))
    blacklisted = verifier.later()
    await verifier.house.perform(verifier.actor, DeleteCertificate(record.id))
    deleted = verifier.later()

    instants = [empty, unclaimed, trusted, blacklisted, deleted]
    said = [await verifier.at(instant, pump) for instant in instants]

    assert [each.decision.reason for each in said] == [
        Reason.NO_TRUST_PATH,
        Reason.NOT_ENROLLED,
        Reason.TRUSTED,
        Reason.BLACKLISTED,
        Reason.NO_TRUST_PATH,
    ]
    assert [each.decision.question.at for each in said] == instants
    assert said[3].trusted is not None
    assert [(row.id, row.status) for row in said[3].trusted.records] == [(record.id, Status.INACTIVE)]
    assert (await verifier.now(pump)).decision.reason is Reason.NO_TRUST_PATH


async def test_the_past_is_decided_at_its_instant(verifier: Verifier) -> None:
    start = verifier.house.clock.now
    ends = make("pump", issuer=TRUSTED, is_ca=None, key_usage=None, not_after=start + timedelta(days=1))
    await verifier.trust(TRUSTED, ROOT)
    await verifier.claim(ends)
    then = verifier.later()
    verifier.house.clock.advance(timedelta(days=2))

    assert (await verifier.at(then, ends)).decision.reason is Reason.TRUSTED
    assert (await verifier.now(ends)).decision.reason is Reason.CERT_EXPIRED


async def test_the_past_takes_what_is_presented_and_uploaded_and_no_remembered_intermediate(
    verifier: Verifier,
) -> None:
    await verifier.trust(TRUSTED, ROOT)
    await Gateway(verifier.house, verifier.account_id).let_in(device("first", SUB), SUB)
    await verifier.claim(second := device("second", SUB))
    then = verifier.later()

    assert (await verifier.now(second)).decision.reason is Reason.TRUSTED
    assert (await verifier.at(then, second)).decision.reason is Reason.NO_TRUST_PATH
    assert (await verifier.at(then, second, SUB)).decision.reason is Reason.TRUSTED


async def test_a_suspension_does_not_change_what_the_past_would_have_said(verifier: Verifier) -> None:
    await verifier.trust(TRUSTED, ROOT)
    pump = device("pump", TRUSTED)
    came_in = await Gateway(verifier.house, verifier.account_id).let_in(pump)
    await verifier.house.perform(verifier.actor, SuspendDevice(came_in.id, "lost"))

    assert (await verifier.at(verifier.later(), pump)).decision.reason is Reason.TRUSTED


async def test_possession_counts_as_it_stood_then(verifier: Verifier) -> None:
    await verifier.house.perform(verifier.actor, upload_of(TRUSTED, ROOT, usage=Usage.CREDENTIALS))
    pending = verifier.later()
    off = SetAccountFeature(verifier.account_id, Feature.REQUIRE_POSSESSION, enabled=False)
    await verifier.house.perform(command_line(verifier.account_id, "root"), off)

    assert (await verifier.at(pending, device("pump", TRUSTED))).decision.reason is Reason.POSSESSION_PENDING


KEY = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", Reason.INPUT_EMPTY),
        (b"", Reason.INPUT_EMPTY),
        ("no certificate", Reason.NOT_PEM),
        ("-----BEGIN CERTIFICATE-----\n", Reason.PEM_MALFORMED),
        ("-----BEGIN X-----\nMAA=\n-----END X-----\n", Reason.PEM_UNEXPECTED_BLOCK),
        ("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", Reason.CERT_UNPARSEABLE),
        (b"\x30\x00", Reason.CERT_UNPARSEABLE),
        ("x" * 70_000, Reason.INPUT_TOO_LARGE),
        (text(*[ROOT] * 11), Reason.TOO_MANY_CERTIFICATES),
        (text(ROOT) + KEY, Reason.PRIVATE_KEY_PRESENT),
    ],
)
async def test_what_cannot_be_read_is_refused_with_its_reason(
    verifier: Verifier, source: str | bytes, reason: Reason
) -> None:
    decision = (await verifier.about(source)).decision

    assert (decision.reason, decision.tried, decision.records) == (reason, (), ())
    assert "MIGHAg" not in decision.explanation


@pytest.mark.parametrize("name", ["", "x" * 256, "a\nb"])
async def test_an_endpoint_name_that_is_none_is_refused(verifier: Verifier, name: str) -> None:
    await verifier.trust(TRUSTED, ROOT)

    decided = await verifier.about(text(device("pump", TRUSTED)), endpoint_name=name)

    assert decided.decision.reason is Reason.ENDPOINT_NAME_INVALID


async def test_one_certificate_as_der_is_the_device_alone(verifier: Verifier) -> None:
    await verifier.trust(TRUSTED, ROOT)

    await verifier.claim(pump := device("pump", TRUSTED))

    assert (await verifier.about(pump.der)).decision.reason is Reason.TRUSTED
