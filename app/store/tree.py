"""Named statements over the Merkle tree: its state, its leaves and tiles, and the checkpoints signed for it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from app.audit.merkle import EMPTY_ROOT
from app.audit.stored_tree import FIRST_GENERATION, number_of
from app.audit.tiles import Tile
from app.store.connection import Connection, Engine, Row, Transaction

PIECES = 200
"""How many streams or tiles one statement asks for: SQLite joins at most 500 selects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One generation of the tree. `first_entry_id` is the entry that a later one begins with."""

    generation: int
    origin: str
    vkey: str
    first_entry_id: str | None
    size: int
    root: bytes
    epoch: int
    published: int

    @property
    def number(self) -> int:
        """See `app.audit.stored_tree.number_of`."""
        return number_of(self.generation, self.origin)


@dataclass(frozen=True, slots=True)
class SignedTree:
    """A checkpoint as it was signed, without the signatures of witnesses. `signed_at` is in microseconds since 1970."""

    generation: int
    size: int
    root: bytes
    note: str
    signed_at: int


@dataclass(frozen=True, slots=True)
class Behind:
    """A stream with entries that the tree does not hold: its end, and how far the tree has come."""

    stream: str
    aseq: int
    sequenced: int
    hash: bytes | None


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """An entry that the tree does not hold yet, as far as its chain."""

    seq: int
    id: str
    stream: str
    aseq: int
    prev: bytes
    body_sha256: bytes
    hash: bytes


_TREE = "SELECT * FROM audit_tree ORDER BY generation DESC LIMIT 1"
_TREE_LOCKED = f"{_TREE} FOR UPDATE"
_NUMBERED = "SELECT * FROM audit_tree WHERE origin = (SELECT origin FROM audit_tree WHERE generation = 1) || $1"
_ORIGINS = "SELECT origin FROM audit_tree ORDER BY generation"
_BEGIN = (
    "INSERT INTO audit_tree (generation, origin, vkey, first_entry_id, size, root, epoch, published)"
    " VALUES ($1, $2, $3, $4, 0, $5, 0, 0)"
)
_CLAIM = "UPDATE audit_tree SET epoch = epoch + 1 WHERE generation = $1 AND epoch = $2"
_ADVANCE = "UPDATE audit_tree SET size = $1, root = $2 WHERE generation = $3 AND epoch = $4 AND size = $5 AND root = $6"
_PUBLISH = "UPDATE audit_tree SET published = $1 WHERE generation = $2 AND published < $1 AND size >= $1"
_BEHIND = (
    "SELECT s.stream, s.aseq, q.aseq AS sequenced, q.hash FROM audit_stream AS s"
    " LEFT JOIN audit_sequenced AS q ON q.generation = $1 AND q.stream = s.stream"
    " WHERE s.aseq > coalesce(q.aseq, 0) ORDER BY s.stream LIMIT $2"
)
_OLDEST_PENDING = (
    "SELECT min(e.time) AS time FROM audit_stream AS s"
    " LEFT JOIN audit_sequenced AS q ON q.generation = $1 AND q.stream = s.stream"
    " JOIN audit_entry AS e ON e.stream = s.stream AND e.aseq = coalesce(q.aseq, 0) + 1"
    " WHERE s.aseq > coalesce(q.aseq, 0)"
)
_PENDING = (
    "SELECT seq, id, stream, aseq, prev, body_sha256, hash FROM audit_entry"
    " WHERE stream = ${0} AND aseq > ${1} AND aseq <= ${2}"
)
_ENTRY = "SELECT seq, id, stream, aseq, prev, body_sha256, hash FROM audit_entry WHERE id = $1"
_INSERT_LEAVES = {
    Engine.SQLITE: "INSERT INTO audit_leaf (generation, leaf_index, seq) SELECT $1, $2 + key, value FROM json_each($3)",
    Engine.POSTGRES: (
        "INSERT INTO audit_leaf (generation, leaf_index, seq)"
        " SELECT $1, $2 + place - 1, seq::bigint"
        " FROM json_array_elements_text($3::json) WITH ORDINALITY AS given (seq, place)"
    ),
}
_SEQUENCED = (
    "INSERT INTO audit_sequenced (generation, stream, aseq, hash) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (generation, stream) DO UPDATE SET aseq = excluded.aseq, hash = excluded.hash"
)
_GROW_TILE = "UPDATE audit_tile SET hashes = $4 WHERE generation = $1 AND level = $2 AND number = $3"
_NEW_TILE = "INSERT INTO audit_tile (generation, level, number, hashes) VALUES ($1, $2, $3, $4)"
_TILE = "SELECT level, number, hashes FROM audit_tile WHERE generation = $1 AND level = ${0} AND number = ${1}"
_NEW_CHECKPOINT = "INSERT INTO audit_checkpoint (generation, size, root, note, signed_at) VALUES ($1, $2, $3, $4, $5)"
_CHECKPOINT = "SELECT generation, size, root, note, signed_at FROM audit_checkpoint"
_AT = f"{_CHECKPOINT} WHERE generation = $1 AND size = $2"
_COVERING = f"{_CHECKPOINT} WHERE generation = $1 AND size > $2 ORDER BY size LIMIT 1"
_LEAVES = "SELECT seq, leaf_index FROM audit_leaf WHERE generation = $1 AND seq IN"
_LEAF_HASHES = (
    "SELECT l.leaf_index, e.hash FROM audit_leaf AS l JOIN audit_entry AS e ON e.seq = l.seq"
    " WHERE l.generation = $1 AND l.leaf_index >= $2 AND l.leaf_index < $3 ORDER BY l.leaf_index"
)


async def newest(connection: Connection) -> Tree | None:
    """The newest generation; None before the notary's first start."""
    return _tree(await connection.fetch_one(_TREE))


