"""The Merkle tree in a database, as `app.audit.verify_tree` reads it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.audit.stored_tree import StoredCheckpoint, StoredCosignature, StoredLeaf, StoredTree, StreamEnd
from app.audit.tiles import Tile
from app.store import tree_evidence
from app.store.connection import Connection
from app.store.evidence import as_bytes, as_whole_number


@dataclass(frozen=True, slots=True)
class TreeEvidence:
    """See `app.audit.stored_tree.TreeSource`."""

    connection: Connection

    async def trees(self) -> list[StoredTree]:
        """See `TreeSource.trees`."""
        return [
            StoredTree(
                generation=row["generation"],
                origin=str(row["origin"]),
                vkey=str(row["vkey"]),
                first_entry_id=row["first_entry_id"],
                size=as_whole_number(row["size"]),
                root=as_bytes(row["root"]),
                published=as_whole_number(row["published"]),
            )
            for row in await tree_evidence.trees(self.connection)
        ]

    async def generations(self) -> tuple[int, int] | None:
        """See `TreeSource.generations`."""
        named = [as_whole_number(one) for one in await tree_evidence.generations(self.connection)]
        return (min(named), max(named)) if named else None

    async def leaves(self, generation: int) -> AsyncIterator[Sequence[StoredLeaf]]:
        """See `TreeSource.leaves`."""
        async for some in tree_evidence.leaves(self.connection, generation):
            yield [_as_stored(row) for row in some]

    async def tiles(self, generation: int, wanted: Sequence[Tile]) -> Mapping[Tile, bytes]:
        """See `TreeSource.tiles`."""
        return {
            Tile(row["level"], row["number"]): as_bytes(row["hashes"])
            async for row in tree_evidence.tiles(self.connection, generation, wanted)
        }

    async def count_tiles(self, generation: int) -> int:
        """See `TreeSource.count_tiles`."""
        return await tree_evidence.count_tiles(self.connection, generation)

    async def checkpoints(self, generation: int) -> AsyncIterator[StoredCheckpoint]:
        """See `TreeSource.checkpoints`."""
        async for row in tree_evidence.checkpoints(self.connection, generation):
            yield StoredCheckpoint(as_whole_number(row["size"]), as_bytes(row["root"]), str(row["note"]))

    async def cosignatures(self, generation: int) -> AsyncIterator[StoredCosignature]:
        """See `TreeSource.cosignatures`."""
        async for row in tree_evidence.cosignatures(self.connection, generation):
            is_of_checkpoint = row["signed"] is not None
            yield StoredCosignature(
                as_whole_number(row["size"]), str(row["witness"]), str(row["line"]), is_of_checkpoint
            )

    async def sequenced(self, generation: int) -> Mapping[str, StreamEnd]:
        """See `TreeSource.sequenced`."""
        return {
            str(row["stream"]): StreamEnd(as_whole_number(row["aseq"]), as_bytes(row["hash"]))
            for row in await tree_evidence.sequenced(self.connection, generation)
        }


def _as_stored(row: tuple[Any, ...]) -> StoredLeaf:
    place, stream, aseq, entry_id, entry_hash = row
    # SQLite stores whatever it is given, and nearly always it is what belongs there.
    if type(place) is type(aseq) is int and type(stream) is type(entry_id) is str and type(entry_hash) is bytes:
        return StoredLeaf(place, stream, aseq, entry_id, entry_hash)
    return StoredLeaf(
        as_whole_number(place),
        str(stream),
        as_whole_number(aseq),
        str(entry_id),
        None if entry_hash is None else as_bytes(entry_hash),
    )
