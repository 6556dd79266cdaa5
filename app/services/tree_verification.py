"""The Merkle tree in a database, as `app.audit.verify_tree` reads it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from app.audit.tiles import Tile
from app.audit.verify_tree import StoredCheckpoint, StoredLeaf, StoredTree
from app.store import tree as tree_rows
from app.store import tree_evidence
from app.store.connection import Connection
from app.store.evidence import as_bytes, as_whole_number


@dataclass(frozen=True, slots=True)
class TreeEvidence:
    """See `app.audit.verify_tree.TreeSource`."""

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
                published=row["published"],
            )
            for row in await tree_evidence.trees(self.connection)
        ]

    async def leaves(self, generation: int) -> AsyncIterator[Sequence[StoredLeaf]]:
        """See `TreeSource.leaves`."""
        async for some in tree_evidence.leaves(self.connection, generation):
            yield [
                StoredLeaf(
                    as_whole_number(row["leaf_index"]),
                    row["stream"],
                    as_whole_number(row["aseq"]),
                    row["id"],
                    None if row["hash"] is None else as_bytes(row["hash"]),
                )
                for row in some
            ]

    async def tiles(self, generation: int, wanted: Sequence[Tile]) -> Mapping[Tile, bytes]:
        """See `TreeSource.tiles`."""
        return await tree_rows.tiles(self.connection, generation, wanted)

    async def count_tiles(self, generation: int) -> int:
        """See `TreeSource.count_tiles`."""
        return await tree_evidence.count_tiles(self.connection, generation)

    async def checkpoints(self, generation: int) -> AsyncIterator[StoredCheckpoint]:
        """See `TreeSource.checkpoints`."""
        async for row in tree_evidence.checkpoints(self.connection, generation):
            yield StoredCheckpoint(as_whole_number(row["size"]), as_bytes(row["root"]), str(row["note"]))

    async def sequenced(self, generation: int) -> Mapping[str, int]:
        """See `TreeSource.sequenced`."""
        return {row["stream"]: row["aseq"] for row in await tree_evidence.sequenced(self.connection, generation)}
