"""What an archive holds, and what accounts for its removal: entries of every stream, by their common number."""

from collections.abc import AsyncIterator

from app.store.connection import Connection
from app.store.evidence import Whole, numbered

BATCH = 500

_MONTH = f"SELECT seq FROM audit_body WHERE month = $1 AND seq > $2 ORDER BY seq LIMIT {BATCH}"
_REMOVALS = "SELECT seq FROM audit_entry WHERE id IN (SELECT audit_id FROM audit_removal) ORDER BY seq"


async def month_entries(connection: Connection, month: int) -> AsyncIterator[tuple[int, Whole]]:
    """The entries of every stream whose bodies lie in a month (year * 100 + month), by `seq`, each with it."""
    seq = 0
    while seqs := [row["seq"] for row in await connection.fetch(_MONTH, month, seq)]:
        for entry in await numbered(connection, seqs):
            yield entry
        seq = seqs[-1]


async def removals(connection: Connection) -> list[Whole]:
    """The entries that say what was erased and archived."""
    seqs = [row["seq"] for row in await connection.fetch(_REMOVALS)]
    return [
        entry for at in range(0, len(seqs), BATCH) for _, entry in await numbered(connection, seqs[at : at + BATCH])
    ]
