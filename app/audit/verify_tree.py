"""Checks the Merkle tree over a log, and every checkpoint that was signed for it, from stored bytes alone.

It builds the tree anew from the entries' hashes, in the order in which the leaves name them, and compares tiles, roots
and signatures with what is stored. It shares with the notary how a leaf is spelled and how a note is signed, and not
how a tree is built. A checkpoint that was kept elsewhere proves what the database alone cannot: that the log, its tree
and its checkpoints were not rolled back or written anew together.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from app.audit.checkpoint import Checkpoint, Note, NoteInvalid, VerifierKey
from app.audit.entry import leaf
from app.audit.stored import Code, Finding, Findings, VerifiedTree
from app.audit.tiles import HEIGHT, WIDTH, Tile

FIRST_GENERATION = 1


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


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint's row."""

    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class Trusted:
    """A checkpoint that was kept elsewhere, and where."""

    note: Note
    checkpoint: Checkpoint
    kept_in: str


class TreeSource(Protocol):
    """Where the tree is read: all of it as of one instant."""

    async def trees(self) -> Sequence[StoredTree]:
        """Every generation, the oldest first."""

    def leaves(self, generation: int) -> AsyncIterator[Sequence[StoredLeaf]]:
        """The leaves by their index, some at a time."""

    async def tiles(self, generation: int, wanted: Sequence[Tile]) -> Mapping[Tile, bytes]:
        """These tiles; what is not there is absent."""

    async def count_tiles(self, generation: int) -> int:
        """How many tiles are stored."""

    def checkpoints(self, generation: int) -> AsyncIterator[StoredCheckpoint]:
        """The checkpoints by their size."""

    async def sequenced(self, generation: int) -> Mapping[str, int]:
        """How far each stream is in the tree, by its own row."""


async def verify_trees(source: TreeSource, trusted: Sequence[Trusted], findings: Findings) -> VerifiedTree | None:
    """Check every generation; what the newest one covers, None where nothing was ever signed.

    Each checkpoint of `trusted` must be one that a generation continues. Memory does not grow with the log, but by the
    number of its streams. Raises what the source raises.
    """
    newest = None
    unmet = list(trusted)
    for tree in await source.trees():
        mine = [one for one in unmet if one.checkpoint.origin == tree.origin]
        unmet = [one for one in unmet if one not in mine]
        newest = await _Check(source, tree, findings, mine).run()
    for one in unmet:
        message = (
            f"The checkpoint in {one.kept_in} is of {one.checkpoint.origin!r}, which is none of this log's origins."
        )
        findings.add(Finding(Code.CHECKPOINT_OF_ANOTHER_LOG, message))
    return newest


