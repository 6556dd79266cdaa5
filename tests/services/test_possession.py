"""A challenge is answered once, and every wrong proof costs one of its attempts, whatever runs at the same time."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from app.errors import (
    AuditUnavailable,
    CertificateRejected,
    ChallengeUsed,
    InvalidState,
    NotFound,
    PrivateKeyPresent,
    Refusal,
)
from app.rules import pem
from app.rules.possession import ATTEMPTS, Proof, Signature, VerificationCertificate
from app.services import history
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.door import Door
from app.services.possession import (
    CreatePossessionChallenge,
    ProvePossession,
    asked,
    fresh_nonce,
    is_open,
    proofs_left,
)
from app.store import reads
from app.store.database import Role, open_database
from app.terms import Possession, Status, Usage
from tests.house import ORIGIN, House, actor_of, fresh_ca
from tests.rules.challenging import issued, key_text, presented
from tests.services.claiming import WRONG, Claim


@pytest.fixture
async def claim(house: House) -> Claim:
    return await Claim.made(house)


async def test_a_challenge_is_stored_and_recorded_with_its_nonce(claim: Claim) -> None:
    challenged = await claim.challenged()
    challenge = challenged.challenge

    assert challenged.record == claim.record
    assert await claim.stored(challenge) == challenge
    assert (challenge.certificate_id, challenge.fingerprint) == (claim.record.id, claim.record.fingerprint)
    assert challenge.signature_expires_at - challenge.created_at == timedelta(hours=24)
    assert challenge.certificate_expires_at - challenge.created_at == timedelta(hours=72)
    said = await claim.house.last_entry(claim.account.id)
    assert (said.action, said.result, said.target_name) == ("possession.challenge", "success", "Plant 1")
    change = said.body["change"]
    assert isinstance(change, dict)
    assert change["before"] == change["after"]
    assert change["challenge"] == {
        "id": challenge.id,
        "nonce": asked(challenge).nonce_text,
        "created_at": said.body["time"],
        "signature_expires_at": "2026-06-02" + str(said.body["time"])[10:],
        "certificate_expires_at": "2026-06-04" + str(said.body["time"])[10:],
        "attempts": 5,
    }


@pytest.mark.parametrize("way", ["signature", "certificate"])
async def test_a_right_proof_makes_the_record_proven(claim: Claim, way: str) -> None:
    challenge = await claim.challenge()
    proof = claim.signature(challenge) if way == "signature" else claim.certificate(challenge)

    proven = await claim.prove(challenge, proof)

    assert (proven.possession, proven.version) == (Possession.PROVEN, claim.record.version + 1)
    assert await claim.present() == proven
    used = await claim.stored(challenge)
    assert (used.used_at, used.attempts_left, proofs_left(used)) == (proven.updated_at, ATTEMPTS, 0)
    said = await claim.house.last_entry(claim.account.id)
    assert (said.action, said.result, said.target_name) == ("possession.prove", "success", "Plant 1")
    change = said.body["change"]
    assert isinstance(change, dict)
    assert (change["before"]["possession"], change["after"]["possession"]) == ("PENDING", "PROVEN")
    assert (change["challenge_id"], change["method"]) == (challenge.id, proof.method)
    assert change["proof_sha256"] == proof.sha256.hex()


async def test_the_past_knows_when_a_record_was_proven(claim: Claim) -> None:
    challenge = await claim.challenge()
    before = claim.house.clock.now
    proven = await claim.prove(challenge, claim.signature(challenge))

    for instant, record in ((before, claim.record), (claim.house.clock.now, proven)):
        reader = claim.house.database.reads
        point = await history.point_in_time(reader, claim.account.id, instant, now=claim.house.clock.now)
        trusted = await history.trusted(reader, point)
        assert trusted.records == (record,)


async def test_every_wrong_proof_takes_an_attempt_until_none_is_left(claim: Claim) -> None:
    challenge = await claim.challenge()
    elsewhere = presented(issued(fresh_ca(), asked(challenge).verification_code))
    wrong: list[tuple[Proof, str]] = [
        (WRONG, "POP_SIGNATURE_INVALID"),
        (Signature(b"x"), "POP_SIGNATURE_MALFORMED"),
        (elsewhere, "POP_CERT_WRONG_ISSUER"),
        (presented(issued(claim.ca, "tcpop1-")), "POP_CODE_MISMATCH"),
        (presented(claim.ca, claim.ca), "POP_CERT_COUNT"),
    ]
    for number, (proof, code) in enumerate(wrong, start=1):
        refusal = await claim.refused(challenge, proof)

        assert (refusal.code, refusal.recorded_code) == ("PROOF_REJECTED", code)
        assert getattr(refusal, "attempts_left", None) == ATTEMPTS - number
        assert (await claim.stored(challenge)).attempts_left == ATTEMPTS - number

    last = await claim.refused(challenge, claim.signature(challenge))
    assert (type(last), last.code) == (InvalidState, "INVALID_STATE")
    assert (await claim.stored(challenge)).attempts_left == 0
    assert (await claim.present()).possession is Possession.PENDING
    another = await claim.challenge()
    assert (await claim.prove(another, claim.signature(another))).possession is Possession.PROVEN


async def test_what_is_no_proof_yet_takes_no_attempt(claim: Claim) -> None:
    challenge = await claim.challenge()
    key = key_text(claim.ca)
    given: list[tuple[Proof, type[Refusal], str]] = [
        (VerificationCertificate.of(key), CertificateRejected, "PRIVATE_KEY_PRESENT"),
        (VerificationCertificate.of(pem.encode([claim.ca.der]) + key), CertificateRejected, "PRIVATE_KEY_PRESENT"),
        (Signature(key.encode()), PrivateKeyPresent, "PRIVATE_KEY_PRESENT"),
        (VerificationCertificate.of("\x00"), CertificateRejected, "NOT_PEM"),
    ]
    for proof, kind, code in given:
        refusal = await claim.refused(challenge, proof)
        assert (type(refusal), refusal.recorded_code) == (kind, code)
    for entry in await claim.house.log_of(claim.account.id):
        assert key.splitlines()[1].encode() not in entry.body
    assert (await claim.stored(challenge)).attempts_left == ATTEMPTS


async def test_each_way_has_its_own_time_and_being_late_costs_nothing(claim: Claim) -> None:
    challenge = await claim.challenge()
    signature = claim.signature(challenge)
    claim.house.clock.advance(timedelta(hours=24))

    late = await claim.refused(challenge, signature)

    assert late.recorded_code == "POP_CHALLENGE_EXPIRED"
    assert getattr(late, "attempts_left", None) == ATTEMPTS
    assert is_open(await claim.stored(challenge), claim.house.clock.now)
    assert (await claim.prove(challenge, claim.certificate(challenge))).possession is Possession.PROVEN


async def test_after_both_times_a_challenge_is_over(claim: Claim) -> None:
    challenge = await claim.challenge()
    claim.house.clock.advance(timedelta(hours=72))

    for proof in (claim.signature(challenge), claim.certificate(challenge)):
        assert (await claim.refused(challenge, proof)).recorded_code == "POP_CHALLENGE_EXPIRED"
    assert not is_open(await claim.stored(challenge), claim.house.clock.now)


async def test_a_new_challenge_voids_the_last(claim: Claim) -> None:
    first = await claim.challenge()
    second = await claim.challenge()

    refusal = await claim.refused(first, claim.signature(first))

    assert (type(refusal), refusal.code) == (ChallengeUsed, "POP_CHALLENGE_USED")
    assert proofs_left(await claim.stored(first)) == 0
    found = await reads.open_challenges(claim.house.database.reads, claim.account.id, [claim.record.id])
    assert found == {claim.record.id: second}
    wrong = await claim.refused(second, claim.signature(first))
    assert wrong.recorded_code == "POP_SIGNATURE_INVALID"
    assert (await claim.prove(second, claim.signature(second))).possession is Possession.PROVEN


async def test_a_challenge_is_answered_once(claim: Claim) -> None:
    challenge = await claim.challenge()
    await claim.prove(challenge, claim.signature(challenge))

    refusal = await claim.refused(challenge, claim.signature(challenge))

    assert (type(refusal), refusal.code) == (ChallengeUsed, "POP_CHALLENGE_USED")
    assert (await claim.present()).version == claim.record.version + 1


async def test_a_proof_of_one_record_is_none_of_another(claim: Claim) -> None:
    ca = fresh_ca()
    other = Claim(claim.house, claim.account, ca, await claim.house.upload(claim.actor, ca))
    mine, theirs = await claim.challenge(), await other.challenge()

    for proof in (claim.signature(mine), claim.certificate(mine)):
        await other.refused(theirs, proof)

    assert (await other.present()).possession is Possession.PENDING


async def test_another_accounts_challenge_is_nothing(claim: Claim) -> None:
    challenge = await claim.challenge()
    stranger = actor_of(await claim.house.account())
    commands = (
        ProvePossession(challenge.id, claim.signature(challenge)),
        ProvePossession("f" * 32, claim.signature(challenge)),
        CreatePossessionChallenge(claim.record.id, fresh_nonce()),
    )
    for command in commands:
        with pytest.raises(NotFound):
            await claim.house.perform(stranger, command)
    assert await claim.stored(challenge) == challenge


async def test_a_deleted_records_challenge_is_nothing(claim: Claim) -> None:
    challenge = await claim.challenge()
    await claim.house.perform(claim.actor, DeleteCertificate(claim.record.id))

    assert type(await claim.refused(challenge, claim.signature(challenge))) is NotFound


async def test_only_a_pending_record_is_challenged_for(claim: Claim) -> None:
    enrolled = await claim.house.upload(claim.actor, usage=Usage.ENROLLMENT)
    challenge = await claim.challenge()
    await claim.prove(challenge, claim.signature(challenge))
    for record in (enrolled, claim.record):
        with pytest.raises(InvalidState):
            await claim.house.perform(claim.actor, CreatePossessionChallenge(record.id, fresh_nonce()))


async def test_a_blacklisted_record_can_be_proven_and_stays_blacklisted(claim: Claim) -> None:
    await claim.house.perform(claim.actor, SetCertificateStatus(claim.record.id, Status.INACTIVE))
    challenge = await claim.challenge()

    proven = await claim.prove(challenge, claim.signature(challenge))

    assert (proven.possession, proven.status) == (Possession.PROVEN, Status.INACTIVE)


async def test_a_repeated_request_is_answered_as_the_first_time(claim: Claim) -> None:
    door = claim.house.door
    asking = [CreatePossessionChallenge(claim.record.id, fresh_nonce()) for _ in range(2)]
    first, again = [(await door.perform_once(claim.actor, each, ORIGIN, "ask")).value for each in asking]
    assert again.challenge == first.challenge
    assert (again.record.id, again.record.version) == (first.record.id, first.record.version)
    proving = ProvePossession(first.challenge.id, claim.signature(first.challenge))
    proven, once_more = [(await door.perform_once(claim.actor, proving, ORIGIN, "prove")).value for _ in range(2)]
    assert once_more.version == proven.version == claim.record.version + 1


async def test_an_attempt_is_taken_with_its_entry_or_not_at_all(claim: Claim) -> None:
    challenge = await claim.challenge()
    too_long = b"s" * 20_000
    mute = Door(
        claim.house.database, clock=claim.house.clock, node="test", software="anchorage/test", salt=lambda: too_long
    )

    with pytest.raises(AuditUnavailable):
        await mute.perform(claim.actor, ProvePossession(challenge.id, WRONG), ORIGIN)

    assert await claim.stored(challenge) == challenge


@pytest.mark.parametrize("is_right", [True, False])
async def test_of_twenty_proofs_at_once_each_counts_once(claim: Claim, migrated_url: str, is_right: bool) -> None:
    challenge = await claim.challenge()
    command = ProvePossession(challenge.id, claim.signature(challenge) if is_right else WRONG)
    beside = open_database(migrated_url, role=Role.BESIDE)
    await beside.start()
    doors = [claim.house.door, Door(beside, clock=claim.house.clock, node="beside", software="anchorage/test")]

    async def one(number: int) -> str:
        try:
            await doors[number % 2].perform(claim.actor, command, ORIGIN)
        except Refusal as refusal:
            return refusal.recorded_code
        return "proven"

    ended = Counter(await asyncio.gather(*(one(number) for number in range(20))))
    await beside.close()

    if is_right:
        assert ended == {"proven": 1, "POP_CHALLENGE_USED": 19}
    else:
        assert ended == {"POP_SIGNATURE_INVALID": ATTEMPTS, "INVALID_STATE": 20 - ATTEMPTS}
        assert (await claim.stored(challenge)).attempts_left == 0
    refused = [entry for entry in await claim.house.log_of(claim.account.id) if entry.action == "possession.prove"]
    assert Counter(entry.code or "proven" for entry in refused) == ended
