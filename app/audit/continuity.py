"""What must hold before anything is signed: the tree is what it says, and continues what was signed before."""

from collections.abc import Sequence
from enum import StrEnum

from app.audit import kept
from app.audit.checkpoint import Checkpoint, Note, NoteInvalid, VerifierKey
from app.audit.edge import Edge, edge_tiles
from app.audit.entry import GENESIS, entry_hash
from app.audit.kept import KeptCheckpoint
from app.audit.receipts import TreeDamaged, root_at
from app.audit.tiles import NotATile
from app.store import tree as trees
from app.store.connection import Connection
from app.store.tree import Behind, PendingEntry, Tree

RESTORED = "If the database was restored on purpose, begin a new origin with `anchorage audit recover`."


class Reason(StrEnum):
    """Why nothing is signed. A code is never reused."""

    ROLLED_BACK = "ROLLED_BACK"
    HISTORY_DIFFERS = "HISTORY_DIFFERS"
    KEPT_UNUSABLE = "KEPT_UNUSABLE"
    OTHER_KEY = "OTHER_KEY"
    LOG_DAMAGED = "LOG_DAMAGED"


class CannotSign(Exception):
    """Signing would be wrong; the message says why, and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def chained(streams: Sequence[Behind], found: Sequence[PendingEntry]) -> dict[str, tuple[int, bytes]]:
    """Check that the entries continue their streams, up to the end of each; that end.

    Raises CannotSign.
    """
    ends = {one.stream: (one.sequenced, one.hash or GENESIS) for one in streams}
    reached: dict[str, tuple[int, bytes]] = {}
    for entry in found:
        aseq, last = reached.get(entry.stream) or ends[entry.stream]
        made = entry_hash(entry.stream, entry.aseq, entry.prev, entry.body_sha256)
        if (entry.aseq, entry.prev, entry.hash) != (aseq + 1, last, made):
            raise CannotSign(
                Reason.LOG_DAMAGED,
                f"Entry {entry.aseq} of the stream {entry.stream} does not follow entry {aseq}: the log was tampered"
                " with. `anchorage audit verify` says more.",
            )
        reached[entry.stream] = (entry.aseq, entry.hash)
    for one in streams:
        aseq, _ = reached.get(one.stream) or ends[one.stream]
        if aseq != one.aseq:
            raise CannotSign(
                Reason.LOG_DAMAGED,
                f"Entry {aseq + 1} of the stream {one.stream} is gone: the log was tampered with."
                " `anchorage audit verify` says more.",
            )
    return reached


async def require_continues(connection: Connection, tree: Tree, places: Sequence[KeptCheckpoint]) -> int:
    """Check that the tree is what it says, and continues every checkpoint that is kept outside the database.

    Answers how many of these there are. Raises CannotSign.
    """
    await edge_of(connection, tree)
    found = read_kept(places)
    for place, note, checkpoint in found:
        where = f"The checkpoint in {place.path} is of {checkpoint.size} leaves"
        if checkpoint.origin != tree.origin:
            raise CannotSign(
                Reason.HISTORY_DIFFERS,
                f"{where} of the log {checkpoint.origin}; this log is {tree.origin}. {RESTORED}",
            )
        try:
            VerifierKey.parse(tree.vkey).require_signed(note)
        except NoteInvalid as error:
            raise CannotSign(Reason.KEPT_UNUSABLE, f"{place.path}: {error}") from error
        if checkpoint.size > tree.size:
            raise CannotSign(
                Reason.ROLLED_BACK, f"{where}; the database has {tree.size}: it was rolled back. {RESTORED}"
            )
        try:
            root = await root_at(connection, tree.generation, checkpoint.size)
        except TreeDamaged as damaged:
            raise CannotSign(Reason.LOG_DAMAGED, str(damaged)) from damaged
        if root != checkpoint.root:
            raise CannotSign(
                Reason.HISTORY_DIFFERS, f"{where}; the database has another history of that size. {RESTORED}"
            )
    return len(found)


async def edge_of(connection: Connection, tree: Tree) -> Edge:
    """The tree's right edge, which leads to the root that the tree's row says. Raises CannotSign."""
    tiles = await trees.tiles(connection, tree.generation, edge_tiles(tree.size))
    try:
        edge = Edge(tree.size, tiles)
    except NotATile as damaged:
        raise CannotSign(Reason.LOG_DAMAGED, str(damaged)) from damaged
    if edge.root != tree.root:
        raise CannotSign(
            Reason.LOG_DAMAGED, f"The tiles of {tree.size} leaves do not lead to the root that was signed."
        )
    return edge


def require_nothing_kept(places: Sequence[KeptCheckpoint]) -> None:
    """Check that no checkpoint is kept anywhere: there is no tree that could continue it. Raises CannotSign."""
    for place, _, checkpoint in read_kept(places):
        raise CannotSign(
            Reason.ROLLED_BACK,
            f"The checkpoint in {place.path} is of {checkpoint.size} leaves; the database holds no tree. {RESTORED}",
        )


def read_kept(places: Sequence[KeptCheckpoint]) -> list[tuple[KeptCheckpoint, Note, Checkpoint]]:
    """What every place holds. Raises CannotSign."""
    try:
        return kept.read_all(places)
    except kept.KeptUnusable as error:
        raise CannotSign(Reason.KEPT_UNUSABLE, str(error)) from error
