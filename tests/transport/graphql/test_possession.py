"""Proofs of possession as callers of the API make them."""

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.actor import Role
from app.rules.possession import ATTEMPTS
from tests.rules.authority import make, rsa_key
from tests.rules.challenging import key_text
from tests.transport.graphql.callers import Caller, Data, pem_of
from tests.transport.graphql.claims import CHALLENGE, PROVE, Claim
from tests.transport.graphql.furnished import DELETE

WRONG = {"signature": "MAYCAQECAQE="}
NODE = "query($id: ID!) { node(id: $id) { id ... on PossessionChallenge { attemptsLeft certificate { name } } } }"
OPEN = "query($id: ID!) { certificate(by: {id: $id}) { possession possessionChallenge { id attemptsLeft } } }"


def error_of(outcome: Data) -> Data:
    (error,) = outcome["errors"]
    assert outcome["certificate"] is None
    assert outcome["auditEntry"]["outcome"] == "REFUSED"
    return error


async def test_a_challenge_says_what_to_sign_and_how(admin: Caller) -> None:
    claim = await Claim.made(admin)
    made = claim.challenge

    assert made["id"].startswith("chl_")
    assert made["text"].splitlines() == [
        "tcpop1",
        f"account={admin.account_id}",
        f"certificate-sha256={claim.certificate['fingerprint']}",
        f"nonce={made['nonce']}",
    ]
    assert len(base64.urlsafe_b64decode(f"{made['nonce']}=")) == 32
    assert made["verificationCode"].startswith("tcpop1-")
    assert made["signatureCommands"][1] == "openssl dgst -sha256 -sign ca.key challenge.txt | openssl base64 -A"
    assert made["verificationCode"] in made["verificationCertificateCommands"][1]
    assert made["attemptsLeft"] == ATTEMPTS
    assert made["certificate"] == {
        "id": claim.certificate["id"],
        "possession": "PENDING",
        "possessionChallenge": {"id": made["id"]},
    }
    start, signature, certificate = (
        datetime.fromisoformat(made[each])
        for each in ("createdAt", "signatureExpiresAt", "verificationCertificateExpiresAt")
    )
    assert (signature - start, certificate - start) == (timedelta(hours=24), timedelta(hours=72))


async def test_a_challenge_is_recorded_with_its_certificate(admin: Caller) -> None:
    owned = await admin.upload("owned", usage="CREDENTIALS")
    entry = (await admin(CHALLENGE, input={"certificateId": owned["id"]}))["createPossessionChallenge"]["auditEntry"]
    assert entry | {"id": ""} == {
        "id": "",
        "action": "POSSESSION_CHALLENGE",
        "outcome": "SUCCEEDED",
        "code": None,
        "targetId": owned["id"],
        "targetName": "owned",
        "changes": [],
    }


@pytest.mark.parametrize("way", ["signature", "verification_certificate"])
async def test_a_right_proof_of_either_way_proves(admin: Caller, way: str) -> None:
    claim = await Claim.made(admin)

    outcome = await claim.prove(admin, getattr(claim, way))

    assert outcome["errors"] == []
    assert outcome["certificate"] == {
        "id": claim.certificate["id"],
        "version": 2,
        "possession": "PROVEN",
        "possessionChallenge": None,
    }
    entry = outcome["auditEntry"]
    assert (entry["action"], entry["outcome"]) == ("POSSESSION_PROVE", "SUCCEEDED")
    assert (entry["targetId"], entry["target"]) == (claim.certificate["id"], {"__typename": "Certificate"})
    assert {"field": "possession", "before": "PENDING", "after": "PROVEN"} in entry["changes"]
    assert (await admin(NODE, id=claim.challenge["id"]))["node"]["attemptsLeft"] == 0


