"""The right edge of a tree: all that is needed of it to add leaves and to know the root."""

from collections.abc import Iterable, Mapping

from app.audit.merkle import EMPTY_ROOT, HASH_BYTES, complete_nodes, fold, leaf_hash, perfect_root
from app.audit.tiles import HEIGHT, WIDTH, NotATile, Tile, hash_in, split_hashes, tile_of

TILE_BYTES = WIDTH * HASH_BYTES


def edge_tiles(size: int) -> list[Tile]:
    """The tiles of a tree of `size` leaves that are not full, from the leaves up."""
    tiles = []
    level = 0
    while width := size >> (HEIGHT * level):
        if width % WIDTH:
            tiles.append(Tile(level, width // WIDTH))
        level += 1
    return tiles


class Edge:
    """Grows a tree by leaves. `changed` is every tile that is not as it was given, full ones included."""

    def __init__(self, size: int, tiles: Mapping[Tile, bytes]) -> None:
        """Raises NotATile where a tile is missing or does not fit the size."""
        self.size = size
        self.changed: dict[Tile, bytes] = {}
        self._partial: dict[int, bytearray] = {}
        for tile in edge_tiles(size):
            hashes = tiles.get(tile, b"")
            if len(hashes) != ((size >> (HEIGHT * tile.level)) % WIDTH) * HASH_BYTES:
                raise NotATile(f"Tile {tile.number} of level {tile.level} does not have the width of {size} leaves.")
            self._partial[tile.level] = bytearray(hashes)

    @property
    def root(self) -> bytes:
        """The root over all leaves."""
        if not self.size:
            return EMPTY_ROOT
        nodes = complete_nodes(0, self.size)
        return fold([hash_in(node, bytes(self._partial[tile_of(node).level])) for node in nodes])

    def append(self, leaves: Iterable[bytes]) -> None:
        """Add leaves, given as their bytes."""
        touched: set[int] = set()
        for leaf in leaves:
            self._append(0, leaf_hash(leaf), touched)
            self.size += 1
        for level in touched:
            if hashes := self._partial[level]:
                self.changed[Tile(level, (self.size >> (HEIGHT * level)) // WIDTH)] = bytes(hashes)

    def _append(self, level: int, one: bytes, touched: set[int]) -> None:
        touched.add(level)
        hashes = self._partial.setdefault(level, bytearray())
        hashes += one
        if len(hashes) == TILE_BYTES:
            # The leaf is not counted yet, so this is still the tile's own number.
            self.changed[Tile(level, (self.size >> (HEIGHT * level)) // WIDTH)] = bytes(hashes)
            self._append(level + 1, perfect_root(split_hashes(bytes(hashes))), touched)
            hashes.clear()
