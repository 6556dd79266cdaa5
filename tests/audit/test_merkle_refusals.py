"""A proof with one flaw proves nothing: each way to spoil one is tried at every place of every small tree."""

import re
from collections.abc import Iterator
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from app.audit.merkle import (
    EMPTY_ROOT,
    ProofInvalid,
    leaf_hash,
    require_consistent,
    require_included,
)
from tests.audit.rfc9162 import Leaves, Numbered, numbered

pytestmark = pytest.mark.once

LARGEST = 20
STRANGE = leaf_hash(b"a hash from elsewhere")

NUMBERED = Numbered()
ROOTS = [NUMBERED.mth(0, size) for size in range(LARGEST + 2)]
LEAVES = [leaf_hash(numbered(index)) for index in range(LARGEST + 1)]


def flipped(one: bytes, bit: int = 0) -> bytes:
    """A hash in which one bit is another."""
    return (int.from_bytes(one, "big") ^ 1 << bit).to_bytes(len(one), "big")


def shorter(proof: list[bytes]) -> Iterator[list[bytes]]:
    """The proof without one of its hashes, and without all of them from one place on."""
    for at in range(len(proof)):
        yield proof[:at] + proof[at + 1 :]
        yield proof[:at]


def longer(proof: list[bytes]) -> Iterator[list[bytes]]:
    """The proof with one hash more, from elsewhere or its own, at every place."""
    for at in range(len(proof) + 1):
        for more in (STRANGE, *proof):
            yield [*proof[:at], more, *proof[at:]]


def changed(proof: list[bytes]) -> Iterator[list[bytes]]:
    """The proof with as many hashes, but others: a bit flipped, one from elsewhere, or two in each other's place."""
    for at, one in enumerate(proof):
        for other in (flipped(one), flipped(one, 255), STRANGE):
            yield [*proof[:at], other, *proof[at + 1 :]]
    for first, second in combinations(range(len(proof)), 2):
        swapped = list(proof)
        swapped[first], swapped[second] = proof[second], proof[first]
        yield swapped


def leaves_of_trees() -> Iterator[tuple[int, int, list[bytes]]]:
    """Each leaf of each tree, with its inclusion proof."""
    for size in range(1, LARGEST + 1):
        for index in range(size):
            yield index, size, NUMBERED.path(index, 0, size)


def two_sizes() -> Iterator[tuple[int, int, list[bytes]]]:
    """Each two sizes that differ, with their consistency proof."""
    for new in range(2, LARGEST + 1):
        for old in range(1, new):
            yield old, new, NUMBERED.proof(old, new)


def assert_included_refused(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes, why: str) -> None:
    with pytest.raises(ProofInvalid, match=re.compile(why)):
        require_included(leaf, index, size, proof, root)


def assert_consistency_refused(
    old: int, new: int, proof: list[bytes], why: str, *, old_root: bytes | None = None, new_root: bytes | None = None
) -> None:
    with pytest.raises(ProofInvalid, match=re.compile(why)):
        require_consistent(old, old_root or ROOTS[old], new, new_root or ROOTS[new], proof)


def test_an_inclusion_proof_without_one_of_its_hashes_is_too_short() -> None:
    for index, size, proof in leaves_of_trees():
        for spoilt in shorter(proof):
            assert_included_refused(LEAVES[index], index, size, spoilt, ROOTS[size], "too short")


def test_an_inclusion_proof_with_a_hash_more_is_too_long() -> None:
    for index, size, proof in leaves_of_trees():
        for spoilt in longer(proof):
            assert_included_refused(LEAVES[index], index, size, spoilt, ROOTS[size], "too long")


def test_an_inclusion_proof_with_other_hashes_leads_to_another_root() -> None:
    for index, size, proof in leaves_of_trees():
        for spoilt in changed(proof):
            assert_included_refused(LEAVES[index], index, size, spoilt, ROOTS[size], "leads to another root")


def test_an_inclusion_proof_is_of_one_leaf_and_one_index() -> None:
    for index, size, proof in leaves_of_trees():
        for other in set(range(size)) - {index}:
            assert_included_refused(LEAVES[index], other, size, proof, ROOTS[size], "too|another root")
            assert_included_refused(LEAVES[other], index, size, proof, ROOTS[size], "another root")
        for outside in (-1, size, size + index):
            assert_included_refused(LEAVES[index], outside, size, proof, ROOTS[size], f"no leaf {outside}")


def test_an_inclusion_proof_is_of_one_root() -> None:
    # How long a proof is may be the same for two sizes: the root, which a log signs with its size, tells them apart.
    for index, size, proof in leaves_of_trees():
        for other in range(index + 1, LARGEST + 1):
            if other != size:
                assert_included_refused(LEAVES[index], index, other, proof, ROOTS[other], "too|another root")
        for root in (flipped(ROOTS[size]), flipped(ROOTS[size], 255), EMPTY_ROOT):
            assert_included_refused(LEAVES[index], index, size, proof, root, "another root")


def test_a_consistency_proof_without_one_of_its_hashes_is_too_short() -> None:
    for old, new, proof in two_sizes():
        for spoilt in shorter(proof):
            assert_consistency_refused(old, new, spoilt, "too short")


