"""The Merkle tree as it is stored, unparsed, so that what was tampered with can still be looked at."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from app.audit.tiles import Tile

FIRST_GENERATION = 1


def number_of(generation: int, origin: str) -> int:
    """The number that an origin ends in, 1 for the first: no two have the same, wherever the log was restored.

    A generation's own number can be that of one that a database from an older backup never heard of.
    """
    return FIRST_GENERATION if generation == FIRST_GENERATION else int(origin.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class StoredTree:
    """The row of one generation of the tree."""

    generation: int
    origin: str
    vkey: str
    first_entry_id: str | None
    size: int
    root: bytes
    published: int


class StoredLeaf(NamedTuple):
    """A leaf, and the entry that it names; `hash` is None where there is no such entry."""

    place: int
    stream: str
    aseq: int
    entry_id: str
    hash: bytes | None


StreamEnd = tuple[int, bytes]
"""An entry of a stream by its number and its hash."""


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint's row."""

    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class StoredCosignature:
    """What a witness added to the checkpoint of this size; `is_of_checkpoint` tells whether there is one."""

    size: int
    witness: str
    line: str
    is_of_checkpoint: bool


class TreeSource(Protocol):
    """Where the tree is read: all of it as of one instant."""

    async def trees(self) -> Sequence[StoredTree]:
        """Every generation, the oldest first."""

    async def generations(self) -> tuple[int, int] | None:
        """The first and the last generation that any leaf, tile, checkpoint or the like names; None without any."""

    def leaves(self, generation: int) -> AsyncIterator[Sequence[StoredLeaf]]:
        """The leaves by their index, some at a time."""

    async def tiles(self, generation: int, wanted: Sequence[Tile]) -> Mapping[Tile, bytes]:
        """These tiles; what is not there is absent."""

    async def count_tiles(self, generation: int) -> int:
        """How many tiles are stored."""

    def checkpoints(self, generation: int) -> AsyncIterator[StoredCheckpoint]:
        """The checkpoints by their size."""

    def cosignatures(self, generation: int) -> AsyncIterator[StoredCosignature]:
        """What witnesses added to checkpoints."""

    async def sequenced(self, generation: int) -> Mapping[str, StreamEnd]:
        """How far each stream is in the tree, by its own row."""
