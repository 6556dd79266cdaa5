"""The Merkle tree as a verification reads it: raw, in batches, without what the notary's reads take for granted."""

from collections.abc import AsyncIterator, Sequence

from app.store.connection import Connection, Row

BATCH = 4_096

_TREES = "SELECT generation, origin, vkey, first_entry_id, size, root, published FROM audit_tree ORDER BY generation"
_LEAVES = (
    "SELECT l.leaf_index, coalesce(e.stream, '') AS stream, coalesce(e.aseq, 0) AS aseq, coalesce(e.id, '') AS id,"
    " e.hash FROM audit_leaf AS l LEFT JOIN audit_entry AS e ON e.seq = l.seq"
    f" WHERE l.generation = $1 AND l.leaf_index > $2 ORDER BY l.leaf_index LIMIT {BATCH}"
)
_COUNT_TILES = "SELECT count(*) AS n FROM audit_tile WHERE generation = $1"
_CHECKPOINTS = (
    f"SELECT size, root, note FROM audit_checkpoint WHERE generation = $1 AND size > $2 ORDER BY size LIMIT {BATCH}"
)
_SEQUENCED = "SELECT stream, aseq FROM audit_sequenced WHERE generation = $1"


async def trees(connection: Connection) -> Sequence[Row]:
    """Every generation's row, the oldest first."""
    return await connection.fetch(_TREES)


async def leaves(connection: Connection, generation: int) -> AsyncIterator[Sequence[Row]]:
    """The leaves by their index, with what their entries say; of an entry that is gone, `hash` is None."""
    index = -1
    while found := await connection.fetch(_LEAVES, generation, index):
        yield found
        index = found[-1]["leaf_index"]


async def count_tiles(connection: Connection, generation: int) -> int:
    """How many tiles are stored."""
    row = await connection.fetch_one(_COUNT_TILES, generation)
    return 0 if row is None else int(row["n"])


async def checkpoints(connection: Connection, generation: int) -> AsyncIterator[Row]:
    """The checkpoints by their size."""
    size = -1
    while found := await connection.fetch(_CHECKPOINTS, generation, size):
        for row in found:
            yield row
        size = found[-1]["size"]


async def sequenced(connection: Connection, generation: int) -> Sequence[Row]:
    """How far each stream is in the tree."""
    return await connection.fetch(_SEQUENCED, generation)