def test_a_consistency_proof_with_a_hash_more_is_too_long() -> None:
    for old, new, proof in two_sizes():
        for spoilt in longer(proof):
            assert_consistency_refused(old, new, spoilt, "too long")


def test_a_consistency_proof_with_other_hashes_leads_to_another_root() -> None:
    for old, new, proof in two_sizes():
        for spoilt in changed(proof):
            assert_consistency_refused(old, new, spoilt, "leads to another root")


def test_a_consistency_proof_is_of_two_sizes() -> None:
    for old, new, proof in two_sizes():
        for other in set(range(1, LARGEST + 1)) - {old}:
            assert_consistency_refused(other, new, proof, "too|another root|does not continue")
        for other in set(range(1, LARGEST + 1)) - {new}:
            assert_consistency_refused(old, other, proof, "too|another root|does not continue")
        assert_consistency_refused(new, old, proof, "does not continue")
        assert_consistency_refused(-old, new, proof, "does not continue")


def test_a_consistency_proof_is_of_two_roots() -> None:
    for old, new, proof in two_sizes():
        assert_consistency_refused(old, new, proof, f"for the size ({old}|{new})", old_root=flipped(ROOTS[old]))
        assert_consistency_refused(old, new, proof, f"for the size {new}", new_root=flipped(ROOTS[new]))
        assert_consistency_refused(old, new, proof, "another root", old_root=ROOTS[new], new_root=ROOTS[old])


def test_a_tree_whose_past_was_rewritten_is_not_consistent_with_it() -> None:
    for old, new, _ in two_sizes():
        for at in range(old):
            rewritten = Leaves({index: numbered(index) for index in range(new)} | {at: b"another"})
            proof, root = rewritten.proof(old, new), rewritten.mth(0, new)
            assert_consistency_refused(old, new, proof, "another root", new_root=root)


def test_equal_sizes_have_equal_roots_and_no_proof() -> None:
    for size in range(LARGEST):
        other = flipped(ROOTS[size])
        assert_consistency_refused(size, size, [STRANGE], "too long")
        assert_consistency_refused(size, size, [], "Two different roots", old_root=other)
        assert_consistency_refused(size, size, [], "Two different roots", new_root=other)


def test_only_the_empty_root_is_before_everything() -> None:
    assert_consistency_refused(0, 7, [], "without leaves", old_root=ROOTS[1])
    assert_consistency_refused(0, 0, [], "without leaves", old_root=ROOTS[1], new_root=ROOTS[1])
    assert_consistency_refused(0, 7, [ROOTS[1]], "too long")


@pytest.mark.parametrize("spoilt", [b"", ROOTS[2][:31], ROOTS[2] + b"\0"], ids=["empty", "short", "long"])
def test_a_hash_has_32_bytes(spoilt: bytes) -> None:
    proof = NUMBERED.path(2, 0, 3)
    for leaf, hashes, root in (
        (spoilt, proof, ROOTS[3]),
        (LEAVES[2], [spoilt], ROOTS[3]),
        (LEAVES[2], proof, spoilt),
    ):
        assert_included_refused(leaf, 2, 3, hashes, root, "32 bytes")
    with pytest.raises(ProofInvalid, match="32 bytes"):
        require_consistent(2, ROOTS[2], 3, ROOTS[3], [spoilt])
    with pytest.raises(ProofInvalid, match="32 bytes"):
        require_consistent(2, spoilt, 3, ROOTS[3], NUMBERED.proof(2, 3))
    with pytest.raises(ProofInvalid, match="32 bytes"):
        require_consistent(2, ROOTS[2], 3, spoilt, NUMBERED.proof(2, 3))


SIZES = some.integers(2, 2**63 - 1)
SPOILERS = some.sampled_from([shorter, longer, changed])


@given(SIZES, some.data())
def test_a_spoilt_proof_in_a_tree_of_any_size_is_refused(size: int, data: some.DataObject) -> None:
    index = data.draw(some.integers(0, size - 1))
    old = data.draw(some.integers(1, size - 1))
    leaves = Leaves({index: b"the leaf", old - 1: b"the last"})
    spoil = data.draw(SPOILERS)
    root = leaves.mth(0, size)

    path = leaves.path(index, 0, size)
    for spoilt in spoil(path):
        # Equal leaves make equal hashes: two of them in each other's place are no change.
        if spoilt != path:
            assert_included_refused(leaf_hash(leaves.given[index]), index, size, spoilt, root, "too|another root")
    proof = leaves.proof(old, size)
    old_root = leaves.mth(0, old)
    for spoilt in spoil(proof):
        if spoilt != proof:
            assert_consistency_refused(old, size, spoilt, "too|another root", old_root=old_root, new_root=root)


@given(SIZES, some.data())
def test_another_index_in_a_tree_of_any_size_is_refused(size: int, data: some.DataObject) -> None:
    index, other = data.draw(some.integers(0, size - 1)), data.draw(some.integers(0, size - 1))
    assume(index != other)
    leaves = Leaves({index: b"the leaf"})
    proof = leaves.path(index, 0, size)

    assert_included_refused(leaf_hash(b"the leaf"), other, size, proof, leaves.mth(0, size), "too|another root")
