"""A long log in a moment, for trees of many leaves."""

import hashlib

from app.audit.entry import GENESIS, entry_hash
from tests.audit.owner import unguarded


async def fill(url: str, stream: str, number: int) -> None:
    """Many entries in an empty stream, whose bodies nobody will ask for."""
    rows: list[tuple[object, ...]] = []
    prev = GENESIS
    for aseq in range(1, number + 1):
        body = hashlib.sha256(f"{stream} {aseq}".encode()).digest()
        made = entry_hash(stream, aseq, prev, body)
        rows.append((f"{stream} {aseq}", stream, aseq, prev, body, made))
        prev = made
    async with unguarded(url) as owner:
        await owner.execute_many(
            "INSERT INTO audit_entry (id, stream, aseq, prev, body_sha256, hash, time, actor_type, action, result)"
            " VALUES ($1, $2, $3, $4, $5, $6, 1, 'system', 'x', 'success')",
            rows,
        )
        await owner.execute("INSERT INTO audit_stream (stream, aseq, hash) VALUES ($1, $2, $3)", stream, number, prev)
