"""Receipts in the reply, checkpoints and proofs, as callers ask for them and check them by themselves."""

import asyncio
from base64 import b64decode
from pathlib import Path

import pytest

from app.actor import Role
from app.audit.checkpoint import VerifierKey, open_checkpoint
from app.audit.entry import leaf
from app.audit.merkle import leaf_hash, require_consistent, require_included
from app.audit.proof import Receipt
from app.services import receipts
from tests.house import House
from tests.rules.authority import make
from tests.transport.graphql.callers import Caller, Data, pem_of

UPLOAD = """
mutation Upload($input: UploadCertificateInput!) {
  uploadCertificate(input: $input) {
    errors { __typename }
    auditEntry { id hash receipt receiptAbsence inclusionProof { leafIndex treeSize } }
  }
}
"""
CHECKPOINT = """
query Checkpoint {
  auditCheckpoint { origin treeSize rootHash signedAt note signature keyId verifierKey signedNote }
}
"""
INCLUSION = """
query Inclusion($id: ID!, $size: SafeInt) {
  auditInclusionProof(id: $id, treeSize: $size) { leafIndex leafHash treeSize rootHash hashes }
}
"""
CONSISTENCY = """
query Consistency($from: SafeInt!, $to: SafeInt) {
  auditConsistencyProof(fromTreeSize: $from, toTreeSize: $to) {
    fromTreeSize toTreeSize fromRootHash toRootHash hashes
  }
}
"""


async def upload(caller: Caller, name: str, document: str = UPLOAD) -> Data:
    given = {"name": name, "usage": "ENROLLMENT", "source": {"pem": pem_of(make(name))}}
    return (await caller(document, input=given))["uploadCertificate"]["auditEntry"]


async def signed(caller: Caller) -> tuple[Data, VerifierKey]:
    checkpoint = (await caller(CHECKPOINT))["auditCheckpoint"]
    return checkpoint, VerifierKey.parse(checkpoint["verifierKey"])


def bytes_of(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in hashes]


@pytest.mark.usefixtures("signing")
async def test_a_mutation_is_answered_with_its_receipt(admin: Caller) -> None:
    """The caller needs nothing but the reply and the log's key to prove later that the log held the entry."""
    entry = await upload(admin, "fleet")
    _, key = await signed(admin)
    Receipt.parse(entry["receipt"]).require_proves(leaf(bytes.fromhex(entry["hash"])), [key])
    assert entry["receiptAbsence"] is None


@pytest.mark.usefixtures("signing")
async def test_a_refused_mutation_has_its_receipt_too(admin: Caller) -> None:
    await upload(admin, "fleet")
    again = await upload(admin, "fleet")
    _, key = await signed(admin)
    Receipt.parse(again["receipt"]).require_proves(leaf(bytes.fromhex(again["hash"])), [key])


@pytest.mark.usefixtures("signing")
async def test_a_hundred_at_once_have_their_receipts(admin: Caller) -> None:
    entries = await asyncio.gather(*(upload(admin, f"fleet {number}") for number in range(60)))
    _, key = await signed(admin)
    for entry in entries:
        Receipt.parse(entry["receipt"]).require_proves(leaf(bytes.fromhex(entry["hash"])), [key])


async def test_without_a_notary_the_answer_says_so_and_the_act_is_done(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "WAIT_SECONDS", 0.1)
    entry = await upload(admin, "fleet")
    assert (entry["receipt"], entry["receiptAbsence"]) == (None, "NOT_YET_SIGNED")
    assert entry["inclusionProof"] is None
    assert (await admin(CHECKPOINT))["auditCheckpoint"] is None
    assert (await admin(CONSISTENCY, **{"from": 0}))["auditConsistencyProof"] is None
    page = await admin('query { certificate(by: {name: "fleet"}) { name } }')
    assert page["certificate"]["name"] == "fleet"


