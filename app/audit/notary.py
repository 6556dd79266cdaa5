"""The notary: puts entries into the Merkle tree, in order, and signs what the tree has become.

It signs nothing that does not continue what it signed before. A checkpoint is stored by the transaction that compares
and swaps the tree's state, kept outside the database after that commit, and only then published: a notary that slept
through its own replacement finds another epoch, and what it signed is rolled back unseen.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.checkpoint import Checkpoint, Signer
from app.audit.continuity import (
    CannotSign,
    Reason,
    chained,
    edge_of,
    require_continues,
    require_nothing_kept,
)
from app.audit.entry import leaf
from app.audit.kept import KeptCheckpoint, KeptNotOlder, KeptUnusable
from app.clock import Clock, to_micros
from app.store import tree as trees
from app.store.connection import Connection, IntegrityViolation, Transaction
from app.store.database import Database
from app.store.tree import Behind, PendingEntry, SignedTree, Tree

LANE = "checkpoint"
"""What the notary's transactions are queued under, and what is announced when there may be a newer checkpoint."""

LEAVES_PER_CYCLE = 4_096
"""So that other writers wait for a few hundredths of a second at most."""


class Superseded(Exception):
    """The tree is not as this notary left it: another took it over, or the database lost what was committed."""


class Step(StrEnum):
    """What a cycle has just done: where a test may end the process, or put it to sleep."""

    PLACED = "placed"
    GROWN = "grown"
    SWAPPED = "swapped"
    SIGNED = "signed"
    STORED = "stored"
    COMMITTED = "committed"
    KEPT = "kept"
    PUBLISHED = "published"


