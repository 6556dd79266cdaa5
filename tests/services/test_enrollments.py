"""One account in the whole installation holds the claim of an identity, and for as long as the claim lasts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.actor import Actor, Role
from app.errors import AlreadyClaimed, Forbidden, InvalidInput, NotFound
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.store.enrollments import EnrollmentRow
from tests.enrolling import fingerprint, held_claim, identity
from tests.house import ORIGIN, House, actor_of

MICROSECOND = timedelta(microseconds=1)


async def two(house: House) -> tuple[Actor, Actor]:
    """Somebody of each of two accounts."""
    return actor_of(await house.account()), actor_of(await house.account())


async def holder(house: House, name: str, *actors: Actor) -> list[bool]:
    """Whether each of them has a claim that counts now."""
    found = [
        await held_claim(house.database.reads, actor.account_id or "", fingerprint(name), house.clock())
        for actor in actors
    ]
    return [each is not None for each in found]


@pytest.mark.parametrize("spell", [str, lambda text: f"A-{text[2:].lower()}"])
async def test_an_identity_is_claimed_once_in_the_whole_installation(house: House, spell: type[str]) -> None:
    one, other = await two(house)
    await house.perform(one, ClaimEnrollment(identity("d")))

    refusals = []
    for actor in (other, one):
        with pytest.raises(AlreadyClaimed) as refused:
            await house.perform(actor, ClaimEnrollment(spell(identity("d"))))
        refusals.append((refused.value.message, refused.value.path))
        assert (await house.last_entry(actor.account_id or "")).code == "ALREADY_CLAIMED"

    assert refusals == [refusals[0]] * 2, "whose it is, is not said"
    assert await holder(house, "d", one, other) == [True, False]


async def test_of_all_who_claim_an_identity_at_once_exactly_one_gets_it(house: House) -> None:
    accounts = [actor_of(await house.account()) for _ in range(10)]

    for name in ("a", "b", "c"):
        ended = await asyncio.gather(
            *(house.perform(actor, ClaimEnrollment(identity(name))) for actor in accounts), return_exceptions=True
        )
        won = [each for each in ended if isinstance(each, EnrollmentRow)]
        assert len(won) == 1
        assert {type(each) for each in ended} == {EnrollmentRow, AlreadyClaimed}
        assert (await holder(house, name, *accounts)).count(True) == 1


async def test_what_is_no_identity_is_refused_and_not_repeated(house: House) -> None:
    actor = actor_of(await house.account())
    with pytest.raises(InvalidInput):
        await house.perform(actor, ClaimEnrollment("=cmd|calc"))

    entry = await house.last_entry(actor.account_id or "")
    assert (entry.action, entry.code, entry.target_name) == ("enrollment.claim", "INVALID_INPUT", None)
    assert "calc" not in str(entry.body)


async def test_a_claim_that_nobody_used_counts_until_its_expiry_and_then_anybody_may_claim(house: House) -> None:
    one, other = await two(house)
    made = await house.perform(one, ClaimEnrollment(identity("d"), expires_after_days=30))
    assert made.expires_at == made.created_at + timedelta(days=30)
    reads, account = house.database.reads, one.account_id or ""
    assert await held_claim(reads, account, fingerprint("d"), made.expires_at - MICROSECOND) is not None
    assert await held_claim(reads, account, fingerprint("d"), made.expires_at) is None

    # Every look at the clock is a microsecond later.
    house.clock.now = made.expires_at - 2 * MICROSECOND
    with pytest.raises(AlreadyClaimed):
        await house.perform(other, ClaimEnrollment(identity("d")))
    taken = await house.perform(other, ClaimEnrollment(identity("d")))

    assert taken.created_at == made.expires_at
    assert await holder(house, "d", one, other) == [False, True]
    # It can still be given up, and does not take the other's with it.
    await house.perform(one, ReleaseEnrollment(made.id))
    assert await holder(house, "d", one, other) == [False, True]


async def test_a_claim_without_a_time_never_ends(house: House) -> None:
    one, other = await two(house)
    await house.perform(one, ClaimEnrollment(identity("d")))
    house.clock.advance(timedelta(days=36_500))

    with pytest.raises(AlreadyClaimed):
        await house.perform(other, ClaimEnrollment(identity("d")))
    assert await holder(house, "d", one, other) == [True, False]


async def test_what_was_given_up_is_free_again(house: House) -> None:
    one, other = await two(house)
    made = await house.perform(one, ClaimEnrollment(identity("d")))

    assert await house.perform(one, ReleaseEnrollment(made.id, "Sold")) == made
    assert await holder(house, "d", one, other) == [False, False]
    with pytest.raises(NotFound):
        await house.perform(one, ReleaseEnrollment(made.id))
    await house.perform(other, ClaimEnrollment(identity("d")))
    assert await holder(house, "d", one, other) == [False, True]


async def test_anothers_claim_is_as_little_there_as_one_that_nobody_made(house: House) -> None:
    one, other = await two(house)
    made = await house.perform(one, ClaimEnrollment(identity("d")))

    refusals = []
    for enrollment_id in (made.id, "f" * 32):
        with pytest.raises(NotFound) as refused:
            await house.perform(other, ReleaseEnrollment(enrollment_id))
        refusals.append((refused.value.message, refused.value.path))
    assert refusals[0] == refusals[1]
    assert await holder(house, "d", one, other) == [True, False]


async def test_a_repeated_request_claims_and_gives_up_once(house: House) -> None:
    actor = actor_of(await house.account())
    claims = [
        (await house.door.perform_once(actor, ClaimEnrollment(identity("d"), 30), ORIGIN, "key 1")).value
        for _ in range(2)
    ]
    assert replace(claims[1], created_audit_id=claims[0].created_audit_id) == claims[0]
    for _ in range(2):
        done = await house.door.perform_once(actor, ReleaseEnrollment(claims[0].id), ORIGIN, "key 2")
        assert done.value.id == claims[0].id
    assert [(entry.action, entry.code) for entry in await house.log_of(actor.account_id or "")][-4:] == [
        ("enrollment.claim", None),
        ("enrollment.claim", "IDEMPOTENT_REPLAY"),
        ("enrollment.release", None),
        ("enrollment.release", "IDEMPOTENT_REPLAY"),
    ]


async def test_reading_devices_is_not_claiming_them(house: House) -> None:
    account = await house.account()
    for role in Role:
        command = ClaimEnrollment(identity(role))
        if role in (Role.ADMIN, Role.OPERATOR):
            await house.perform(actor_of(account, role), command)
        else:
            with pytest.raises(Forbidden):
                await house.perform(actor_of(account, role), command)


async def test_an_entry_says_what_was_claimed(house: House) -> None:
    actor = actor_of(await house.account())
    made = await house.perform(actor, ClaimEnrollment(identity("d"), 30))

    entry = await house.last_entry(actor.account_id or "")
    assert (entry.action, entry.result, entry.target_name) == ("enrollment.claim", "success", identity("d"))
    change = entry.body["change"]
    assert isinstance(change, dict)
    assert change["before"] is None
    assert change["after"]["fingerprint"] == fingerprint("d").hex()
    assert change["after"]["id"] == made.id
    assert change["after"]["batch"] is None
