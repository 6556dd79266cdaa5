"""A tree that is built anew from its leaves, to be compared with the one that is stored.

It shares no code with what grows the stored one (`app.audit.edge`).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.audit.stored import Code, Finding, Findings
from app.audit.stored_tree import StoredLeaf, StreamEnd
from app.audit.tiles import HEIGHT, WIDTH, Tile

# RFC 6962 2.1 puts 00 before a leaf and 01 before a node.
_LEAF, _NODE = b"\x00", b"\x01"


@dataclass(slots=True)
class Regrown:
    """A tree as RFC 6962 builds it: the roots of its complete subtrees, the largest first, and its tiles as they fill.

    `full` holds the tiles that have been filled: whoever has looked at them may take them away.
    """

    size: int = 0
    full: dict[Tile, bytes] = field(default_factory=dict)
    _subtrees: list[bytes] = field(default_factory=list)
    _partial: dict[int, bytearray] = field(default_factory=dict)

    def append(self, leaves: Iterable[bytes]) -> None:
        """Add leaves, given as their bytes."""
        sha256, subtrees, size = hashlib.sha256, self._subtrees, self.size
        bottom = self._partial.setdefault(0, bytearray())
        for leaf in leaves:
            node = sha256(_LEAF + leaf).digest()
            bottom += node
            level, number = 0, size
            while number & 1:
                node = sha256(_NODE + subtrees.pop() + node).digest()
                level, number = level + 1, number >> 1
                if level % HEIGHT == 0:
                    self._fill(level // HEIGHT, number, node)
            subtrees.append(node)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """The root over all leaves."""
        if not self._subtrees:
            return hashlib.sha256(b"").digest()
        *left, node = self._subtrees
        for subtree in reversed(left):
            node = hashlib.sha256(_NODE + subtree + node).digest()
        return node

    def partial(self) -> dict[Tile, bytes]:
        """The tiles that are not full."""
        return {
            Tile(level, (self.size >> HEIGHT * level) // WIDTH): bytes(hashes)
            for level, hashes in self._partial.items()
            if hashes
        }

    def _fill(self, level: int, number: int, node: bytes) -> None:
        """Add the root of a full tile to the tile above it."""
        below = self._partial[level - 1]
        self.full[Tile(level - 1, number)] = bytes(below)
        below.clear()
        above = self._partial.setdefault(level, bytearray())
        above += node


@dataclass(slots=True)
class Order:
    """The order that leaves must have: by their places, and the entries of each stream by their numbers.

    `first_entry_id` is the entry that a later generation begins with. It comes again at its place in its stream, where
    it has no second leaf.
    """

    findings: Findings
    first_entry_id: str | None
    first: tuple[str, StreamEnd] | None = None
    reached: dict[str, StreamEnd] = field(default_factory=dict)
    _place: int = 0

    def take(self, leaves: Sequence[StoredLeaf]) -> list[bytes]:
        """The hashes of the leaves' entries, without those that are not there. `findings` gets what is wrong."""
        reached, place, hashes = self.reached, self._place, list[bytes]()
        for one in leaves:
            at, stream, aseq, _, entry_hash = one
            if at != place:
                self._add(Code.LEAF_MISSING, f"After leaf {place - 1} comes leaf {at}.")
            place = at + 1
            if entry_hash is None:
                self._add(Code.LEAF_UNKNOWN, f"Leaf {at} names an entry that is not there.")
                continue
            hashes.append(entry_hash)
            if at == 0 and self.first_entry_id is not None:
                self._begin(one, entry_hash)
                continue
            last = reached.get(stream)
            if aseq != (1 if last is None else last.aseq + 1):
                self._look_closer(one, 1 if last is None else last.aseq + 1)
            reached[stream] = StreamEnd(aseq, entry_hash)
        self._place = place
        return hashes

    def ends(self, stream: str) -> set[StreamEnd | None]:
        """What a stream's row may say of how far it is in the tree."""
        end = self.reached.get(stream)
        following = 1 if end is None else end.aseq + 1
        if self.first is not None and (stream, following) == (self.first[0], self.first[1].aseq):
            # It has its leaf at the beginning, and may have been passed over since.
            return {end, self.first[1]}
        return {end}

    def _begin(self, one: StoredLeaf, entry_hash: bytes) -> None:
        self.first = (one.stream, StreamEnd(one.aseq, entry_hash))
        if one.entry_id != self.first_entry_id:
            self._add(Code.LEAF_ORDER, "The first leaf is not the entry that the generation begins with.", one)

    def _look_closer(self, one: StoredLeaf, expected: int) -> None:
        if self.first is not None and (one.stream, expected) == (self.first[0], self.first[1].aseq):
            expected += 1
        if one.aseq != expected:
            self._add(Code.LEAF_ORDER, f"Leaf {one.place} is entry {one.aseq}; {expected} would be next.", one)

    def _add(self, code: Code, message: str, at: StoredLeaf | None = None) -> None:
        place = (None, None, None) if at is None else (at.stream, at.aseq, at.entry_id)
        self.findings.add(Finding(code, message, *place))