def _go_on(_: Step) -> None:
    return


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one cycle came to: the checkpoint that it signed, if there was anything to sign, and whether more waits."""

    signed: SignedTree | None
    more: bool = False


@dataclass(slots=True)
class Notary:
    """Signs for one database with one key. `places` are where checkpoints are kept outside the database."""

    database: Database
    key: Ed25519PrivateKey
    origin: str
    places: Sequence[KeptCheckpoint]
    clock: Clock
    passed: Callable[[Step], None] = _go_on
    _mine: Tree | None = None
    _size: int = 0

    @property
    def generation(self) -> int:
        """Of the tree that was taken over; 0 before that."""
        return 0 if self._mine is None else self._mine.generation

    @property
    def size(self) -> int:
        """How many leaves the newest checkpoint covers, as far as this notary knows."""
        return self._size

    async def start(self) -> int:
        """Take the tree over, having made sure that it continues what was signed.

        Answers how many checkpoints were there to compare with. Raises Superseded where another notary was quicker:
        call it again, where this process may still sign. Raises CannotSign, and what `Database.write` raises.
        """
        self._mine = None
        held, compared = await self.database.write(LANE, self._claim)
        self._mine, self._size = held, held.size
        if held.published < held.size:
            signed = await trees.checkpoint_at(self.database.reads, held.generation, held.size)
            if signed is not None:
                await self._publish(held, signed)
        return compared

    async def cycle(self) -> Cycle:
        """Put entries that wait into the tree, sign it, and publish the checkpoint.

        Raises Superseded: call `start` again, where this process may still sign. Raises CannotSign, and what
        `Database.write` raises: nothing was published then.
        """
        mine = self._mine
        if mine is None:
            raise Superseded
        cycle = await self.database.write(LANE, lambda transaction: self._sequence(transaction, mine))
        if cycle.signed is not None:
            self._mine = replace(mine, size=cycle.signed.size, root=cycle.signed.root)
            self.passed(Step.COMMITTED)
            await self._publish(self._mine, cycle.signed)
            self._size = cycle.signed.size
        return cycle

    async def _claim(self, transaction: Transaction) -> tuple[Tree, int]:
        async with transaction.savepoint():
            tree = await trees.newest_locked(transaction)
            if tree is None:
                require_nothing_kept(self.places)
                try:
                    await trees.begin(transaction, 1, self.origin, str(Signer(self.origin, self.key).vkey), None)
                except IntegrityViolation as quicker:
                    raise Superseded from quicker
                tree = await trees.newest_locked(transaction)
            assert tree is not None  # noqa: S101  # inserted above, in this transaction
            compared = await require_continues(transaction, tree, self.places)
            if str(self._signer(tree).vkey) != tree.vkey:
                raise CannotSign(
                    Reason.OTHER_KEY,
                    f"The log {tree.origin} is signed with another key than this one: give this process its key"
                    " (ANCHORAGE_LOG_KEY_FILE), or begin a new origin with `anchorage audit recover`.",
                )
            if not await trees.claim(transaction, tree):
                raise Superseded
            claimed = await trees.newest_locked(transaction)
            assert claimed is not None  # noqa: S101  # it was there above
            return claimed, compared

    async def _sequence(self, transaction: Transaction, mine: Tree) -> Cycle:
        async with transaction.savepoint():
            tree = await _require_unchanged(transaction, mine)
            behind = await trees.behind(transaction, tree.generation, LEAVES_PER_CYCLE)
            streams = trees.cut(behind, LEAVES_PER_CYCLE)
            if not streams:
                return Cycle(None)
            found = await trees.pending(transaction, streams)
            try:
                signed = await self._grow(transaction, tree, streams, found)
            except IntegrityViolation as refused:
                raise CannotSign(Reason.LOG_DAMAGED, f"The tree does not take its leaves: {refused}.") from refused
            return Cycle(signed, more=len(found) == LEAVES_PER_CYCLE)

    async def _grow(
        self, transaction: Transaction, tree: Tree, streams: Sequence[Behind], found: Sequence[PendingEntry]
    ) -> SignedTree | None:
        ends = chained(streams, found)
        placed = await _placed(transaction, tree, found)
        edge = await edge_of(transaction, tree)
        await trees.insert_leaves(transaction, tree.generation, tree.size, [entry.seq for entry in placed])
        await trees.mark_sequenced(transaction, tree.generation, ends)
        if not placed:
            return None
        self.passed(Step.PLACED)
        edge.append(leaf(entry.hash) for entry in placed)
        for tile, hashes in edge.changed.items():
            await trees.grow_tile(transaction, tree.generation, tile, hashes)
        self.passed(Step.GROWN)
        root = edge.root
        if not await trees.advance(transaction, tree, edge.size, root):
            raise Superseded
        self.passed(Step.SWAPPED)
        note = self._signer(tree).sign(Checkpoint(tree.origin, edge.size, root).text)
        self.passed(Step.SIGNED)
        signed = SignedTree(tree.generation, edge.size, root, str(note), to_micros(self.clock()))
        await trees.insert_checkpoint(transaction, signed)
        self.passed(Step.STORED)
        return signed

    async def _publish(self, mine: Tree, signed: SignedTree) -> None:
        try:
            for place in self.places:
                # In a thread, because it waits for the disk.
                await asyncio.to_thread(place.write, signed.note)
        except KeptNotOlder as newer:
            raise Superseded from newer
        except KeptUnusable as error:
            raise CannotSign(Reason.KEPT_UNUSABLE, str(error)) from error
        self.passed(Step.KEPT)

        async def unit(transaction: Transaction) -> None:
            async with transaction.savepoint():
                await _require_unchanged(transaction, mine)
                await trees.publish(transaction, signed.generation, signed.size)

        await self.database.write(LANE, unit)
        self.passed(Step.PUBLISHED)

    def _signer(self, tree: Tree) -> Signer:
        return Signer(tree.origin, self.key)


async def _require_unchanged(transaction: Transaction, mine: Tree) -> Tree:
    """The tree, which is as this notary left it.

    Its size and root count as well as the epoch: a database that lost its last commits, as a standby may that took
    over, would otherwise have the same sizes signed again with other roots.
    """
    tree = await trees.newest_locked(transaction)
    if tree is None or replace(tree, published=mine.published) != mine:
        raise Superseded
    return tree


async def _placed(connection: Connection, tree: Tree, found: Sequence[PendingEntry]) -> list[PendingEntry]:
    """What gets a leaf. A later generation begins with the entry that says why, which then is not placed again."""
    placed = [entry for entry in found if entry.id != tree.first_entry_id]
    if tree.first_entry_id is None or tree.size:
        return placed
    first = await trees.entry_with_id(connection, tree.first_entry_id)
    if first is None:
        raise CannotSign(Reason.LOG_DAMAGED, f"The entry that the log {tree.origin} begins with is gone.")
    return [first, *placed]