async def numbered(connection: Connection, number: int) -> Tree | None:
    """The generation whose origin has this number; None where there is none."""
    return _tree(await connection.fetch_one(_NUMBERED, "" if number == FIRST_GENERATION else f"/{number}"))


async def newest_locked(transaction: Transaction) -> Tree | None:
    """The newest generation, which nobody else changes until the transaction ends."""
    if transaction.engine is Engine.SQLITE:
        # It has one writer, which BEGIN IMMEDIATE has already made this one.
        return await newest(transaction)
    while True:
        locked = _tree(await transaction.fetch_one(_TREE_LOCKED))
        # Whoever held the lock may have begun another generation, which a statement that waited for it does not see.
        if locked == await newest(transaction):
            return locked


async def origins(connection: Connection) -> list[str]:
    """What the log was called, the original first."""
    return [row["origin"] for row in await connection.fetch(_ORIGINS)]


async def begin(transaction: Transaction, generation: int, origin: str, vkey: str, first_entry_id: str | None) -> None:
    """Begin a generation, with an empty tree."""
    await transaction.execute(_BEGIN, generation, origin, vkey, first_entry_id, EMPTY_ROOT)


async def claim(transaction: Transaction, tree: Tree) -> bool:
    """Make the tree the caller's, at the next epoch; False where somebody else was quicker."""
    return await transaction.execute(_CLAIM, tree.generation, tree.epoch) == 1


async def advance(transaction: Transaction, tree: Tree, size: int, root: bytes) -> bool:
    """Compare and swap: give the tree its new size and root, if it still is what the caller knows."""
    known = (tree.generation, tree.epoch, tree.size, tree.root)
    return await transaction.execute(_ADVANCE, size, root, *known) == 1


async def publish(transaction: Transaction, generation: int, size: int) -> None:
    """Let the checkpoint of this size be served."""
    await transaction.execute(_PUBLISH, size, generation)


async def behind(connection: Connection, generation: int, limit: int) -> list[Behind]:
    """Streams with entries that the tree does not hold, by name."""
    return [
        Behind(row["stream"], row["aseq"], row["sequenced"] or 0, None if row["hash"] is None else bytes(row["hash"]))
        for row in await connection.fetch(_BEHIND, generation, limit)
    ]


async def oldest_pending(connection: Connection, generation: int) -> int | None:
    """When the oldest entry that the tree does not hold happened, in microseconds since 1970."""
    row = await connection.fetch_one(_OLDEST_PENDING, generation)
    return None if row is None else row["time"]


def cut(streams: Iterable[Behind], limit: int) -> list[Behind]:
    """The first of these streams, the last of them shortened, so that together they want `limit` entries at most."""
    taken: list[Behind] = []
    for one in streams:
        if not limit:
            break
        wanted = min(one.aseq - one.sequenced, limit)
        taken.append(replace(one, aseq=one.sequenced + wanted))
        limit -= wanted
    return taken


