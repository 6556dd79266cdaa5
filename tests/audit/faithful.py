"""Whether a tree says what the log says: everything is computed again, slowly, from the entries alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import combinations

from app.audit import receipts
from app.audit.checkpoint import VerifierKey, open_checkpoint
from app.audit.entry import leaf
from app.audit.merkle import require_consistent
from app.audit.proof import Receipt
from app.store import tree as trees
from app.store.connection import Connection, Row
from app.store.tree import Tree

MANY = 400
"""Above so many leaves, receipts are asked for some of the entries; above so many pairs, consistency for some."""


@dataclass
class Literal:
    """RFC 6962 2.1, word for word, over leaves as bytes."""

    leaves: Sequence[bytes]
    _known: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def root(self, size: int | None = None) -> bytes:
        """The Merkle Tree Hash over the first `size` leaves; over all where none is given."""
        return self.over(0, len(self.leaves) if size is None else size)

    def over(self, start: int, end: int) -> bytes:
        """The Merkle Tree Hash of D[start:end]."""
        if end == start:
            return sha256(b"").digest()
        if end - start == 1:
            return sha256(b"\x00" + self.leaves[start]).digest()
        if (start, end) not in self._known:
            half = 1
            while half * 2 < end - start:
                half *= 2
            left, right = self.over(start, start + half), self.over(start + half, end)
            self._known[start, end] = sha256(b"\x01" + left + right).digest()
        return self._known[start, end]


async def require_faithful(connection: Connection, *, complete: bool = True) -> Tree:
    """Raises AssertionError unless the tree is in order, checkpoints, tiles and receipts included.

    `complete` means that no entry waits any more.
    """
    tree = await trees.newest(connection)
    assert tree is not None
    rows = await connection.fetch(
        "SELECT l.leaf_index, e.seq, e.id, e.stream, e.aseq, e.hash FROM audit_leaf AS l"
        " LEFT JOIN audit_entry AS e ON e.seq = l.seq WHERE l.generation = $1 ORDER BY l.leaf_index",
        tree.generation,
    )
    assert [row["leaf_index"] for row in rows] == list(range(tree.size))
    await _require_streams(connection, tree, rows, complete=complete)
    literal = Literal([leaf(bytes(row["hash"])) for row in rows])
    assert tree.root == literal.root()
    await _require_tiles(connection, tree, literal)
    await _require_checkpoints(connection, tree, literal)
    await _require_receipts(connection, tree, rows)
    return tree


async def _require_streams(connection: Connection, tree: Tree, rows: Sequence[Row], *, complete: bool) -> None:
    """Every entry once, each stream's in its order; the first entry of a later generation before all others."""
    placed: dict[str, list[int]] = {}
    if tree.first_entry_id is not None and rows:
        assert rows[0]["id"] == tree.first_entry_id
    for row in rows[tree.first_entry_id is not None :]:
        placed.setdefault(row["stream"], []).append(row["aseq"])
    assert len({row["seq"] for row in rows}) == len(rows)
    reached = {
        row["stream"]: row["aseq"]
        for row in await connection.fetch("SELECT * FROM audit_sequenced WHERE generation = $1", tree.generation)
    }
    for stream, end in reached.items():
        first = {row["aseq"] for row in rows[:1] if tree.first_entry_id is not None and row["stream"] == stream}
        assert placed.get(stream, []) == [aseq for aseq in range(1, end + 1) if aseq not in first], stream
    assert placed.keys() <= reached.keys()
    if complete:
        heads = await connection.fetch("SELECT stream, aseq FROM audit_stream WHERE aseq > 0")
        assert reached == {row["stream"]: row["aseq"] for row in heads}
        (entries,) = await connection.fetch("SELECT count(*) AS n FROM audit_entry")
        assert entries["n"] == len(rows)


async def _require_tiles(connection: Connection, tree: Tree, literal: Literal) -> None:
    """Exactly the tiles of this size, each as RFC 6962 has it."""
    made = {}
    level = 0
    while width := tree.size >> 8 * level:
        span = 1 << 8 * level
        hashes = [literal.over(at * span, (at + 1) * span) for at in range(width)]
        for number in range(0, width, 256):
            made[level, number // 256] = b"".join(hashes[number : number + 256])
        level += 1
    rows = await connection.fetch("SELECT * FROM audit_tile WHERE generation = $1", tree.generation)
    assert {(row["level"], row["number"]): bytes(row["hashes"]) for row in rows} == made


async def _require_checkpoints(connection: Connection, tree: Tree, literal: Literal) -> None:
    """Every one is signed, of the tree that the entries make, and continues those before it."""
    vkey = VerifierKey.parse(tree.vkey)
    rows = await connection.fetch(
        "SELECT size, root, note FROM audit_checkpoint WHERE generation = $1 ORDER BY size", tree.generation
    )
    for row in rows:
        checkpoint = open_checkpoint(row["note"], [vkey])
        assert (checkpoint.origin, checkpoint.size) == (tree.origin, row["size"])
        assert checkpoint.root == bytes(row["root"]) == literal.root(row["size"])
    assert tree.published in {0, *(row["size"] for row in rows)}
    if rows:
        assert rows[-1]["size"] == tree.size
    pairs = list(combinations(((row["size"], bytes(row["root"])) for row in rows), 2))
    for (old, old_root), (new, new_root) in pairs[:: len(pairs) // MANY + 1]:
        proof = await receipts.consistency(connection, tree.generation, old, new)
        require_consistent(old, old_root, new, new_root, proof)


async def _require_receipts(connection: Connection, tree: Tree, rows: Sequence[Row]) -> None:
    """Every entry that is covered has one, which whoever holds nothing else can check."""
    upto = await receipts.published(connection)
    if upto is None:
        return
    for row in [*rows[:: len(rows) // MANY + 1], *rows[-1:]]:
        found = (await receipts.receipts(connection, upto, {row["seq"]: bytes(row["hash"])})).get(row["seq"])
        if row["leaf_index"] >= upto.size:
            assert found is None
            continue
        assert found is not None
        Receipt.parse(str(found)).require_proves(leaf(bytes(row["hash"])), [VerifierKey.parse(tree.vkey)])
