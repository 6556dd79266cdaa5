"""Whoever owns the database and has the log's own key, and so can make everything in it fit again."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.checkpoint import Checkpoint, Signer
from app.audit.entry import leaf
from tests.audit.faithful import Literal
from tests.audit.notaries import KEY
from tests.audit.owner import Owner


async def sign_anew(owner: Owner, generation: int = 1, key: Ed25519PrivateKey = KEY) -> None:
    """Give the tree of these leaves its tiles, its row, and this key's checkpoints of the sizes that it had.

    Checkpoints that would cover more go.
    """
    literal = Literal([leaf(one) for one in await _leaves(owner, generation)])
    size = len(literal.leaves)
    await _lay_tiles(owner, generation, literal)
    (tree,) = await owner.fetch("SELECT origin FROM audit_tree WHERE generation = $1", generation)
    await owner.execute("DELETE FROM audit_checkpoint WHERE generation = $1 AND size > $2", generation, size)
    for row in await owner.fetch("SELECT size FROM audit_checkpoint WHERE generation = $1", generation):
        root = literal.root(row["size"])
        note = str(Signer(tree["origin"], key).sign(Checkpoint(tree["origin"], row["size"], root).text))
        change = "UPDATE audit_checkpoint SET root = $1, note = $2 WHERE generation = $3 AND size = $4"
        await owner.execute(change, root, note, generation, row["size"])
    await owner.execute(
        "UPDATE audit_tree SET size = $1, root = $2, published = $1 WHERE generation = $3",
        size,
        literal.root(),
        generation,
    )
    await owner.execute("DELETE FROM audit_sequenced WHERE generation = $1", generation)
    await owner.execute(
        "INSERT INTO audit_sequenced (generation, stream, aseq, hash) SELECT l.generation, e.stream, e.aseq, e.hash"
        " FROM audit_leaf AS l JOIN audit_entry AS e ON e.seq = l.seq WHERE l.generation = $1 AND NOT EXISTS"
        " (SELECT 1 FROM audit_leaf AS m JOIN audit_entry AS f ON f.seq = m.seq"
        " WHERE m.generation = l.generation AND f.stream = e.stream AND f.aseq > e.aseq)",
        generation,
    )


async def cut_off(owner: Owner, streams: Sequence[str], size: int) -> None:
    """Make the log what it was when the tree had this size, before there was anything in these streams."""
    names = ", ".join(f"'{stream}'" for stream in streams)
    seqs = f"(SELECT seq FROM audit_entry WHERE stream IN ({names}))"
    await owner.execute("DELETE FROM audit_leaf WHERE leaf_index >= $1", size)
    for table in ("audit_body", "audit_disclosure"):
        await owner.execute(f"DELETE FROM {table} WHERE seq IN {seqs}")
    for table in ("audit_entry", "audit_stream"):
        await owner.execute(f"DELETE FROM {table} WHERE stream IN ({names})")
    await sign_anew(owner)


async def _leaves(owner: Owner, generation: int) -> list[bytes]:
    rows = await owner.fetch(
        "SELECT e.hash FROM audit_leaf AS l JOIN audit_entry AS e ON e.seq = l.seq WHERE l.generation = $1"
        " ORDER BY l.leaf_index",
        generation,
    )
    return [bytes(row["hash"]) for row in rows]


async def _lay_tiles(owner: Owner, generation: int, literal: Literal) -> None:
    await owner.execute("DELETE FROM audit_tile WHERE generation = $1", generation)
    level = 0
    while width := len(literal.leaves) >> 8 * level:
        span = 1 << 8 * level
        hashes = [literal.over(at * span, (at + 1) * span) for at in range(width)]
        for first in range(0, width, 256):
            await owner.execute(
                "INSERT INTO audit_tile (generation, level, number, hashes) VALUES ($1, $2, $3, $4)",
                generation,
                level,
                first // 256,
                b"".join(hashes[first : first + 256]),
            )
        level += 1
