"""A receipt proves one leaf of one log, and any other use of it is refused (C2SP tlog-proof)."""

import hashlib
import re
from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.audit.checkpoint import Checkpoint, NoteInvalid, VerifierKey
from app.audit.entry import leaf
from app.audit.merkle import ProofInvalid
from app.audit.proof import MAX_HASHES, Receipt
from tests.audit.rfc9162 import Leaves
from tests.audit.signing import ORIGIN, cosigned_line, signer, witness

pytestmark = pytest.mark.once

LOG = signer().vkey
SIZE = 11
INDEX = 6


def leaf_at(index: int) -> bytes:
    """The leaf of an entry that tests made up."""
    return leaf(hashlib.sha256(f"entry {index}".encode()).digest())


LEAF = leaf_at(INDEX)
TREE = Leaves({index: leaf_at(index) for index in range(SIZE)})


def receipt(index: int = INDEX, size: int = SIZE, name: str = ORIGIN) -> Receipt:
    """The receipt of one leaf."""
    checkpoint = str(signer(name).sign(Checkpoint(name, size, TREE.mth(0, size)).text))
    return Receipt(index, tuple(TREE.path(index, 0, size)), checkpoint, leaf_at(index))


GOOD = receipt()
TEXT = str(GOOD)
HASHES = [b64encode(one).decode() for one in GOOD.hashes]


def without_extra(text: str = TEXT) -> str:
    return text.replace(f"extra {b64encode(LEAF).decode()}\n", "")


def test_a_leaf_is_the_hash_of_its_entry_and_nothing_else() -> None:
    chained = hashlib.sha256(b"entry").digest()

    assert leaf(chained) == b'{"entry":"sha256:%s","v":1}' % hashlib.sha256(b"entry").hexdigest().encode()


def test_a_receipt_is_spelled_as_the_specification_has_it() -> None:
    lines = ["c2sp.org/tlog-proof@v1", f"extra {b64encode(LEAF).decode()}", "index 6", *HASHES, "", GOOD.checkpoint]

    assert "\n".join(lines) == TEXT
    assert len(HASHES) == 4


def test_every_receipt_proves_its_leaf_after_it_was_written_and_read() -> None:
    for size in range(1, SIZE + 1):
        for index in range(size):
            read = Receipt.parse(str(receipt(index, size)))
            assert read == receipt(index, size)
            read.require_proves(leaf_at(index), [LOG])


def test_a_receipt_proves_its_leaf_without_extra_data_as_well() -> None:
    read = Receipt.parse(without_extra())

    assert read == replace(GOOD, extra=None)
    assert str(read) == without_extra() != TEXT
    read.require_proves(LEAF, [LOG])
    assert str(replace(GOOD, extra=b"")) == without_extra()


@given(
    some.integers(0, 2**63 - 1),
    some.lists(some.binary(min_size=32, max_size=32), max_size=MAX_HASHES),
    some.text(min_size=1),
    some.none() | some.binary(min_size=1),
)
def test_a_receipt_is_read_as_it_was_written(
    index: int, hashes: list[bytes], checkpoint: str, extra: bytes | None
) -> None:
    written = Receipt(index, tuple(hashes), checkpoint, extra)

    assert Receipt.parse(str(written)) == written


def test_a_receipt_with_a_cosignature_proves_its_leaf() -> None:
    text = Checkpoint(ORIGIN, SIZE, TREE.mth(0, SIZE)).text
    read = Receipt.parse(TEXT + cosigned_line(text))

    read.require_proves(LEAF, [LOG, witness()])


