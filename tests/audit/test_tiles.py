"""Tiles hold the tree's own hashes, at paths that have one spelling (C2SP tlog-tiles)."""

import json
import os
import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.audit.merkle import HASH_BYTES, Node, complete_nodes, consistency_nodes, inclusion_nodes, leaf_hash
from app.audit.tiles import (
    HEIGHT,
    MAX_LEAF_BYTES,
    MAX_LEVEL,
    MAX_NUMBER,
    WIDTH,
    NotATile,
    Tile,
    TilePath,
    bundle,
    hash_in,
    parse_path,
    path_of,
    split_hashes,
    tile_of,
    unbundle,
    width_of,
)
from tests.audit.rfc9162 import Leaves, Numbered

pytestmark = pytest.mark.once

VECTORS = Path(os.environ.get("ANCHORAGE_VECTORS", Path(__file__).parents[2] / ".." / "shared" / "vectors"))
SIZES = some.integers(1, 2**63 - 1) | some.integers(1, 2**17) | some.integers(0, 62).map(lambda level: 2**level)


def vectors() -> dict[str, Any]:
    """The published paths."""
    path = VECTORS / "tile-paths.json"
    if not path.exists():
        pytest.skip(f"The published vectors are not at {path}.")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def tile_bytes(leaves: Leaves, tile: Tile, size: int) -> bytes:
    """A tile by the definition of tlog-tiles: the Merkle Tree Hashes of its runs of leaves, as far as the tree goes."""
    each = 256**tile.level
    starts = ((tile.number * 256 + at) * each for at in range(256))
    within = takewhile(lambda start: start + each <= size, starts)
    return b"".join(leaves.mth(start, start + each) for start in within)


def test_the_published_paths_are_ours() -> None:
    published = vectors()
    for level, number, width, path in published["tile_path"]:
        tile = TilePath(level, number, width or WIDTH)
        assert f"tile/{path_of(tile)}" == path
        assert parse_path(path.removeprefix("tile/")) == tile
    for index, size, path in published["entries_path_for_index"]:
        number = index // WIDTH
        tile = TilePath(None, number, width_of(0, number, size))
        assert f"tile/{path_of(tile)}" == path
        assert parse_path(path.removeprefix("tile/")) == tile
    example = published["c2sp_example"]
    assert path_of(TilePath(0, example["index"], WIDTH)) == f"0/{example['path']}"


@given(
    some.none() | some.integers(0, MAX_LEVEL),
    some.integers(0, MAX_NUMBER) | some.integers(0, 10**7),
    some.integers(1, WIDTH),
)
def test_every_tile_has_a_path_that_names_it(level: int | None, number: int, width: int) -> None:
    tile = TilePath(level, number, width)

    assert parse_path(path_of(tile)) == tile


@given(some.text("0123456789x/.pentries-+ \n", max_size=20))
def test_what_is_accepted_is_the_one_spelling_of_it(text: str) -> None:
    try:
        tile = parse_path(text)
    except NotATile:
        return
    assert path_of(tile) == text


SPELLED = "This tile is spelled tile/{}."
UNREADABLE = "A tile's path is <level>/<number>"
OUTSIDE = "A tile's level goes to 63 and its number to 2^63-1."
PARTIAL = "A partial tile has 1 to 255 hashes"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("0/x000/000", SPELLED.format("0/000")),
        ("0/x000/x001/234", SPELLED.format("0/x001/234")),
        ("entries/x000/000", SPELLED.format("entries/000")),
        ("00/000", SPELLED.format("0/000")),
        ("07/000", SPELLED.format("7/000")),
        ("0/000.p/007", SPELLED.format("0/000.p/7")),
        ("0/000.p/07", SPELLED.format("0/000.p/7")),
        ("entries/000.p/001", SPELLED.format("entries/000.p/1")),
        ("64/000", OUTSIDE),
        ("99/000", OUTSIDE),
        ("0/x009/x223/x372/x036/x854/x775/808", OUTSIDE),
        ("0/x999/x999/x999/x999/x999/x999/999", OUTSIDE),
        ("0/000.p/0", PARTIAL),
        ("0/000.p/000", PARTIAL),
        ("0/000.p/256", PARTIAL),
        ("0/000.p/999", PARTIAL),
        ("0/1", UNREADABLE),
        ("0/0001", UNREADABLE),
        ("0/001/234", UNREADABLE),
        ("0/x001", UNREADABLE),
        ("0/x001/x234", UNREADABLE),
        ("0/X001/234", UNREADABLE),
        ("0/x01/234", UNREADABLE),
        ("0/-01", UNREADABLE),
        ("-1/000", UNREADABLE),
        ("+1/000", UNREADABLE),
        ("100/000", UNREADABLE),
        ("0/000.p/-1", UNREADABLE),
        ("0/000.p/1000", UNREADABLE),
        ("0/000.p/", UNREADABLE),
        ("0/000.p", UNREADABLE),
        ("0/000/.p/7", UNREADABLE),
        ("0/000.p/7/", UNREADABLE),
        ("0/000/", UNREADABLE),
        ("0/000\n", UNREADABLE),
        (" 0/000", UNREADABLE),
        ("0//000", UNREADABLE),
        ("0/../000", UNREADABLE),
        ("0/", UNREADABLE),
        ("0", UNREADABLE),
        ("", UNREADABLE),
        ("/0/000", UNREADABLE),
        ("tile/0/000", UNREADABLE),
        ("data/000", UNREADABLE),
        ("Entries/000", UNREADABLE),
        ("0/\u0660\u0660\u0660", UNREADABLE),
        ("\u0660/000", UNREADABLE),
        ("0/000.p/\uff17", UNREADABLE),
        ("0/" + "x000/" * 7 + "000", UNREADABLE),
        ("0/" + "x123/" * 100_000 + "456", UNREADABLE),
    ],
    ids=lambda value: ascii(value[:24]),
)
def test_what_is_no_path_or_a_second_spelling_is_refused_with_the_reason(path: str, why: str) -> None:
    with pytest.raises(NotATile, match=re.escape(why)):
        parse_path(path)


