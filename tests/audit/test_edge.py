"""The right edge of a tree is enough to grow it: tiles and roots are those of RFC 6962, however the leaves arrive.

Seen to fail with a full tile numbered after its leaf was counted, and with the levels above the leaves left out.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.edge import TILE_BYTES, Edge, edge_tiles
from app.audit.merkle import EMPTY_ROOT
from app.audit.tiles import NotATile, Tile
from tests.audit.faithful import Literal

LEAVES = [b"%d" % number for number in range(66_100)]
LITERAL = Literal(LEAVES)

pytestmark = pytest.mark.once


def literal_tiles(size: int) -> dict[Tile, bytes]:
    """Every tile of the tree of this size."""
    tiles = {}
    for level in range(8):
        span = 1 << 8 * level
        hashes = [LITERAL.over(at * span, (at + 1) * span) for at in range(size // span)]
        for first in range(0, len(hashes), 256):
            tiles[Tile(level, first // 256)] = b"".join(hashes[first : first + 256])
    return tiles


class Kept:
    """What a database does with an edge: keeps tiles, and gives back those that are asked for."""

    def __init__(self) -> None:
        self.size = 0
        self.tiles: dict[Tile, bytes] = {}

    def grow(self, number: int) -> bytes:
        """Add leaves to an edge that is read anew; the root."""
        edge = Edge(self.size, {tile: self.tiles[tile] for tile in edge_tiles(self.size)})
        edge.append(LEAVES[self.size : self.size + number])
        for tile, hashes in edge.changed.items():
            assert hashes.startswith(self.tiles.get(tile, b""))
            assert self.tiles.get(tile) != hashes
        self.tiles |= edge.changed
        self.size += number
        assert edge.size == self.size
        return edge.root


@given(st.lists(st.integers(0, 700), max_size=12))
def test_any_growth_leads_to_the_tiles_and_the_root_of_its_size(growths: list[int]) -> None:
    kept = Kept()
    for number in growths:
        assert kept.grow(number) == LITERAL.root(kept.size)
    assert kept.tiles == literal_tiles(kept.size)


@pytest.mark.parametrize("before", [0, 1, 254, 255, 256, 257, 511, 65_279, 65_280, 65_534, 65_535, 65_536])
def test_growth_across_a_boundary_is_the_same_one_by_one_and_at_once(before: int) -> None:
    at_once, one_by_one = Kept(), Kept()
    at_once.grow(before)
    one_by_one.grow(before)

    at_once.grow(258)
    for _ in range(258):
        one_by_one.grow(1)
        assert one_by_one.size != before + 1 or one_by_one.tiles == literal_tiles(before + 1)

    assert at_once.tiles == one_by_one.tiles == literal_tiles(before + 258)


def test_no_leaves_change_nothing() -> None:
    edge = Edge(0, {})
    edge.append([])
    assert (edge.size, edge.root, edge.changed) == (0, EMPTY_ROOT, {})


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        (0, []),
        (1, [(0, 0)]),
        (255, [(0, 0)]),
        (256, [(1, 0)]),
        (257, [(0, 1), (1, 0)]),
        (65_536, [(2, 0)]),
        (65_537, [(0, 256), (2, 0)]),
        (65_793, [(0, 257), (1, 1), (2, 0)]),
    ],
)
def test_the_edge_is_the_tiles_that_are_not_full(size: int, tiles: list[tuple[int, int]]) -> None:
    assert edge_tiles(size) == tiles


@pytest.mark.parametrize("flaw", ["missing", "too short", "too long", "half a hash"])
def test_a_tile_that_does_not_fit_the_size_is_refused(flaw: str) -> None:
    whole = literal_tiles(300)[Tile(0, 1)]
    spoilt = {
        "missing": None,
        "too short": whole[:-32],
        "too long": whole + bytes(32),
        "half a hash": whole[:-16],
    }[flaw]
    tiles = {Tile(1, 0): literal_tiles(300)[Tile(1, 0)]}
    if spoilt is not None:
        tiles[Tile(0, 1)] = spoilt

    with pytest.raises(NotATile, match="Tile 1 of level 0"):
        Edge(300, tiles)


def test_a_full_tile_has_the_bytes_of_256_hashes() -> None:
    assert {len(hashes) for tile, hashes in literal_tiles(512).items() if tile.level == 0} == {TILE_BYTES}