async def test_a_wrong_proof_says_why_and_what_is_left(admin: Caller) -> None:
    claim = await Claim.made(admin)

    outcome = await claim.prove(admin, WRONG)

    error = error_of(outcome)
    assert error == {
        "__typename": "ProofRejectedError",
        "code": "PROOF_REJECTED",
        "message": "The certificate's key did not make this signature over the challenge's text.",
        "path": ["proof", "signature"],
        "flaw": "POP_SIGNATURE_INVALID",
        "attemptsLeft": ATTEMPTS - 1,
    }
    assert outcome["auditEntry"]["code"] == "POP_SIGNATURE_INVALID"
    assert outcome["auditEntry"]["targetId"] == claim.certificate["id"]
    shown = (await admin(OPEN, id=claim.certificate["id"]))["certificate"]
    assert shown == {
        "possession": "PENDING",
        "possessionChallenge": {"id": claim.challenge["id"], "attemptsLeft": ATTEMPTS - 1},
    }


async def test_after_five_wrong_proofs_the_challenge_is_over(admin: Caller) -> None:
    claim = await Claim.made(admin)
    for left in reversed(range(ATTEMPTS)):
        assert error_of(await claim.prove(admin, WRONG))["attemptsLeft"] == left

    error = error_of(await claim.prove(admin, claim.signature))

    assert (error["__typename"], error["code"], error["path"]) == (
        "InvalidStateError",
        "INVALID_STATE",
        ["challengeId"],
    )
    assert (await admin(OPEN, id=claim.certificate["id"]))["certificate"]["possessionChallenge"] is None


async def test_a_used_and_a_voided_challenge_are_told_by_their_code(admin: Caller) -> None:
    claim = await Claim.made(admin)
    await admin(CHALLENGE, input={"certificateId": claim.certificate["id"]})
    voided = error_of(await claim.prove(admin, claim.signature))
    other = await Claim.made(admin, "other")
    await other.prove(admin, other.signature)
    used = error_of(await other.prove(admin, other.signature))

    for error in (voided, used):
        assert (error["__typename"], error["code"]) == ("InvalidStateError", "POP_CHALLENGE_USED")
    outcome = (await admin(CHALLENGE, input={"certificateId": other.certificate["id"]}))["createPossessionChallenge"]
    assert [each["code"] for each in outcome["errors"]] == ["INVALID_STATE"]


async def test_an_expired_challenge_is_not_shown_as_open(admin: Caller) -> None:
    claim = await Claim.made(admin)
    admin.house.clock.advance(timedelta(hours=72))

    assert (await admin(OPEN, id=claim.certificate["id"]))["certificate"]["possessionChallenge"] is None
    error = error_of(await claim.prove(admin, claim.signature))
    assert (error["flaw"], error["attemptsLeft"]) == ("POP_CHALLENGE_EXPIRED", ATTEMPTS)


@pytest.mark.parametrize("way", ["signature", "verificationCertificate"])
async def test_a_private_key_is_refused_and_stands_in_no_answer_and_no_entry(admin: Caller, way: str) -> None:
    claim = await Claim.made(admin, ca=make("owned", key=rsa_key()))
    text = key_text(claim.ca)
    body = text.splitlines()[5]
    for given in (text, f"\n\n{text}", f"{pem_of(claim.ca)}{text}"):
        result = await admin.execute(PROVE, input={"challengeId": claim.challenge["id"], "proof": {way: given}})

        assert result.errors is None
        assert result.data is not None
        outcome = result.data["provePossession"]
        assert outcome["auditEntry"]["code"] == "PRIVATE_KEY_PRESENT"
        (error,) = outcome["errors"]
        kind = "InvalidInputError" if way == "signature" else "CertificateRejectedError"
        assert (error["__typename"], error["path"]) == (kind, ["proof", way])
        assert body not in str(result)
    for entry in await admin.house.log_of(admin.account_id):
        assert body.encode() not in entry.body
    assert (await admin(NODE, id=claim.challenge["id"]))["node"]["attemptsLeft"] == ATTEMPTS


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"signature": ""}, "POP_SIGNATURE_MALFORMED"),
    ({"signature": "not base64"}, "POP_SIGNATURE_MALFORMED"),
    ({"signature": "\x00\ud800"}, "POP_SIGNATURE_MALFORMED"),
    ({"signature": "AAAA" * 200_000}, "POP_SIGNATURE_MALFORMED"),
    ({"verificationCertificate": ""}, "INPUT_EMPTY"),
    ({"verificationCertificate": "\x00"}, "NOT_PEM"),
    ({"verificationCertificate": "\ud800"}, "NOT_PEM"),
    ({"verificationCertificate": "x" * 900_000}, "INPUT_TOO_LARGE"),
    ({"verificationCertificate": pem_of(make("A"), make("B"), make("C"))}, "POP_CERT_COUNT"),
]