@dataclass(slots=True)
class _Growing:
    """A tree as RFC 6962 builds it, leaf by leaf: the subtrees of its right edge, and its tiles as they fill."""

    size: int = 0
    full: dict[Tile, bytes] = field(default_factory=dict)
    _edge: list[bytes] = field(default_factory=list)
    _partial: dict[int, bytearray] = field(default_factory=dict)

    def append(self, leaf_bytes: bytes) -> None:
        """Add a leaf."""
        node = hashlib.sha256(b"\x00" + leaf_bytes).digest()
        self._keep(0, self.size, node)
        level, number = 0, self.size
        while number & 1:
            node = hashlib.sha256(b"\x01" + self._edge.pop() + node).digest()
            level, number = level + 1, number >> 1
            if level % HEIGHT == 0:
                self._keep(level // HEIGHT, number, node)
        self._edge.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves."""
        if not self._edge:
            return hashlib.sha256(b"").digest()
        *left, node = self._edge
        for subtree in reversed(left):
            node = hashlib.sha256(b"\x01" + subtree + node).digest()
        return node

    def partial(self) -> dict[Tile, bytes]:
        """The tiles that are not full."""
        return {
            Tile(level, (self.size >> HEIGHT * level) // WIDTH): bytes(hashes)
            for level, hashes in self._partial.items()
            if hashes
        }

    def tiles(self) -> int:
        """How many tiles the tree has."""
        return sum(-(-width // WIDTH) for level in range(64 // HEIGHT) if (width := self.size >> HEIGHT * level))

    def _keep(self, level: int, number: int, node: bytes) -> None:
        hashes = self._partial.setdefault(level, bytearray())
        hashes += node
        if number % WIDTH == WIDTH - 1:
            self.full[Tile(level, number // WIDTH)] = bytes(hashes)
            hashes.clear()


@dataclass(slots=True)
class _Check:
    source: TreeSource
    tree: StoredTree
    findings: Findings
    trusted: Sequence[Trusted]
    grown: _Growing = field(default_factory=_Growing)
    reached: dict[str, int] = field(default_factory=dict)
    count: int = 0
    # Of the entry that a later generation begins with: it comes again at its place in its stream, without a leaf.
    first: tuple[str, int] | None = None

    async def run(self) -> VerifiedTree:
        signed = self.source.checkpoints(self.tree.generation)
        following = await anext(signed, None)
        marks = sorted({one.checkpoint.size for one in self.trusted})
        roots: dict[int, bytes] = {}
        async for some in self.source.leaves(self.tree.generation):
            for one in some:
                if not self._takes(one):
                    continue
                if self.grown.size in marks:
                    roots[self.grown.size] = self.grown.root()
                while following is not None and following.size <= self.grown.size:
                    self._check_signed(following)
                    following = await anext(signed, None)
            await self._compare_tiles(self.grown.full)
            self.grown.full.clear()
        roots.setdefault(0, _Growing().root())
        while following is not None:
            self._check_signed(following)
            following = await anext(signed, None)
        await self._check_end()
        for kept in self.trusted:
            self._check_trusted(kept, roots)
        return VerifiedTree(self.tree.origin, self.tree.size, self.tree.root, self.count, len(self.trusted))

    def _takes(self, one: StoredLeaf) -> bool:
        """Add a leaf to the tree that is built; whether it could be."""
        if one.place != self.grown.size:
            self._add(Code.LEAF_MISSING, f"After leaf {self.grown.size - 1} comes leaf {one.place}.")
        if one.hash is None:
            self._add(Code.LEAF_UNKNOWN, f"Leaf {one.place} names an entry that is not there.")
            return False
        is_first = self.tree.generation > FIRST_GENERATION and self.grown.size == 0
        if is_first:
            self.first = (one.stream, one.aseq)
            if one.entry_id != self.tree.first_entry_id:
                self._add(Code.LEAF_ORDER, "The first leaf is not the entry that the generation begins with.", one)
        else:
            expected = self.reached.get(one.stream, 0) + 1
            if (one.stream, expected) == self.first:
                expected += 1
            if one.aseq != expected:
                self._add(Code.LEAF_ORDER, f"Leaf {one.place} is entry {one.aseq}; {expected} would be next.", one)
            self.reached[one.stream] = one.aseq
        self.grown.append(leaf(one.hash))
        return True

    async def _compare_tiles(self, built: Mapping[Tile, bytes]) -> None:
        stored = await self.source.tiles(self.tree.generation, list(built))
        for tile, hashes in built.items():
            if stored.get(tile) != hashes:
                is_gone = tile not in stored
                what = "is gone" if is_gone else "does not hold the hashes of its leaves"
                self._add(
                    Code.TILE_MISSING if is_gone else Code.TILE_DIFFERS,
                    f"Tile {tile.number} of level {tile.level} {what}.",
                )

    async def _check_end(self) -> None:
        await self._compare_tiles(self.grown.partial())
        if (stored := await self.source.count_tiles(self.tree.generation)) > self.grown.tiles():
            self._add(Code.TILE_STRAY, f"{stored} tiles are stored; the tree has {self.grown.tiles()}.")
        if (self.tree.size, self.tree.root) != (self.grown.size, self.grown.root()):
            self._add(
                Code.TREE_DIFFERS,
                f"The tree's row says {self.tree.size} leaves; the {self.grown.size} leaves that are there have another"
                " root or number.",
            )
        rows = await self.source.sequenced(self.tree.generation)
        for stream in sorted(rows.keys() | self.reached.keys()):
            reached, row = self.reached.get(stream, 0), rows.get(stream, 0)
            # An entry that has its leaf at the beginning may have been passed over since.
            if row not in {reached, reached + ((stream, reached + 1) == self.first)}:
                self._add(
                    Code.TREE_DIFFERS, f"Stream {stream} is in the tree up to entry {reached}; its row says {row}."
                )

    def _check_signed(self, signed: StoredCheckpoint) -> None:
        self.count += 1
        where = f"The checkpoint of {signed.size} leaves"
        if signed.size > self.grown.size:
            self._add(Code.CHECKPOINT_DIFFERS, f"{where} covers more than the {self.grown.size} leaves that are there.")
        elif signed.size < self.grown.size or signed.root != self.grown.root():
            self._add(Code.CHECKPOINT_DIFFERS, f"{where} does not have the root that the leaves have.")
        try:
            note = Note.parse(signed.note)
            VerifierKey.parse(self.tree.vkey).require_signed(note)
            stated = Checkpoint.parse(note.text)
        except NoteInvalid as error:
            self._add(Code.CHECKPOINT_UNSIGNED, f"{where} is not signed by the log's key: {error}")
            return
        if stated != Checkpoint(self.tree.origin, signed.size, signed.root):
            self._add(
                Code.CHECKPOINT_DIFFERS, f"{where} was signed for another origin, size or root than its row says."
            )

    def _check_trusted(self, kept: Trusted, roots: Mapping[int, bytes]) -> None:
        checkpoint = kept.checkpoint
        where = f"The checkpoint in {kept.kept_in} covers {checkpoint.size} leaves"
        try:
            VerifierKey.parse(self.tree.vkey).require_signed(kept.note)
        except NoteInvalid as error:
            self._add(Code.CHECKPOINT_UNSIGNED, f"{where}; the log's key did not sign it: {error}")
            return
        if checkpoint.size > self.grown.size:
            self._add(Code.ROLLED_BACK, f"{where}; the log has {self.grown.size}: entries were lost or cut off.")
        elif roots.get(checkpoint.size) != checkpoint.root:
            self._add(Code.HISTORY_DIFFERS, f"{where}; the log's first {checkpoint.size} leaves are others.")

    def _add(self, code: Code, message: str, at: StoredLeaf | None = None) -> None:
        place = (None, None, None) if at is None else (at.stream, at.aseq, at.entry_id)
        self.findings.add(Finding(code, message, *place))


def trusted_from(note: str, kept_in: str) -> Trusted:
    """A checkpoint from a note that was kept elsewhere. Raises NoteInvalid."""
    parsed = Note.parse(note)
    return Trusted(parsed, Checkpoint.parse(parsed.text), kept_in)
