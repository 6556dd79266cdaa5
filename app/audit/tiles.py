"""Tiles: how the tree's hashes and its leaves are cut, named and packed (C2SP tlog-tiles)."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.audit.merkle import HASH_BYTES, Node, perfect_root

HEIGHT = 8
WIDTH = 1 << HEIGHT
"""How many hashes a full tile holds."""

MAX_LEVEL = 63
MAX_LEAF_BYTES = 65_535
MAX_NUMBER = 2**63 - 1

_PATH = re.compile(
    r"(?P<level>[0-9]{1,2}|entries)/(?P<number>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)


class NotATile(ValueError):
    """A path that names no tile, or bytes that are none; the message says why."""


class Tile(NamedTuple):
    """The hashes of `WIDTH` neighbouring nodes of height `level * HEIGHT`."""

    level: int
    number: int


class TilePath(NamedTuple):
    """What a path asks for: a tile of hashes, or with `level` None a bundle of entries; and how much of it.

    `width` is `WIDTH` for a full one.
    """

    level: int | None
    number: int
    width: int


def tile_of(node: Node) -> Tile:
    """The tile from which a complete node's hash is computed."""
    return Tile(node.level // HEIGHT, node.number >> (HEIGHT - node.level % HEIGHT))


def hash_in(node: Node, hashes: bytes) -> bytes:
    """A complete node's hash, from the bytes of its tile.

    Raises NotATile where the tile does not reach so far.
    """
    count = 1 << node.level % HEIGHT
    first = (node.number * count) % WIDTH
    if len(hashes) < (first + count) * HASH_BYTES:
        raise NotATile(f"The tile of node {node.number} at height {node.level} is truncated.")
    return perfect_root([hashes[at * HASH_BYTES : (at + 1) * HASH_BYTES] for at in range(first, first + count)])


def width_of(level: int, number: int, size: int) -> int:
    """How many hashes a tile holds in a tree of `size` leaves; 0 where the tree does not reach it."""
    return max(0, min(WIDTH, (size >> (level * HEIGHT)) - number * WIDTH))


def path_of(path: TilePath) -> str:
    """The one spelling of a path, below `tile/`."""
    level = "entries" if path.level is None else str(path.level)
    *leading, last = _thousands(path.number)
    shown = "".join(f"x{part:03}/" for part in leading) + f"{last:03}"
    return f"{level}/{shown}" if path.width == WIDTH else f"{level}/{shown}.p/{path.width}"


def parse_path(text: str) -> TilePath:
    """What a path below `tile/` asks for.

    Raises NotATile for what is no path, and for a second spelling of one.
    """
    found = _PATH.fullmatch(text)
    if found is None:
        raise NotATile(
            "A tile's path is <level>/<number> or entries/<number>, with the number in groups of three digits, at most "
            "seven: 0/x001/234."
        )
    level = None if found["level"] == "entries" else int(found["level"])
    number = int(re.sub(r"[x/]", "", found["number"]))
    width = WIDTH if found["width"] is None else int(found["width"])
    path = TilePath(level, number, width)
    if (level or 0) > MAX_LEVEL or number > MAX_NUMBER:
        raise NotATile(f"A tile's level goes to {MAX_LEVEL} and its number to 2^63-1.")
    if found["width"] is not None and not 1 <= width < WIDTH:
        raise NotATile(f"A partial tile has 1 to {WIDTH - 1} hashes; a full one is asked for without .p/.")
    if path_of(path) != text:
        raise NotATile(f"This tile is spelled tile/{path_of(path)}.")
    return path


def bundle(leaves: Iterable[bytes]) -> bytes:
    """A bundle of entries: each with its length before it, as two bytes.

    Raises ValueError for a leaf that is too long.
    """
    packed = bytearray()
    for leaf in leaves:
        if len(leaf) > MAX_LEAF_BYTES:
            raise ValueError(f"A leaf has at most {MAX_LEAF_BYTES} bytes.")
        packed += len(leaf).to_bytes(2, "big") + leaf
    return bytes(packed)


def unbundle(packed: bytes) -> list[bytes]:
    """The leaves of a bundle.

    Raises NotATile where it is truncated.
    """
    leaves: list[bytes] = []
    at = 0
    while at < len(packed):
        end = at + 2 + int.from_bytes(packed[at : at + 2], "big")
        if end > len(packed):
            raise NotATile(f"The bundle is truncated after {len(leaves)} entries.")
        leaves.append(packed[at + 2 : end])
        at = end
    return leaves


def split_hashes(hashes: bytes) -> list[bytes]:
    """The hashes of a tile.

    Raises NotATile where it is truncated.
    """
    if len(hashes) % HASH_BYTES:
        raise NotATile(f"A tile's length is a multiple of {HASH_BYTES} bytes; this one has {len(hashes)}: truncated.")
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def _thousands(number: int) -> Sequence[int]:
    parts = [number % 1000]
    while number := number // 1000:
        parts.insert(0, number % 1000)
    return parts
