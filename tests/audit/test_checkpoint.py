"""Checkpoints and verifier keys have one spelling each (C2SP tlog-checkpoint, signed-note)."""

import json
import os
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.audit.checkpoint import MAX_SIZE, Algorithm, Checkpoint, NoteInvalid, VerifierKey
from tests.audit.signing import CHECKPOINT, ORIGIN, ROOT, key_id, private_key, signer

pytestmark = pytest.mark.once

VECTORS = Path(os.environ.get("ANCHORAGE_VECTORS", Path(__file__).parents[2] / ".." / "shared" / "vectors"))
ROOT_64 = b64encode(ROOT).decode()
PUBLIC = private_key().public_key().public_bytes_raw()

ORIGINS = some.text(some.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)


def vectors() -> dict[str, Any]:
    """The published bodies."""
    path = VECTORS / "checkpoint-bodies.json"
    if not path.exists():
        pytest.skip(f"The published vectors are not at {path}.")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_published_bodies_are_read_but_for_roots_that_are_no_hashes() -> None:
    # Their roots are words, of 6 and 38 bytes: everything else about them is right.
    for body in vectors()["ok"]:
        with pytest.raises(NoteInvalid, match="A root has 32 bytes"):
            Checkpoint.parse(body)
        origin, size, _ = body.splitlines()
        assert Checkpoint.parse(f"{origin}\n{size}\n{ROOT_64}\n") == Checkpoint(origin, int(size), ROOT)


def test_the_published_flaws_are_refused() -> None:
    published = vectors()["bad"]

    assert len(published) == 7
    for body in published.values():
        with pytest.raises(NoteInvalid):
            Checkpoint.parse(body)
        # Nor is it the root alone that is refused.
        with pytest.raises(NoteInvalid):
            Checkpoint.parse(body.replace("dGhlIHZpZXc=", ROOT_64).replace("YmFuYW5hcw==", ROOT_64))


@given(ORIGINS, some.integers(0, MAX_SIZE), some.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_was_written(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)

    assert Checkpoint.parse(checkpoint.text) == checkpoint


def test_a_checkpoint_is_three_lines() -> None:
    assert CHECKPOINT.text == f"log.example/1\n1\n{ROOT_64}\n"


def test_further_lines_of_a_checkpoint_are_not_looked_at() -> None:
    assert Checkpoint.parse(f"{CHECKPOINT.text}more\nand more\n") == CHECKPOINT


LINES = "A checkpoint has three lines"
SIZE = "The size of a checkpoint is a whole number"
ONE_SPELLING = "This is not the one Base64 spelling"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", LINES),
        (f"{ORIGIN}\n1\n", LINES),
        (f"{ORIGIN}\n1\n{ROOT_64}", LINES),
        (f"{ORIGIN}\n1\n{ROOT_64}\nmore", LINES),
        (f"\n1\n{ROOT_64}\n", LINES),
        (f"{ORIGIN}\n\n{ROOT_64}\n", LINES),
        (f"{ORIGIN}\n1\n{ROOT_64}\n\n", LINES),
        (f"{ORIGIN}\n1\n{ROOT_64}\n\nmore\n", LINES),
        (f"{ORIGIN}\n01\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n00\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n+1\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n-1\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n 1\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n1 \n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n1_0\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n1e3\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n0x1\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n\u0663\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n1\u0663\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n{2**63}\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n{'9' * 5000}\n{ROOT_64}\n", SIZE),
        (f"{ORIGIN}\n1\n{b64encode(ROOT[:31]).decode()}\n", "A root has 32 bytes; this one has 31."),
        (f"{ORIGIN}\n1\n{b64encode(ROOT + b'.').decode()}\n", "A root has 32 bytes; this one has 33."),
        (f"{ORIGIN}\n1\n{ROOT_64[:-2]}{chr(ord(ROOT_64[-2]) + 1)}=\n", ONE_SPELLING),
        (f"{ORIGIN}\n1\n{ROOT_64[:-1]}\n", "This is not Base64"),
        (f"{ORIGIN}\n1\n{ROOT_64}=\n", "Base64"),
        (f"{ORIGIN}\n1\n{ROOT_64} \n", "This is not Base64"),
        (f"{ORIGIN}\n1\n{'-_' * 21}A=\n", "This is not Base64"),
        (f"{ORIGIN}\n1\n{ROOT.hex()}\n", "A root has 32 bytes; this one has 48."),
        (f"{ORIGIN}\n1\nรากของต้นไม้\n", "This is not Base64"),
    ],
    ids=lambda value: ascii(value[:40]),
)
def test_a_checkpoint_with_one_flaw_is_refused(text: str, why: str) -> None:
    with pytest.raises(NoteInvalid, match=re.escape(why)):
        Checkpoint.parse(text)


