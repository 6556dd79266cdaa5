"""The Merkle tree as a verification reads it: raw, in batches, without what the notary's reads take for granted."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, cast

from app.audit.tiles import Tile
from app.store.connection import Connection, Row

BATCH = 4_096
TILES = 200
"""How many one statement asks for: SQLite joins at most 500 selects."""

_TREES = "SELECT generation, origin, vkey, first_entry_id, size, root, published FROM audit_tree ORDER BY generation"
# Each least and greatest by itself: both engines then look at one end of an index, and not at every row.
_GENERATIONS = " UNION ALL ".join(
    f"SELECT (SELECT min(generation) FROM {table}) AS first, (SELECT max(generation) FROM {table}) AS last"
    for table in ("audit_leaf", "audit_sequenced", "audit_tile", "audit_checkpoint", "audit_cosignature")
)
# In the order of `app.audit.stored_tree.StoredLeaf`.
_LEAVES = (
    "SELECT l.leaf_index, e.stream, e.aseq, e.id, e.hash"
    " FROM audit_leaf AS l LEFT JOIN audit_entry AS e ON e.seq = l.seq"
    f" WHERE l.generation = $1{{bound}} ORDER BY l.leaf_index LIMIT {BATCH}"
)
_TILE = "SELECT level, number, hashes FROM audit_tile WHERE generation = $1 AND level = ${0} AND number = ${1}"
_COUNT_TILES = "SELECT count(*) AS n FROM audit_tile WHERE generation = $1"
_CHECKPOINTS = (
    f"SELECT size, root, note FROM audit_checkpoint WHERE generation = $1{{bound}} ORDER BY size LIMIT {BATCH}"
)
_COSIGNATURES = (
    "SELECT c.size, c.witness, c.line, s.size AS signed FROM audit_cosignature AS c"
    " LEFT JOIN audit_checkpoint AS s ON s.generation = c.generation AND s.size = c.size"
    f" WHERE c.generation = $1{{bound}} ORDER BY c.size, c.witness LIMIT {BATCH}"
)
_SEQUENCED = "SELECT stream, aseq, hash FROM audit_sequenced WHERE generation = $1"


async def trees(connection: Connection) -> Sequence[Row]:
    """Every generation's row, the oldest first."""
    return await connection.fetch(_TREES)


async def generations(connection: Connection) -> list[object]:
    """The first and the last generation that the rows of each table name."""
    rows = await connection.fetch(_GENERATIONS)
    return [named for row in rows for named in (row["first"], row["last"]) if named is not None]


async def leaves(connection: Connection, generation: int) -> AsyncIterator[Sequence[tuple[Any, ...]]]:
    """The leaves by their index, with what their entries say; of an entry that is gone, everything is None."""
    found = await connection.fetch(_LEAVES.format(bound=""), generation)
    # Whatever is smallest comes first: no number is too small to be looked at.
    while found:
        # Where a mapping would give its keys, the rows of both drivers give their values.
        yield list(map(tuple, cast("Sequence[Sequence[Any]]", found)))
        bound = " AND l.leaf_index > $2"
        found = await connection.fetch(_LEAVES.format(bound=bound), generation, found[-1]["leaf_index"])


async def tiles(connection: Connection, generation: int, wanted: Sequence[Tile]) -> AsyncIterator[Row]:
    """These tiles, where they are there."""
    for first in range(0, len(wanted), TILES):
        some = wanted[first : first + TILES]
        pieces = [_TILE.format(2 * at + 2, 2 * at + 3) for at in range(len(some))]
        for row in await connection.fetch(" UNION ALL ".join(pieces), generation, *_flat(some)):
            yield row


async def count_tiles(connection: Connection, generation: int) -> int:
    """How many tiles are stored."""
    row = await connection.fetch_one(_COUNT_TILES, generation)
    return 0 if row is None else int(row["n"])


async def checkpoints(connection: Connection, generation: int) -> AsyncIterator[Row]:
    """The checkpoints by their size."""
    found = await connection.fetch(_CHECKPOINTS.format(bound=""), generation)
    while found:
        for row in found:
            yield row
        found = await connection.fetch(_CHECKPOINTS.format(bound=" AND size > $2"), generation, found[-1]["size"])


async def cosignatures(connection: Connection, generation: int) -> AsyncIterator[Row]:
    """The cosignatures by their checkpoints, each with the size of its checkpoint, None where that is gone."""
    found = await connection.fetch(_COSIGNATURES.format(bound=""), generation)
    bound = " AND (c.size, c.witness) > ($2, $3)"
    while found:
        for row in found:
            yield row
        last = (found[-1]["size"], found[-1]["witness"])
        found = await connection.fetch(_COSIGNATURES.format(bound=bound), generation, *last)


async def sequenced(connection: Connection, generation: int) -> Sequence[Row]:
    """How far each stream is in the tree."""
    return await connection.fetch(_SEQUENCED, generation)


def _flat(some: Iterable[Tile]) -> list[int]:
    return [part for tile in some for part in tile]