async def test_hostile_input_is_a_refusal_with_its_code(admin: Caller) -> None:
    for number, (proof, code) in enumerate(HOSTILE):
        claim = await Claim.made(admin, f"owned {number}")
        assert (await claim.prove(admin, proof))["auditEntry"]["code"] == code, proof


async def test_exactly_one_form_of_a_proof_is_given(admin: Caller) -> None:
    claim = await Claim.made(admin)
    for proof in ({}, claim.signature | claim.verification_certificate, {"signature": None}):
        result = await admin.execute(PROVE, input={"challengeId": claim.challenge["id"], "proof": proof})
        assert result.errors


async def test_a_repeated_proof_is_answered_as_the_first_time(admin: Caller) -> None:
    claim = await Claim.made(admin)
    given = {"certificateId": claim.certificate["id"], "idempotencyKey": "ask"}
    first, again = [(await admin(CHALLENGE, input=given))["createPossessionChallenge"] for _ in range(2)]
    assert again["challenge"] == first["challenge"]
    renewed = Claim(claim.ca, claim.certificate, first["challenge"])
    proof = renewed.signature
    answers = [await renewed.prove(admin, proof, idempotencyKey="prove") for _ in range(2)]
    assert answers[0] == answers[1]
    error = error_of(await renewed.prove(admin, WRONG, idempotencyKey="prove"))
    assert error["__typename"] == "IdempotencyKeyReusedError"


async def test_a_caller_who_may_not_write_cannot_prove_and_the_entry_names_the_challenge(admin: Caller) -> None:
    claim = await Claim.made(admin)
    viewer = await admin.key(Role.VIEWER)
    given = {"challengeId": claim.challenge["id"], "proof": claim.signature}
    assert await viewer.refusal(PROVE, input=given) == "FORBIDDEN"
    log = """{ auditEvents(first: 1, filterBy: {outcome: [REFUSED]}) {
      edges { node { code targetId target { __typename ... on Node { id } } } } } }"""
    (edge,) = (await admin(log))["auditEvents"]["edges"]
    assert edge["node"] == {
        "code": "FORBIDDEN",
        "targetId": claim.challenge["id"],
        "target": {"__typename": "PossessionChallenge", "id": claim.challenge["id"]},
    }


async def test_a_challenge_goes_with_its_certificate(admin: Caller) -> None:
    claim = await Claim.made(admin)
    assert (await admin(NODE, id=claim.challenge["id"]))["node"]["certificate"] == {"name": "owned"}
    await admin(DELETE, input={"id": claim.certificate["id"]})
    assert await admin(NODE, id=claim.challenge["id"]) == {"node": None}
    assert error_of(await claim.prove(admin, claim.signature))["code"] == "NOT_FOUND"


async def test_another_accounts_challenge_is_not_found(admin: Caller, stranger: Caller) -> None:
    claim = await Claim.made(admin)
    error = error_of(await claim.prove(stranger, claim.signature))
    assert (error["__typename"], error["path"]) == ("NotFoundError", ["challengeId"])
    assert await stranger(NODE, id=claim.challenge["id"]) == {"node": None}


async def test_a_proof_is_a_change_that_feeds_hear_of(admin: Caller) -> None:
    claim = await Claim.made(admin)
    (edge,) = (await admin("{ auditEvents(first: 1) { edges { cursor } } }"))["auditEvents"]["edges"]
    await claim.prove(admin, claim.signature)
    document = """subscription($after: String) {
      certificateChanged(after: $after) { action changedId certificate { possession } } }"""

    events = admin.subscribe(document, after=edge["cursor"])
    result = await anext(events)
    await events.aclose()

    assert result["data"]["certificateChanged"] == {
        "action": "POSSESSION_PROVE",
        "changedId": claim.certificate["id"],
        "certificate": {"possession": "PROVEN"},
    }
