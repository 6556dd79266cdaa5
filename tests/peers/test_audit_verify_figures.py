"""The stranger's verifier does its own arithmetic: it is held against published figures and against other programs."""

import json
import os
import random
from base64 import b64decode
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.audit import merkle
from scripts import audit_verify
from scripts.audit_verify import L, P, is_signed, is_usable_key, parse_checkpoint, parse_key
from tests.peers import by_the_paper
from tests.peers.by_the_paper import ORIGIN, SEED, base64, checkpoint, key_id, public_of, vkey

pytestmark = pytest.mark.once

VECTORS = Path(os.environ.get("ANCHORAGE_VECTORS") or Path(__file__).parents[3] / "shared" / "vectors")
TREE = VECTORS / "rfc6962-tree.json"
NOTES = VECTORS / "checkpoint-bodies.json"
SIGN_INPUT = Path(cryptography_vectors.__file__).parent / "asymmetric" / "Ed25519" / "sign.input"

RFC_8032: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "rfc8032.json").read_text(encoding="utf-8")
)["vectors"]
TEST_1024_KEY = "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"


def openssl_agrees(public: bytes, message: bytes, signature: bytes) -> bool:
    """What the library that the product signs with says."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.mark.parametrize("name", RFC_8032)
def test_the_vectors_of_rfc_8032_verify(name: str) -> None:
    secret, public, message, signature = (
        bytes.fromhex(RFC_8032[name][part]) for part in ("secret", "public", "message", "signature")
    )

    assert public_of(secret) == public
    assert is_signed(public, message, signature)
    assert not is_signed(public, message + b"\x00", signature)


def test_the_long_vector_of_rfc_8032_verifies() -> None:
    lines = [line.split(":") for line in SIGN_INPUT.read_text(encoding="ascii").splitlines()]
    [(_, public, message, signed, _)] = [line for line in lines if line[1] == TEST_1024_KEY]

    assert len(bytes.fromhex(message)) == 1023
    assert is_signed(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signed)[:64])


def test_a_thousand_signatures_are_judged_as_another_library_judges_them() -> None:
    chance = random.Random(8032)  # noqa: S311 - the same cases in every run
    right = 0
    for _ in range(1000):
        key = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        message = chance.randbytes(chance.randrange(200))
        triple = [bytearray(key.public_key().public_bytes_raw()), bytearray(message), bytearray(key.sign(message))]
        if spoilt := chance.choice([None, *(part for part in triple if part)]):
            spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
        public, message, signature = map(bytes, triple)

        answer = is_signed(public, message, signature)

        assert answer == openssl_agrees(public, message, signature)
        right += answer
    assert 150 < right < 350


def test_a_signature_has_one_form() -> None:
    """S + L would fit as well (RFC 8032 5.1.7 forbids it), and so would other lengths."""
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"message")
    s = int.from_bytes(signature[32:], "little")

    assert is_signed(public, b"message", signature)
    for other in (s + L, s + 2 * L, L, 2**256 - 1):
        forged = signature[:32] + other.to_bytes(32, "little")
        assert not is_signed(public, b"message", forged)
        assert not openssl_agrees(public, b"message", forged)
    for forged in (signature[:63], signature + b"\x00", b"", signature[:32] + bytes(32)):
        assert not is_signed(public, b"message", forged)
        assert not openssl_agrees(public, b"message", forged)


def small_order() -> list[bytes]:
    """The eight points that are neutral after three doublings: what any point leaves once it is multiplied by L."""
    found: set[bytes] = set()
    for y in range(2, 100):
        point = audit_verify.decode_point(y.to_bytes(32, "little"))
        if point is not None:
            multiple = audit_verify.NEUTRAL
            for bit in f"{L:b}":
                multiple = audit_verify.add(multiple, multiple)
                multiple = audit_verify.add(multiple, point) if bit == "1" else multiple
            found.add(audit_verify.encode_point(multiple))
    return sorted(found)


def test_no_point_of_small_order_is_a_key() -> None:
    """OpenSSL takes them, and a signature that nobody made fits every text; here they are refused."""
    points = small_order()
    assert len(points) == 8
    neutral = bytes([1, *bytes(31)])

    assert openssl_agrees(neutral, b"any text", neutral + bytes(32))
    for public in points:
        assert not is_usable_key(public)
        for r in points:
            assert not is_signed(public, b"any text", r + bytes(32))
    # R of small order under a real key is judged alike: it is compared as bytes.
    real = public_of(SEED)
    assert [is_signed(real, b"", r + bytes(32)) for r in points] == [False] * 8
    assert [openssl_agrees(real, b"", r + bytes(32)) for r in points] == [False] * 8


def test_a_point_has_one_encoding() -> None:
    """RFC 8032 5.1.3 refuses y of P or more, and x = 0 with a sign; OpenSSL takes both, whoever encoded so."""
    for y in range(19):
        for sign in (0, 1):
            assert audit_verify.decode_point((y + P | sign << 255).to_bytes(32, "little")) is None
    for y in (1, P - 1):
        assert audit_verify.decode_point((y | 1 << 255).to_bytes(32, "little")) is None
        assert audit_verify.decode_point(y.to_bytes(32, "little")) is not None
    assert audit_verify.decode_point((2).to_bytes(32, "little")) is None
    assert audit_verify.decode_point(bytes(31)) is None

    neutral = bytes([1, *bytes(31)])
    assert openssl_agrees((1 + P).to_bytes(32, "little"), b"any text", neutral + bytes(32))
    assert openssl_agrees((1 | 1 << 255).to_bytes(32, "little"), b"any text", neutral + bytes(32))


@pytest.mark.skipif(not TREE.exists(), reason=f"no test vectors in {VECTORS}")
def test_hashes_and_proofs_are_those_of_the_published_tree() -> None:
    vectors = json.loads(TREE.read_text(encoding="utf-8"))
    leaves = [bytes.fromhex(one) for one in vectors["leaf_inputs_hex"]]
    roots = [bytes.fromhex(one) for one in vectors["root_hex_by_size"]]

    assert roots[0] == audit_verify.EMPTY_ROOT
    for size in range(1, 9):
        for index in range(size):
            leaf = bytes.fromhex(vectors["level0_hex"][index])
            path = by_the_paper.path(index, leaves[:size])
            assert audit_verify.root_through(leaf, index, size, path) == roots[size]
            assert audit_verify.root_through(leaf, index, size, [*path, leaf]) is None
        for old in range(1, size):
            proof = by_the_paper.proof(old, leaves[:size])
            assert audit_verify.is_consistent(old, roots[old], size, roots[size], proof)
            assert not audit_verify.is_consistent(old, roots[old], size, roots[size - 1 or 2], proof)


def test_proofs_are_judged_as_the_product_judges_them() -> None:
    leaves = [bytes([number]) for number in range(70)]
    roots = [by_the_paper.mth(leaves[:size]) for size in range(71)]
    for size in range(1, 71):
        for index in range(size):
            path = by_the_paper.path(index, leaves[:size])
            leaf = merkle.leaf_hash(leaves[index])
            merkle.require_included(leaf, index, size, path, roots[size])
            assert audit_verify.root_through(leaf, index, size, path) == roots[size]
            for other in {index ^ 1, index + 1, size} - {index}:
                assert audit_verify.root_through(leaf, other, size, path) != roots[size]
        for old in range(1, size):
            proof = by_the_paper.proof(old, leaves[:size])
            merkle.require_consistent(old, roots[old], size, roots[size], proof)
            assert audit_verify.is_consistent(old, roots[old], size, roots[size], proof)
            for spoilt in ([], proof[1:], proof[:-1], [*proof, roots[1]], [roots[70], *proof[1:]]):
                assert spoilt == proof or not audit_verify.is_consistent(old, roots[old], size, roots[size], spoilt)
            assert not audit_verify.is_consistent(old, roots[size], size, roots[size], proof)


@pytest.mark.skipif(not NOTES.exists(), reason=f"no test vectors in {VECTORS}")
def test_published_bodies_that_are_no_checkpoints_are_refused() -> None:
    below = "\n" + checkpoint([b"leaf"]).partition("\n\n")[2]

    for body in json.loads(NOTES.read_text(encoding="utf-8"))["bad"].values():
        with pytest.raises(ValueError, match=r"."):
            parse_checkpoint(body + below)


def test_a_key_and_a_note_have_one_spelling() -> None:
    note, key = checkpoint([b"leaf"]), vkey()
    assert parse_checkpoint(note).origin == parse_key(key).name == ORIGIN
    public = public_of(SEED)
    forms = {
        "id of another key": key.replace("+67582c7b+", "+67582c7c+"),
        "upper case": key.replace("+67582c7b+", "+67582C7B+"),
        "cosigner": f"{ORIGIN}+{key_id(ORIGIN, 4, public).hex()}+{base64(bytes([4]) + public)}",
        "short": f"{ORIGIN}+{key_id(ORIGIN, 1, public[:31]).hex()}+{base64(bytes([1]) + public[:31])}",
        "small order": f"{ORIGIN}+{key_id(ORIGIN, 1, bytes(32)).hex()}+{base64(bytes([1]) + bytes(32))}",
        "no name": key.removeprefix(ORIGIN),
        "a space": f"a {key}",
        "a line's end": f"{key}\n",
    }
    for name, form in forms.items():
        assert form != key, name
        with pytest.raises(ValueError, match=r"."):
            parse_key(form)
    for form in (
        note[:-1], f"{note}\n", note.replace("\n\n", "\n"), note.partition("\u2014")[0], note.replace("\u2014", "-"),
        note.replace("\n1\n", "\n01\n"), note.replace("\n1\n", "\n+1\n"), note.replace("\n1\n", "\n1\r\n"),
        note.replace("\n1\n", "\n\u0661\n"), note.replace("\n\u2014 ", "\n\u2014  "), note.replace("=\n\n", "\n\n"),
        note.replace("=\n\n", "=\na\tb\n\n"),
    ):  # fmt: skip
        assert form != note
        with pytest.raises(ValueError, match=r"."):
            parse_checkpoint(form)


def test_base64_has_one_spelling() -> None:
    """The last character before the padding has bits that say nothing: four spellings would decode alike."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    right = base64(bytes(range(32)))
    other = right[:-2] + alphabet[alphabet.index(right[-2]) + 1] + "="

    assert b64decode(other) == audit_verify.base64(right) == bytes(range(32))
    for text in (other, right[:-1], f"{right}=", f"{right}\n", f" {right}", right.replace("H", "-"), "\u00e4" * 4):
        with pytest.raises(ValueError, match="Base64"):
            audit_verify.base64(text)
    with pytest.raises(ValueError, match="length"):
        audit_verify.base64(right, 31)