async def pending(connection: Connection, streams: Sequence[Behind]) -> list[PendingEntry]:
    """The entries of these streams that the tree does not hold, each stream's in its order."""
    found: list[PendingEntry] = []
    for some in _portions(streams):
        pieces, values = [], list[str | int]()
        for at, one in enumerate(some):
            pieces.append(_PENDING.format(3 * at + 1, 3 * at + 2, 3 * at + 3))
            values += [one.stream, one.sequenced, one.aseq]
        rows = await connection.fetch(" UNION ALL ".join(pieces), *values)
        found += [_pending(row) for row in rows]
    return sorted(found, key=lambda entry: (entry.stream, entry.aseq))


async def entry_with_id(connection: Connection, entry_id: str) -> PendingEntry | None:
    """One entry, wherever it stands."""
    row = await connection.fetch_one(_ENTRY, entry_id)
    return None if row is None else _pending(row)


async def insert_leaves(transaction: Transaction, generation: int, first_index: int, seqs: Sequence[int]) -> None:
    """Give these entries the next places in the tree."""
    await transaction.execute(_INSERT_LEAVES[transaction.engine], generation, first_index, json.dumps(list(seqs)))


async def mark_sequenced(transaction: Transaction, generation: int, ends: Mapping[str, tuple[int, bytes]]) -> None:
    """How far each stream is in the tree now: the number and the hash of its last entry there."""
    for stream, (aseq, chained) in ends.items():
        await transaction.execute(_SEQUENCED, generation, stream, aseq, chained)


async def tiles(connection: Connection, generation: int, wanted: Iterable[Tile]) -> dict[Tile, bytes]:
    """The bytes of these tiles; what is not there is absent."""
    found: dict[Tile, bytes] = {}
    for some in _portions(sorted(set(wanted))):
        pieces = [_TILE.format(2 * at + 2, 2 * at + 3) for at in range(len(some))]
        values = [part for tile in some for part in tile]
        for row in await connection.fetch(" UNION ALL ".join(pieces), generation, *values):
            found[Tile(row["level"], row["number"])] = bytes(row["hashes"])
    return found


async def grow_tile(transaction: Transaction, generation: int, tile: Tile, hashes: bytes) -> None:
    """Make a tile, or add to its end."""
    if not await transaction.execute(_GROW_TILE, generation, *tile, hashes):
        await transaction.execute(_NEW_TILE, generation, *tile, hashes)


async def insert_checkpoint(transaction: Transaction, signed: SignedTree) -> None:
    """Keep what was signed."""
    await transaction.execute(
        _NEW_CHECKPOINT, signed.generation, signed.size, signed.root, signed.note, signed.signed_at
    )


async def checkpoint_at(connection: Connection, generation: int, size: int) -> SignedTree | None:
    """The checkpoint of this size, if one was signed."""
    return _signed(await connection.fetch_one(_AT, generation, size))


async def checkpoint_covering(connection: Connection, generation: int, leaf_index: int) -> SignedTree | None:
    """The first checkpoint whose tree holds this leaf."""
    return _signed(await connection.fetch_one(_COVERING, generation, leaf_index))


async def leaf_indexes(connection: Connection, generation: int, seqs: Sequence[int]) -> dict[int, int]:
    """Where entries stand in the tree, by their numbers; those that do not yet are absent."""
    found: dict[int, int] = {}
    for some in _portions(seqs):
        places = ", ".join(f"${at + 2}" for at in range(len(some)))
        rows = await connection.fetch(f"{_LEAVES} ({places})", generation, *some)
        found |= {row["seq"]: row["leaf_index"] for row in rows}
    return found


async def leaf_entries(connection: Connection, generation: int, start: int, end: int) -> list[bytes]:
    """The hashes of the entries at these places in the tree."""
    return [bytes(row["hash"]) for row in await connection.fetch(_LEAF_HASHES, generation, start, end)]


T = TypeVar("T")


def _portions(whole: Sequence[T]) -> Iterable[Sequence[T]]:
    return (whole[at : at + PIECES] for at in range(0, len(whole), PIECES))


def _tree(row: Row | None) -> Tree | None:
    return None if row is None else Tree(**(dict(row) | {"root": bytes(row["root"])}))


def _pending(row: Row) -> PendingEntry:
    return PendingEntry(**(dict(row) | {name: bytes(row[name]) for name in ("prev", "body_sha256", "hash")}))


def _signed(row: Row | None) -> SignedTree | None:
    if row is None:
        return None
    return SignedTree(row["generation"], row["size"], bytes(row["root"]), row["note"], row["signed_at"])