def widths(size: int, level: int) -> list[int]:
    """How many hashes each tile of a level holds."""
    count = 0
    while width_of(level, count, size) > 0:
        count += 1
    return [width_of(level, number, size) for number in range(count)]


def test_the_tiles_of_the_specifications_examples_are_as_wide_as_it_says() -> None:
    assert widths(70_000, 0) == [256] * 273 + [112]
    assert widths(70_000, 1) == [256, 17]
    assert widths(70_000, 2) == [1]
    assert widths(70_000, 3) == []
    assert widths(256, 0) == [256]
    assert widths(256, 1) == [1]
    assert widths(255, 1) == widths(0, 0) == []


@given(SIZES, some.integers(0, 7))
def test_the_last_tile_of_a_level_is_as_wide_as_the_definition_says(size: int, level: int) -> None:
    last = size // 256**level // 256

    assert width_of(level, last, size) == size // 256**level % 256
    assert width_of(level, last + 1, size) == 0
    if last:
        assert width_of(level, last - 1, size) == WIDTH


@given(SIZES, some.data())
def test_every_node_of_every_proof_is_in_a_tile_that_the_tree_has(size: int, data: some.DataObject) -> None:
    index = data.draw(some.integers(0, size - 1))
    old = data.draw(some.integers(1, size))
    leaves = Leaves({index: b"the leaf", old - 1: b"the last"})
    planned = [complete_nodes(0, size), *inclusion_nodes(index, size), *consistency_nodes(old, size)]
    # Tiles are 256 hashes wide, and each is made anew: some of the nodes are enough.
    nodes = [node for part in planned for node in part]
    for node in data.draw(some.lists(some.sampled_from(nodes), min_size=1, max_size=4)):
        held = tile_bytes(leaves, tile_of(node), size)
        assert len(held) == width_of(*tile_of(node), size) * HASH_BYTES
        assert hash_in(node, held) == leaves.mth(node.number << node.level, (node.number + 1) << node.level)


def test_every_node_of_a_small_tree_is_in_its_tile() -> None:
    size = 2 * WIDTH + 77
    leaves = Numbered()
    held = {tile: tile_bytes(leaves, tile, size) for tile in (Tile(0, 0), Tile(0, 1), Tile(0, 2), Tile(1, 0))}
    for level in range(size.bit_length()):
        for number in range(size >> level):
            node = Node(level, number)
            wanted = leaves.mth(number << level, (number + 1) << level)
            assert hash_in(node, held[tile_of(node)]) == wanted


@pytest.mark.parametrize(("level", "number", "hashes"), [(0, 76, 77), (1, 37, 76), (2, 18, 76), (6, 0, 64)])
def test_a_tile_that_does_not_reach_a_node_is_refused(level: int, number: int, hashes: int) -> None:
    node = Node(level, number)
    held = tile_bytes(Numbered(), Tile(0, 0), 77)[: hashes * HASH_BYTES]

    assert hash_in(node, held)
    with pytest.raises(NotATile, match="truncated"):
        hash_in(node, held[:-1])


def test_a_tile_is_its_hashes_one_after_the_other() -> None:
    hashes = [leaf_hash(bytes([number])) for number in range(3)]

    assert split_hashes(b"".join(hashes)) == hashes
    assert split_hashes(b"") == []
    for cut in (1, 31):
        with pytest.raises(NotATile, match="multiple of 32"):
            split_hashes(b"".join(hashes)[:-cut])


@given(some.lists(some.binary(max_size=300), max_size=WIDTH))
def test_a_bundle_holds_the_leaves_that_were_put_in(leaves: list[bytes]) -> None:
    packed = bundle(leaves)

    assert unbundle(packed) == leaves
    assert len(packed) == sum(2 + len(leaf) for leaf in leaves)


def test_a_bundle_is_big_endian_lengths_and_leaves() -> None:
    assert bundle([b"", b"abc", b"x" * 258]) == b"\0\0\0\3abc\1\2" + b"x" * 258


def test_the_longest_leaf_fits_a_bundle_and_a_longer_one_is_refused() -> None:
    longest = b"x" * MAX_LEAF_BYTES

    assert unbundle(bundle([longest])) == [longest]
    with pytest.raises(ValueError, match="at most 65535 bytes"):
        bundle([longest + b"x"])


@given(some.lists(some.binary(min_size=1, max_size=5), min_size=1, max_size=5), some.data())
def test_a_truncated_bundle_is_refused_or_ends_between_two_leaves(leaves: list[bytes], data: some.DataObject) -> None:
    packed = bundle(leaves)
    cut = data.draw(some.integers(0, len(packed) - 1))
    whole = [count for count in range(len(leaves)) if len(bundle(leaves[:count])) == cut]
    if whole:
        assert unbundle(packed[:cut]) == leaves[: whole[0]]
        return
    with pytest.raises(NotATile, match="truncated after"):
        unbundle(packed[:cut])


def test_tiles_are_256_hashes_of_nodes_that_are_8_levels_apart() -> None:
    assert (HEIGHT, WIDTH) == (8, 256)
    assert tile_of(Node(0, 255)) == tile_of(Node(7, 1)) == Tile(0, 0)
    assert tile_of(Node(0, 256)) == tile_of(Node(7, 2)) == Tile(0, 1)
    assert tile_of(Node(8, 0)) == tile_of(Node(15, 1)) == Tile(1, 0)
