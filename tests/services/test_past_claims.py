"""Claims in decisions about the past: whatever became of them, the past says what the present said then."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from app.actor import Actor
from app.reasons import Reason
from app.rules import pem
from app.services import decisions, history
from app.services.decisions import Presented
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.services.history import Point
from app.services.trust_states import load
from app.terms import JobKind, Service, Usage
from tests.connecting import Gateway, device, identity_of
from tests.enrolling import csv_of, worked_off
from tests.house import House, actor_of, upload_of
from tests.rules.authority import make

TRUSTED = make("I")
PUMP = device("pump", TRUSTED)
PRESENTED = Presented(pem.encode([PUMP.der]), Service.BOOTSTRAP)


@dataclass
class Witness:
    """Somebody who asks about the pump in an account, again and again, and keeps what was said."""

    house: House
    actor: Actor
    said: list[tuple[datetime, Reason]] = field(default_factory=list)

    @property
    def account_id(self) -> str:
        return self.actor.account_id or ""

    async def ask(self) -> None:
        """Ask now, an hour after what happened and an hour before what follows."""
        self.house.clock.advance(timedelta(hours=1))
        reads, now = self.house.database.reads, self.house.clock.now
        decided = await decisions.present(reads, await load(reads, self.account_id), PRESENTED, now)
        self.said.append((now, decided.decision.reason))
        self.house.clock.advance(timedelta(hours=1))

    async def point(self, instant: datetime) -> Point:
        return await history.point_in_time(
            self.house.database.reads, self.account_id, instant, now=self.house.clock.now
        )

    async def past(self, point: Point) -> Reason:
        return (await decisions.past(self.house.database.reads, point, PRESENTED)).decision.reason

    async def require(self, *reasons: Reason) -> None:
        """These were the answers, and the past gives them too."""
        assert [reason for _, reason in self.said] == list(reasons)
        assert [await self.past(await self.point(instant)) for instant, _ in self.said] == list(reasons)

    async def claim(self, days: int | None = None) -> str:
        return (await self.house.perform(self.actor, ClaimEnrollment(identity_of(PUMP), days))).id

    async def release(self, claim_id: str) -> None:
        await self.house.perform(self.actor, ReleaseEnrollment(claim_id))


async def trusting(house: House) -> Witness:
    """An account that trusts the pump's CA, and must claim the pump."""
    witness = Witness(house, actor_of(await house.account()))
    await house.perform(witness.actor, upload_of(TRUSTED, usage=Usage.ENROLLMENT, name="I"))
    return witness


@pytest.fixture
async def witness(house: House) -> Witness:
    return await trusting(house)


UNCLAIMED, CLAIMED = Reason.NOT_ENROLLED, Reason.TRUSTED


async def test_a_claim_counts_from_when_it_was_made_until_it_was_given_up(witness: Witness) -> None:
    await witness.ask()
    for _ in range(2):
        claim_id = await witness.claim()
        await witness.ask()
        await witness.release(claim_id)
        await witness.ask()

    await witness.require(UNCLAIMED, CLAIMED, UNCLAIMED, CLAIMED, UNCLAIMED)


async def test_a_claim_that_no_device_used_counts_until_its_time_was_over(witness: Witness) -> None:
    await witness.claim(days=1)
    await witness.ask()
    witness.house.clock.advance(timedelta(days=1))
    await witness.ask()

    await witness.require(CLAIMED, UNCLAIMED)


async def test_a_claim_that_a_device_used_counts_after_its_time(witness: Witness) -> None:
    await witness.claim(days=1)
    await witness.ask()
    assert (await Gateway(witness.house, witness.account_id).ask(PUMP)).decision.is_allowed
    witness.house.clock.advance(timedelta(days=1))
    await witness.ask()

    await witness.require(CLAIMED, CLAIMED)


async def test_a_claim_that_gave_way_to_another_accounts_counts_as_it_did(witness: Witness) -> None:
    other = await trusting(witness.house)
    claim_id = await witness.claim(days=1)
    await witness.ask()
    await other.ask()
    witness.house.clock.advance(timedelta(days=1))
    await other.claim()
    await witness.ask()
    await other.ask()

    await witness.require(CLAIMED, UNCLAIMED)
    await witness.release(claim_id)
    await witness.ask()
    await witness.require(CLAIMED, UNCLAIMED, UNCLAIMED)
    await other.require(UNCLAIMED, CLAIMED)


async def test_claims_that_jobs_made_and_ended_count_as_well(witness: Witness) -> None:
    file = csv_of([identity_of(PUMP)])
    kinds: Sequence[JobKind] = (JobKind.ENROLLMENT_CLAIM, JobKind.ENROLLMENT_RELEASE)
    await witness.ask()
    for kind in kinds:
        await worked_off(witness.house, witness.actor, kind, file)
        await witness.ask()

    await witness.require(UNCLAIMED, CLAIMED, UNCLAIMED)


async def test_what_lies_within_the_point_counts_and_not_what_its_instant_has_seen(witness: Witness) -> None:
    """The instant of a tree's size is that of the checkpoint, which may be signed after entries that it leaves out."""
    claim_id = await witness.claim()
    await witness.ask()
    await witness.release(claim_id)
    await witness.ask()
    claimed, given_up = [await witness.point(instant) for instant, _ in witness.said]

    assert await witness.past(replace(claimed, time=given_up.time)) is CLAIMED
    assert await witness.past(replace(claimed, seq=claimed.seq - 1, time=given_up.time)) is UNCLAIMED