def vkey(name: str = ORIGIN, algorithm: int = 1, key: bytes = PUBLIC) -> str:
    """A verifier key, spelled out."""
    return f"{name}+{key_id(name, algorithm, key).hex()}+{b64encode(bytes([algorithm]) + key).decode()}"


def test_a_verifier_key_is_a_name_an_id_and_the_key() -> None:
    assert str(signer().vkey) == vkey()
    assert VerifierKey.parse(vkey()) == signer().vkey == VerifierKey(ORIGIN, Algorithm.ED25519, PUBLIC)
    assert VerifierKey.parse(f"{vkey()}\n") == signer().vkey
    assert VerifierKey.parse(vkey(algorithm=4)).algorithm is Algorithm.COSIGNATURE


@given(
    some.text(some.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="+"), min_size=1),
    some.sampled_from(Algorithm),
    some.binary(min_size=32, max_size=32),
)
def test_a_verifier_key_is_read_as_it_was_written(name: str, algorithm: Algorithm, public_key: bytes) -> None:
    key = VerifierKey(name, algorithm, public_key)

    assert VerifierKey.parse(str(key)) == key
    assert key.key_id == key_id(name, algorithm, public_key)


SHAPE = "A verifier key is a name, eight hexadecimal digits and Base64"
ALGORITHM = "The verifier key's algorithm is neither"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", SHAPE),
        (ORIGIN, SHAPE),
        (vkey().replace("+", " "), SHAPE),
        (vkey(name=""), SHAPE),
        (vkey(name="two words"), SHAPE),
        (vkey(name="no\u00a0break"), SHAPE),
        (vkey(name="one+more"), SHAPE),
        (f"half\ud83d+{'0' * 8}+AQ==", SHAPE),
        (vkey().replace(vkey().split("+")[1], vkey().split("+")[1].upper()), SHAPE),
        (vkey().replace(vkey().split("+")[1], vkey().split("+")[1][:7]), SHAPE),
        (vkey().replace(vkey().split("+")[1], "0badc0de"), "The verifier key's id is 0badc0de; the id of its name"),
        (vkey().replace(ORIGIN, "log.example/2"), "The verifier key's id is"),
        (vkey(algorithm=0), ALGORITHM),
        (vkey(algorithm=2), ALGORITHM),
        (vkey(algorithm=5), ALGORITHM),
        (vkey(algorithm=6), ALGORITHM),
        (vkey(algorithm=255), ALGORITHM),
        (f"{ORIGIN}+00000000+", ALGORITHM),
        (f"{ORIGIN}+00000000", ALGORITHM),
        (vkey(key=PUBLIC[:31]), "An Ed25519 key has 32 bytes; this one has 31."),
        (vkey(key=PUBLIC + b"."), "An Ed25519 key has 32 bytes; this one has 33."),
        (vkey(key=b""), "An Ed25519 key has 32 bytes; this one has 0."),
        (f"{vkey()}=", "Base64"),
        (f"{vkey()}!", "This is not Base64"),
        (f"{ORIGIN}+{key_id(ORIGIN, 1, b'').hex()}+AR==", ONE_SPELLING),
    ],
    ids=lambda value: ascii(value[:40]),
)
def test_a_verifier_key_with_one_flaw_is_refused(text: str, why: str) -> None:
    with pytest.raises(NoteInvalid, match=re.escape(why)):
        VerifierKey.parse(text)
