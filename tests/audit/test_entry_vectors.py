"""The bytes of entries are for ever: each kind is pinned, and anyone can redo the hashes with the tools of a shell."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest
import rfc8785
from jwcrypto.jwk import JWK  # type: ignore[import-untyped]
from jwcrypto.jws import JWS  # type: ignore[import-untyped]
from sd_jwt.verifier import SDJWTVerifier  # type: ignore[import-untyped]

from app.audit import events
from app.audit.entry import BODY_LIMIT_BYTES
from tests.audit.acts import VECTORS, Vector, vectors

pytestmark = pytest.mark.once

PINNED: dict[str, Vector] = json.loads(VECTORS.read_text(encoding="utf-8"))
JCS = Path(os.environ.get("ANCHORAGE_VECTORS", Path(__file__).parents[2] / ".." / "shared" / "vectors")) / "jcs"


def sha256sum(data: bytes) -> str:
    """What the program of this name prints."""
    program = shutil.which("sha256sum")
    assert program is not None
    printed = subprocess.run([program], input=data, capture_output=True, check=True)
    return printed.stdout.decode("ascii").split()[0]


def test_every_kind_of_event_is_pinned() -> None:
    kinds = [event.kind for event in events.EVENTS]

    assert len(set(kinds)) == len(kinds)
    assert set(kinds) <= set(PINNED)
    for kind in kinds:
        assert json.loads(PINNED[kind]["body"])["action"] == kind


def test_the_entries_are_made_as_they_were_pinned() -> None:
    assert vectors() == PINNED


@pytest.mark.parametrize("name", PINNED)
def test_anyone_can_redo_the_hashes_with_a_shell(name: str) -> None:
    vector = PINNED[name]

    assert sha256sum(vector["body"].encode()) == vector["body_sha256"]
    lines = ("anchorage-audit/1", vector["stream"], str(vector["aseq"]), vector["prev"], vector["body_sha256"])
    assert sha256sum("".join(f"{line}\n" for line in lines).encode()) == vector["hash"]


def test_the_pinned_streams_are_whole() -> None:
    ends: dict[str, tuple[int, str]] = {}
    for vector in PINNED.values():
        aseq, last = ends.get(vector["stream"], (0, "0" * 64))
        assert (vector["aseq"], vector["prev"]) == (aseq + 1, last)
        ends[vector["stream"]] = (vector["aseq"], vector["hash"])
    assert len(ends) == 3


@pytest.mark.parametrize("name", PINNED)
def test_a_body_is_canonical_and_bounded(name: str) -> None:
    body = PINNED[name]["body"].encode()

    assert rfc8785.dumps(json.loads(body)) == body
    assert len(body) <= BODY_LIMIT_BYTES


@pytest.mark.parametrize("name", [name for name, vector in PINNED.items() if vector["disclosures"]])
def test_another_implementation_of_rfc_9901_finds_every_disclosure(name: str) -> None:
    vector = PINNED[name]
    disclosures = [one for made in vector["disclosures"].values() for one in made]
    key = JWK.generate(kty="EC", crv="P-256")
    token = JWS(vector["body"].encode())
    token.add_signature(key, None, json.dumps({"alg": "ES256"}), None)

    seen = SDJWTVerifier("~".join([token.serialize(compact=True), *disclosures, ""]), lambda *_: key)
    payload = seen.get_verified_payload()

    disclosed = {name: value for name, value in payload.items() if name not in json.loads(vector["body"])}
    assert len(disclosed) == len(disclosures)
    assert disclosed.keys() <= {
        "actor.name", "client.address", "client.agent", "change.before.name", "change.after.name",
    }  # fmt: skip


def test_no_personal_data_stand_in_a_pinned_body() -> None:
    for vector in PINNED.values():
        for personal in ("Zoë Müller", "ada@example.test", "192.0.2.7", "2001:db8::1", "curl/8"):
            assert personal not in vector["body"]


def test_a_stream_is_sharded_by_the_client_alone() -> None:
    shards = {vector["stream"] for vector in PINNED.values() if vector["stream"].startswith("sys/")}

    client = hashlib.sha256(b"192.0.2.7").digest()[0] % 16
    nobody = hashlib.sha256(b"").digest()[0] % 16
    assert shards == {f"sys/{client}", f"sys/{nobody}"}


@pytest.mark.skipif(not JCS.exists(), reason=f"the published vectors of RFC 8785 are not at {JCS}")
@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_the_serialiser_that_verifies_agrees_with_the_published_vectors(name: str) -> None:
    given = json.loads((JCS / "testdata" / "input" / f"{name}.json").read_text(encoding="utf-8"))
    wanted = bytes.fromhex((JCS / "testdata" / "outhex" / f"{name}.txt").read_text(encoding="ascii"))

    assert rfc8785.dumps(given) == wanted
    assert rfc8785.dumps(orjson.loads(wanted)) == wanted
