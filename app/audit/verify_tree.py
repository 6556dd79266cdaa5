"""Checks the Merkle tree over a log, and every checkpoint that was signed for it, from stored bytes alone.

It builds the tree anew from the entries' hashes, in the order in which the leaves name them, and compares tiles, roots
and signatures with what is stored. It shares with the notary how a note is signed, and not how a tree is built.

A checkpoint that was kept elsewhere proves what the database alone cannot: that the log, its tree and its checkpoints
were not rolled back, or written anew with the log's own key. What the database cannot tell either: that a checkpoint
was dropped which is neither the newest nor the published one, and that no one kept (the roots before and after it still
hold); when a checkpoint was signed (`signed_at`), and how often the tree changed hands (`epoch`), which no signature
covers; and whether the signature of a witness is right, which takes the witness's key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from app.audit.checkpoint import (
    SIGNATURE_BYTES,
    TIMESTAMP_BYTES,
    Checkpoint,
    Note,
    NoteInvalid,
    VerifierKey,
)
from app.audit.entry import leaf
from app.audit.regrown import Order, Regrown
from app.audit.stored import Code, Finding, Findings, VerifiedTree
from app.audit.stored_tree import FIRST_GENERATION, StoredCheckpoint, StoredCosignature, StoredTree, TreeSource
from app.audit.tiles import Tile


@dataclass(frozen=True, slots=True)
class Trusted:
    """A checkpoint that was kept elsewhere, and where."""

    note: Note
    checkpoint: Checkpoint
    kept_in: str


def trusted_from(note: str, kept_in: str) -> Trusted:
    """A checkpoint from a note that was kept elsewhere. Raises NoteInvalid."""
    parsed = Note.parse(note)
    return Trusted(parsed, Checkpoint.parse(parsed.text), kept_in)


async def verify_trees(source: TreeSource, trusted: Sequence[Trusted], findings: Findings) -> VerifiedTree | None:
    """Check every generation; what the newest one covers, None where nothing was ever signed.

    Each checkpoint of `trusted` must be one that a generation continues. Memory does not grow with the log, but by the
    number of its streams. Raises what the source raises.
    """
    trees = await source.trees()
    for message in await _gaps(source, trees):
        findings.add(Finding(Code.TREE_DIFFERS, message))
    newest, compared = None, 0
    unmet = list(trusted)
    for tree in trees:
        mine = [one for one in unmet if one.checkpoint.origin == tree.origin]
        unmet = [one for one in unmet if one.checkpoint.origin != tree.origin]
        compared += len(mine)
        checked = await _Check(source, tree, findings, mine).run()
        newest = VerifiedTree(tree.origin, tree.size, tree.root, checked, compared)
    for one in unmet:
        findings.add(_of_no_generation(one, trees))
    return newest


async def _gaps(source: TreeSource, trees: Sequence[StoredTree]) -> list[str]:
    """Which generations have no row of their own: they are numbered from 1 without gaps."""
    gaps = []
    numbers = [tree.generation for tree in trees]
    if numbers != list(range(FIRST_GENERATION, len(numbers) + 1)):
        gaps.append(f"The tree has the generations {numbers}: one is gone.")
    named = await source.generations()
    if named is not None and not set(named) <= set(numbers):
        gaps.append(f"There are leaves, tiles or checkpoints of the generations {sorted(set(named) - set(numbers))}.")
    return gaps


def _of_no_generation(kept: Trusted, trees: Sequence[StoredTree]) -> Finding:
    origin, where = kept.checkpoint.origin, f"The checkpoint in {kept.kept_in}"
    if not trees:
        return Finding(Code.ROLLED_BACK, f"{where} is of {origin!r}; here nothing was ever signed.")
    base, _, number = origin.rpartition("/")
    if base == trees[0].origin and number.isascii() and number.isdigit():
        return Finding(Code.ROLLED_BACK, f"{where} is of {origin!r}, a later origin of this log that is not here.")
    return Finding(Code.CHECKPOINT_OF_ANOTHER_LOG, f"{where} is of {origin!r}, which is none of this log's origins.")


@dataclass(slots=True)
class _Check:
    """Of one generation. `_marks` are the sizes of checkpoints that were kept elsewhere, and the roots there."""

    source: TreeSource
    tree: StoredTree
    findings: Findings
    trusted: Sequence[Trusted]
    _grown: Regrown = field(default_factory=Regrown)
    _key: VerifierKey | None = None
    _tiles: int = 0
    _marks: dict[int, bytes | None] = field(default_factory=dict)
    # The sizes of checkpoints: all those that anything else names, and the last two.
    _signed: set[int] = field(default_factory=set)
    _last: tuple[int, int] = (0, 0)

    async def run(self) -> int:
        """How many checkpoints there are."""
        self._marks = dict.fromkeys(sorted(one.checkpoint.size for one in self.trusted))
        self._check_row()
        is_first = self.tree.generation == FIRST_GENERATION
        order = Order(self.findings, None if is_first else self.tree.first_entry_id or "")
        count = await self._grow(order)
        await self._compare_tiles(self._grown.partial())
        await self._check_end(order)
        async for cosignature in self.source.cosignatures(self.tree.generation):
            self._check_cosignature(cosignature)
        for kept in self.trusted:
            self._check_trusted(kept)
        return count

    async def _grow(self, order: Order) -> int:
        """Build the tree, and look at every checkpoint and mark when the tree has its size."""
        grown, signed, count = self._grown, self.source.checkpoints(self.tree.generation), 0
        following = await anext(signed, None)
        marks = chain(self._marks, [None])
        mark = next(marks)
        async for some in self.source.leaves(self.tree.generation):
            hashes, at = order.take(some), 0
            while True:
                while mark is not None and mark <= grown.size:
                    self._marks[mark] = grown.root()
                    mark = next(marks)
                while following is not None and following.size <= grown.size:
                    self._check_signed(following)
                    following, count = await anext(signed, None), count + 1
                if at == len(hashes):
                    break
                stops = [mark, None if following is None else following.size]
                upto = min((stop for stop in stops if stop is not None), default=grown.size + len(hashes))
                taken = hashes[at : at + upto - grown.size]
                grown.append(leaf(entry) for entry in taken)
                at += len(taken)
            await self._compare_tiles(grown.full)
            grown.full.clear()
        while following is not None:
            self._check_signed(following)
            following, count = await anext(signed, None), count + 1
        return count

    def _check_row(self) -> None:
        try:
            self._key = VerifierKey.parse(self.tree.vkey)
        except NoteInvalid as error:
            self._add(Code.TREE_DIFFERS, f"The tree's row names no key: {error}")
        else:
            if (self._key.name, str(self._key)) != (self.tree.origin, self.tree.vkey):
                self._add(Code.TREE_DIFFERS, f"The tree's row names a key that does not sign for {self.tree.origin!r}.")
        if (self.tree.generation > FIRST_GENERATION) != (self.tree.first_entry_id is not None):
            self._add(Code.TREE_DIFFERS, "The tree's row says that it begins with an entry with which none begins.")

    async def _compare_tiles(self, built: Mapping[Tile, bytes]) -> None:
        stored = await self.source.tiles(self.tree.generation, list(built))
        self._tiles += len(stored)
        for tile, hashes in built.items():
            if stored.get(tile) != hashes:
                is_gone = tile not in stored
                what = "is gone" if is_gone else "does not hold the hashes of its leaves"
                self._add(
                    Code.TILE_MISSING if is_gone else Code.TILE_DIFFERS,
                    f"Tile {tile.number} of level {tile.level} {what}.",
                )

    async def _check_end(self, order: Order) -> None:
        if (stored := await self.source.count_tiles(self.tree.generation)) > self._tiles:
            self._add(Code.TILE_STRAY, f"{stored - self._tiles} tiles are stored that the tree does not have.")
        if (self.tree.size, self.tree.root) != (self._grown.size, self._grown.root()):
            self._add(
                Code.TREE_DIFFERS,
                f"The tree's row says {self.tree.size} leaves; the {self._grown.size} leaves that are there have"
                " another root or number.",
            )
        rows = await self.source.sequenced(self.tree.generation)
        for stream in sorted(rows.keys() | order.reached.keys() | ({order.first[0]} if order.first else set())):
            if rows.get(stream) not in order.ends(stream):
                self._add(Code.TREE_DIFFERS, f"The row of stream {stream} does not name its last entry in the tree.")
        self._check_newest()

    def _check_newest(self) -> None:
        """The notary signs whenever the tree grows, and publishes what it signed before it signs again."""
        before, newest = self._last
        if newest < self._grown.size:
            self._add(
                Code.CHECKPOINT_MISSING,
                f"The newest checkpoint covers {newest} of the tree's {self._grown.size} leaves.",
            )
        published = self.tree.published
        if published and published not in self._signed:
            self._add(Code.CHECKPOINT_MISSING, f"The checkpoint of {published} leaves, which is published, is gone.")
        elif published not in {before, newest}:
            self._add(Code.TREE_DIFFERS, f"The tree's row publishes {published} leaves; {newest} were signed last.")

    def _check_signed(self, signed: StoredCheckpoint) -> None:
        where = f"The checkpoint of {signed.size} leaves"
        self._last = (self._last[1], signed.size)
        if signed.size == self.tree.published or signed.size in self._marks:
            self._signed.add(signed.size)
        if signed.size > self._grown.size:
            self._add(Code.CHECKPOINT_DIFFERS, f"{where} covers more than the {self._grown.size} that are there.")
        elif signed.size < self._grown.size or signed.root != self._grown.root():
            self._add(Code.CHECKPOINT_DIFFERS, f"{where} does not have the root that the leaves have.")
        try:
            note = Note.parse(signed.note)
            self._require_signed(note)
        except NoteInvalid as error:
            self._add(Code.CHECKPOINT_UNSIGNED, f"{where} is not signed by the log's key: {error}")
            return
        if len(note.signatures) != 1:
            self._add(Code.CHECKPOINT_DIFFERS, f"{where} has signatures beside the log's own.")
        if note.text != Checkpoint(self.tree.origin, signed.size, signed.root).text:
            self._add(Code.CHECKPOINT_DIFFERS, f"{where} was signed for another origin, size or root than its row's.")

    def _check_cosignature(self, stored: StoredCosignature) -> None:
        where = f"What {stored.witness!r} added to the checkpoint of {stored.size} leaves"
        if not stored.is_of_checkpoint:
            self._add(Code.COSIGNATURE_INVALID, f"{where} is there, and the checkpoint is not.")
        try:
            signatures = Note.parse(f"-\n\n{stored.line}").signatures
        except NoteInvalid as error:
            self._add(Code.COSIGNATURE_INVALID, f"{where} is no signature: {error}")
            return
        lengths = {len(one.signature) for one in signatures}
        if [one.name for one in signatures] != [stored.witness] or lengths != {TIMESTAMP_BYTES + SIGNATURE_BYTES}:
            self._add(Code.COSIGNATURE_INVALID, f"{where} is not one cosignature of that name.")

    def _check_trusted(self, kept: Trusted) -> None:
        size = kept.checkpoint.size
        where = f"The checkpoint in {kept.kept_in} covers {size} leaves"
        try:
            self._require_signed(kept.note)
        except NoteInvalid as error:
            self._add(Code.CHECKPOINT_UNSIGNED, f"{where}; the log's key did not sign it: {error}")
            return
        if size > self._grown.size:
            self._add(Code.ROLLED_BACK, f"{where}; the log has {self._grown.size}: entries were lost or cut off.")
        elif (self._marks[size] or Regrown().root()) != kept.checkpoint.root:
            self._add(Code.HISTORY_DIFFERS, f"{where}; the log's first {size} leaves are others.")
        elif size and size not in self._signed:
            self._add(Code.CHECKPOINT_MISSING, f"{where}, as the log has them; the log's own copy of it is gone.")

    def _require_signed(self, note: Note) -> None:
        if self._key is None:
            raise NoteInvalid("The key is unknown.")
        self._key.require_signed(note)

    def _add(self, code: Code, message: str) -> None:
        self.findings.add(Finding(code, message))
