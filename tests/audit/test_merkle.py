"""The quick ways through the tree agree with the definitions of RFC 9162 and with published hashes."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.audit.merkle import (
    EMPTY_ROOT,
    Node,
    complete_nodes,
    consistency_nodes,
    fold,
    inclusion_nodes,
    leaf_hash,
    node_hash,
    perfect_root,
    require_consistent,
    require_included,
)
from tests.audit.rfc9162 import Leaves, Numbered, numbered

pytestmark = pytest.mark.once

VECTORS = Path(os.environ.get("ANCHORAGE_VECTORS", Path(__file__).parents[2] / ".." / "shared" / "vectors"))
LARGEST = 300

NUMBERED = Numbered()
SIZES = some.integers(1, 2**63 - 1) | some.integers(0, 62).map(lambda level: 2**level)


@some.composite
def trees(draw: some.DrawFn) -> tuple[Leaves, int, int, int]:
    """A tree of any size with a few leaves of its own; the index of a leaf, the tree's size, and an earlier size."""
    size = draw(SIZES)
    index = draw(some.integers(0, size - 1))
    earlier = draw(some.integers(1, size) | some.integers(0, size.bit_length() - 1).map(lambda level: 2**level))
    others = draw(some.dictionaries(some.integers(0, size - 1), some.binary(max_size=3), max_size=5))
    return Leaves(others | {index: b"the leaf", earlier - 1: b"the last"}), index, size, earlier


def hashes(leaves: Leaves, nodes: list[list[Node]]) -> list[bytes]:
    """A planned proof, with the hashes of the definition for its nodes."""
    return [
        fold([leaves.mth(node.number << node.level, (node.number + 1) << node.level) for node in part])
        for part in nodes
    ]


def vector() -> dict[str, list[str]]:
    """The published tree of eight leaves."""
    path = VECTORS / "rfc6962-tree.json"
    if not path.exists():
        pytest.skip(f"The published vectors are not at {path}.")
    found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_published_tree_has_our_hashes() -> None:
    published = vector()
    level = [leaf_hash(bytes.fromhex(leaf)) for leaf in published["leaf_inputs_hex"]]
    levels = [level]
    while len(level) > 1:
        level = [node_hash(*level[at : at + 2]) for at in range(0, len(level), 2)]
        levels.append(level)

    assert [[one.hex() for one in level] for level in levels] == [published[f"level{at}_hex"] for at in range(4)]
    assert perfect_root(levels[0]).hex() == published["level3_hex"][0]
    assert published["root_hex_by_size"][0] == EMPTY_ROOT.hex()
    for size in range(1, 9):
        root = fold([levels[level][number] for level, number in complete_nodes(0, size)])
        assert root.hex() == published["root_hex_by_size"][size]


def test_the_published_tree_proves_each_leaf_and_each_size() -> None:
    published = vector()
    leaves = Leaves({at: bytes.fromhex(leaf) for at, leaf in enumerate(published["leaf_inputs_hex"])})
    roots = [bytes.fromhex(root) for root in published["root_hex_by_size"]]
    for size in range(1, 9):
        assert leaves.mth(0, size) == roots[size]
        for index in range(size):
            proof = hashes(leaves, inclusion_nodes(index, size))
            require_included(bytes.fromhex(published["level0_hex"][index]), index, size, proof, roots[size])
        for old in range(size + 1):
            require_consistent(old, roots[old], size, roots[size], hashes(leaves, consistency_nodes(old, size)))


def test_every_leaf_of_every_small_tree_is_proved_by_the_path_of_the_definition() -> None:
    for size in range(1, LARGEST + 1):
        root = NUMBERED.mth(0, size)
        assert hashes(NUMBERED, [complete_nodes(0, size)]) == [root]
        for index in range(size):
            proof = NUMBERED.path(index, 0, size)
            assert hashes(NUMBERED, inclusion_nodes(index, size)) == proof
            require_included(leaf_hash(numbered(index)), index, size, proof, root)


def test_every_two_small_sizes_are_consistent_by_the_proof_of_the_definition() -> None:
    for new in range(1, LARGEST + 1):
        root = NUMBERED.mth(0, new)
        for old in range(1, new + 1):
            proof = NUMBERED.proof(old, new)
            assert hashes(NUMBERED, consistency_nodes(old, new)) == proof
            require_consistent(old, NUMBERED.mth(0, old), new, root, proof)


@given(trees())
def test_a_tree_of_any_size_proves_a_leaf_by_the_path_of_the_definition(tree: tuple[Leaves, int, int, int]) -> None:
    leaves, index, size, _ = tree
    root = leaves.mth(0, size)
    proof = leaves.path(index, 0, size)

    assert hashes(leaves, [complete_nodes(0, size)]) == [root]
    assert hashes(leaves, inclusion_nodes(index, size)) == proof
    require_included(leaf_hash(leaves.given[index]), index, size, proof, root)


@given(trees())
def test_a_tree_of_any_size_is_consistent_by_the_proof_of_the_definition(tree: tuple[Leaves, int, int, int]) -> None:
    leaves, _, size, earlier = tree
    proof = leaves.proof(earlier, size)

    assert hashes(leaves, consistency_nodes(earlier, size)) == proof
    require_consistent(earlier, leaves.mth(0, earlier), size, leaves.mth(0, size), proof)


@given(SIZES)
def test_a_tree_is_made_of_as_few_complete_nodes_as_its_size_has_binary_ones(size: int) -> None:
    nodes = complete_nodes(0, size)

    assert len(nodes) == size.bit_count()
    ends = [(node.number << node.level, (node.number + 1) << node.level) for node in nodes]
    assert [start for start, _ in ends] == [0, *(end for _, end in ends[:-1])]
    assert ends[-1][1] == size


def test_nothing_is_to_be_proved_about_the_empty_tree() -> None:
    assert complete_nodes(0, 0) == []
    assert consistency_nodes(0, 0) == consistency_nodes(0, 7) == []
    require_consistent(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    require_consistent(0, EMPTY_ROOT, 7, NUMBERED.mth(0, 7), [])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (7, 3)])
def test_no_path_is_planned_for_a_leaf_that_the_tree_does_not_hold(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"A tree of {size} leaves has no leaf {index}."):
        inclusion_nodes(index, size)


@pytest.mark.parametrize(("old", "new"), [(4, 3), (-1, 3), (1, 0)])
def test_no_proof_is_planned_for_a_tree_that_shrank(old: int, new: int) -> None:
    with pytest.raises(ValueError, match=f"A tree of {new} leaves does not continue one of {old}."):
        consistency_nodes(old, new)
