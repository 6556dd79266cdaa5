"""Where an export begins and ends: the bounds of its runs, and the checkpoints that it names."""

from dataclasses import dataclass

from app.store.connection import Connection
from app.store.tree import SignedTree, checkpoint_at

_STREAMS = "SELECT stream, aseq FROM audit_stream WHERE account_id = $1 ORDER BY stream"
_FIRST_SINCE = "SELECT min(aseq) AS aseq FROM audit_entry WHERE account_id = $1 AND stream = $2 AND time >= $3"
_LAST_BEFORE = "SELECT max(aseq) AS aseq FROM audit_entry WHERE account_id = $1 AND stream = $2 AND time < $3"
_PLACE = "SELECT seq, hash FROM audit_entry WHERE stream = $1 AND aseq = $2"
_COVERED = (
    "SELECT 1 AS found FROM audit_entry AS e JOIN audit_leaf AS l ON l.generation = $1 AND l.seq = e.seq"
    " WHERE e.stream = $2 AND e.aseq = $3 AND l.leaf_index < $4"
)
_CHECKPOINT_FROM = (
    "SELECT size, signed_at FROM audit_checkpoint WHERE generation = $1 AND size >= $2 ORDER BY size LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Place:
    """An entry's number in the whole log, and its hash."""

    seq: int
    hash: bytes


async def streams(connection: Connection, account_id: str) -> dict[str, int]:
    """The account's streams, each with the number of its last entry."""
    return {row["stream"]: row["aseq"] for row in await connection.fetch(_STREAMS, account_id)}


async def first_since(connection: Connection, account_id: str, stream: str, micros: int) -> int | None:
    """The number of the stream's first entry that happened then or later; None where there is none."""
    return await _number(connection, _FIRST_SINCE, account_id, stream, micros)


async def last_before(connection: Connection, account_id: str, stream: str, micros: int) -> int | None:
    """The number of the stream's last entry that happened before then; None where there is none."""
    return await _number(connection, _LAST_BEFORE, account_id, stream, micros)


async def place(connection: Connection, stream: str, aseq: int) -> Place | None:
    """Where an entry stands; None where there is none of this number."""
    row = await connection.fetch_one(_PLACE, stream, aseq)
    return None if row is None else Place(row["seq"], bytes(row["hash"]))


async def covered(connection: Connection, generation: int, size: int, stream: str, last: int) -> int:
    """The number of the stream's last entry, up to `last`, that a tree of this size holds; 0 where it holds none.

    Entries of a stream enter the tree in their order, so those that it holds are the stream's first.
    """
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        if await connection.fetch_one(_COVERED, generation, stream, middle, size) is None:
            high = middle - 1
        else:
            low = middle
    return low


async def checkpoint_before(connection: Connection, newest: SignedTree, micros: int) -> SignedTree | None:
    """The last checkpoint smaller than `newest` that was signed before an instant; None where there is none.

    Checkpoints are signed in the order of their sizes, and found by size alone: there may be one for every second.
    """
    low, high = 1, newest.size
    found: int | None = None
    while low < high:
        middle = (low + high) // 2
        row = await connection.fetch_one(_CHECKPOINT_FROM, newest.generation, middle)
        if row is None or row["size"] >= newest.size or row["signed_at"] >= micros:
            high = middle
        else:
            found, low = row["size"], row["size"] + 1
    return None if found is None else await checkpoint_at(connection, newest.generation, found)


async def _number(connection: Connection, sql: str, *values: str | int) -> int | None:
    row = await connection.fetch_one(sql, *values)
    return None if row is None or row["aseq"] is None else int(row["aseq"])