async def test_nothing_waits_where_no_receipt_is_asked_for(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no notary here: whoever waited would wait for ever."""
    monkeypatch.setattr(receipts, "WAIT_SECONDS", 1e9)
    document = UPLOAD.replace("receipt receiptAbsence inclusionProof { leafIndex treeSize }", "")
    async with asyncio.timeout(60):
        assert (await upload(admin, "fleet", document))["id"]


async def test_a_checkpoint_says_what_is_signed_and_by_whom(admin: Caller, house: House, tmp_path: Path) -> None:
    await upload(admin, "fleet", UPLOAD.replace("receipt receiptAbsence ", ""))
    await house.signing(tmp_path).once()
    checkpoint, key = await signed(admin)
    opened = open_checkpoint(checkpoint["signedNote"], [key])
    assert (opened.origin, opened.size, opened.root.hex()) == (
        checkpoint["origin"],
        checkpoint["treeSize"],
        checkpoint["rootHash"],
    )
    assert checkpoint["keyId"] == key.key_id.hex()
    assert checkpoint["note"] == opened.text
    assert len(b64decode(checkpoint["signature"])) == 64


@pytest.mark.usefixtures("signing")
async def test_proofs_lead_to_the_roots_that_they_name(admin: Caller) -> None:
    entries = [await upload(admin, f"fleet {number}") for number in range(5)]
    checkpoint, _ = await signed(admin)
    size = checkpoint["treeSize"]
    for entry in entries:
        proof = (await admin(INCLUSION, id=entry["id"]))["auditInclusionProof"]
        hashed = leaf_hash(leaf(bytes.fromhex(entry["hash"])))
        assert bytes.fromhex(proof["leafHash"]) == hashed
        root = bytes.fromhex(proof["rootHash"])
        require_included(hashed, proof["leafIndex"], proof["treeSize"], bytes_of(proof["hashes"]), root)
    for smaller in range(size + 1):
        proof = (await admin(CONSISTENCY, **{"from": smaller, "to": size}))["auditConsistencyProof"]
        roots = bytes.fromhex(proof["fromRootHash"]), bytes.fromhex(proof["toRootHash"])
        require_consistent(smaller, roots[0], size, roots[1], bytes_of(proof["hashes"]))
        assert proof["toRootHash"] == checkpoint["rootHash"]


@pytest.mark.usefixtures("signing")
async def test_an_entry_is_proven_to_an_older_size_as_well(admin: Caller) -> None:
    entry = await upload(admin, "fleet")
    older = (await signed(admin))[0]["treeSize"]
    await upload(admin, "another")
    proof = (await admin(INCLUSION, id=entry["id"], size=older))["auditInclusionProof"]
    assert proof["treeSize"] == older
    root = bytes.fromhex(proof["rootHash"])
    hashed = bytes.fromhex(proof["leafHash"])
    require_included(hashed, proof["leafIndex"], older, bytes_of(proof["hashes"]), root)


@pytest.mark.usefixtures("signing")
async def test_sizes_that_were_never_signed_are_refused_with_what_is_allowed(admin: Caller) -> None:
    entry = await upload(admin, "fleet")
    for document, words in (
        (INCLUSION, {"id": entry["id"], "size": 10_000}),
        (INCLUSION, {"id": entry["id"], "size": -1}),
        (INCLUSION, {"id": entry["id"], "size": 0}),
        (CONSISTENCY, {"from": -1}),
        (CONSISTENCY, {"from": 10_000}),
        (CONSISTENCY, {"from": 2, "to": 1}),
    ):
        assert await admin.refusal(document, **words) == "BAD_USER_INPUT", words


@pytest.mark.usefixtures("signing")
async def test_another_account_s_entry_is_as_if_it_were_not_there(admin: Caller, stranger: Caller) -> None:
    entry = await upload(admin, "fleet")
    assert (await stranger(INCLUSION, id=entry["id"]))["auditInclusionProof"] is None


@pytest.mark.usefixtures("signing")
async def test_a_gateway_s_key_reads_no_proofs(admin: Caller) -> None:
    gateway = await admin.key(Role.GATEWAY)
    assert await gateway.refusal(CHECKPOINT) == "FORBIDDEN"