HEADER = "A receipt begins with the line c2sp.org/tlog-proof@v1"
PLACE = "A receipt names the leaf's index before its hashes."
SECOND = "This is not the one Base64 spelling"
NO_BASE64 = "This is not Base64"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", HEADER),
        (TEXT.replace("@v1", "@v2"), HEADER),
        (f" {TEXT}", HEADER),
        (f"\n{TEXT}", HEADER),
        (TEXT.replace("@v1\n", "@v1\r\n"), HEADER),
        (TEXT.replace("@v1\n", "@v1\n\n"), PLACE),
        (TEXT.split("\n\n", maxsplit=1)[0], HEADER),
        (TEXT.split("\n\n", maxsplit=1)[0] + "\n", HEADER),
        (TEXT.replace("index 6\n", ""), PLACE),
        (TEXT.replace("index 6", "index 06"), PLACE),
        (TEXT.replace("index 6", "index -6"), PLACE),
        (TEXT.replace("index 6", "index +6"), PLACE),
        (TEXT.replace("index 6", "index  6"), PLACE),
        (TEXT.replace("index 6", "index 6 "), PLACE),
        (TEXT.replace("index 6", "index \u0666"), PLACE),
        (TEXT.replace("index 6", "index 6\u0666"), PLACE),
        (TEXT.replace("index 6", "index six"), PLACE),
        (TEXT.replace("index 6", "Index 6"), PLACE),
        (TEXT.replace("index 6", f"index {10**19}"), PLACE),
        (TEXT.replace("index 6", f"index {'9' * 5000}"), PLACE),
        (TEXT.replace("extra", "Extra"), PLACE),
        (TEXT.replace("index 6", "extra AAAA\nindex 6"), PLACE),
        (TEXT.replace("index 6", f"{HASHES[0]}\nindex 6"), PLACE),
        (TEXT.replace("index 6", "index 6\nextra AAAA"), NO_BASE64),
        (TEXT.replace("index 6", "index 6\nindex 6"), NO_BASE64),
        (without_extra().replace("index 6", "extra \nindex 6"), "A receipt without extra data has no line for them."),
        (without_extra().replace("index 6", "extra A\nindex 6"), NO_BASE64),
        (without_extra().replace("index 6", "extra AAA\nindex 6"), NO_BASE64),
        (without_extra().replace("index 6", "extra AB==\nindex 6"), SECOND),
        (without_extra().replace("index 6", "extra AA A\nindex 6"), NO_BASE64),
        (TEXT.replace(HASHES[1], HASHES[1][:-2] + chr(ord(HASHES[1][-2]) + 1) + "="), SECOND),
        (TEXT.replace(HASHES[1], HASHES[1][:-1]), NO_BASE64),
        (TEXT.replace(HASHES[1], f"{HASHES[1]} "), NO_BASE64),
        (TEXT.replace(HASHES[1], b64encode(GOOD.hashes[1][:31]).decode()), "A hash of a receipt has 32 bytes."),
        (TEXT.replace(HASHES[1], b64encode(GOOD.hashes[1] + b".").decode()), "A hash of a receipt has 32 bytes."),
        (TEXT.replace(HASHES[1], "\n".join([HASHES[1]] * 61)), "A receipt holds at most 63 hashes."),
    ],
    ids=lambda value: ascii(value[15:60]),
)
def test_a_receipt_with_one_flaw_is_refused(text: str, why: str) -> None:
    assert text != TEXT
    with pytest.raises(NoteInvalid, match=re.escape(why)):
        Receipt.parse(text)


def test_a_receipt_that_was_cut_off_anywhere_proves_nothing() -> None:
    for end in range(len(TEXT)):
        with pytest.raises((NoteInvalid, ProofInvalid)):
            Receipt.parse(TEXT[:end]).require_proves(LEAF, [LOG])


@pytest.mark.parametrize("other", [index for index in range(SIZE) if index != INDEX])
def test_a_receipt_of_another_leaf_proves_nothing_about_this_one(other: int) -> None:
    with pytest.raises(ProofInvalid, match="another leaf"):
        receipt(other).require_proves(LEAF, [LOG])
    with pytest.raises(ProofInvalid, match="for another leaf or tree"):
        replace(receipt(other), extra=None).require_proves(LEAF, [LOG])
    # What stands beside the proof does not count as proved.
    with pytest.raises(ProofInvalid, match="for another leaf or tree"):
        replace(receipt(other), extra=LEAF).require_proves(LEAF, [LOG])
    with pytest.raises(ProofInvalid, match=r"too|another leaf or tree"):
        replace(GOOD, index=other).require_proves(LEAF, [LOG])


def test_extra_data_that_are_not_the_leaf_are_refused() -> None:
    with pytest.raises(ProofInvalid, match="The receipt is for another leaf"):
        replace(GOOD, extra=leaf_at(INDEX + 1)).require_proves(LEAF, [LOG])


@pytest.mark.parametrize("index", [SIZE, SIZE + INDEX, 10**19 - 1])
def test_a_leaf_beyond_the_checkpoint_is_not_proved(index: int) -> None:
    with pytest.raises(ProofInvalid, match=f"A tree of 11 leaves has no leaf {index}."):
        replace(GOOD, index=index).require_proves(LEAF, [LOG])


def test_the_checkpoint_of_another_size_proves_nothing() -> None:
    for size in set(range(INDEX + 1, SIZE)):
        with pytest.raises(ProofInvalid):
            replace(GOOD, checkpoint=receipt(INDEX, size).checkpoint).require_proves(LEAF, [LOG])


@pytest.mark.parametrize(
    "keys",
    [[], [signer(byte=2).vkey], [signer("log.example/2").vkey], [witness()]],
    ids=["none", "another key", "another name", "a witness's"],
)
def test_a_receipt_counts_only_with_a_key_of_its_log(keys: list[VerifierKey]) -> None:
    with pytest.raises(NoteInvalid, match="not signed by"):
        GOOD.require_proves(LEAF, keys)


def test_a_receipt_of_another_log_is_refused() -> None:
    other = receipt(name="log.example/2")

    other.require_proves(LEAF, [signer("log.example/2").vkey])
    with pytest.raises(NoteInvalid, match="of the origin"):
        other.require_proves(LEAF, [LOG])


def test_a_receipt_with_a_forged_checkpoint_is_refused() -> None:
    forged = GOOD.checkpoint.replace("\n11\n", "\n12\n")
    with pytest.raises(NoteInvalid, match="it was changed"):
        replace(GOOD, checkpoint=forged).require_proves(LEAF, [LOG])
