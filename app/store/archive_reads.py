"""What an archive holds, and what accounts for its removal: entries of every stream, by their common number."""

from collections.abc import AsyncIterator, Sequence

from app.store.connection import Connection, Row
from app.store.evidence import month_of

BATCH = 500

_COLUMNS = (
    "seq, stream, aseq, id, account_id, prev, body_sha256, hash, time, actor_type, actor_id, action, result, code,"
    " target_type, target_id"
)
_MONTH_SEQS = f"SELECT seq FROM audit_body WHERE month = $1 AND seq > $2 ORDER BY seq LIMIT {BATCH}"
_BY_SEQ = f"SELECT {_COLUMNS} FROM audit_entry WHERE seq IN"
_REMOVALS = f"SELECT {_COLUMNS} FROM audit_entry WHERE id IN (SELECT audit_id FROM audit_removal) ORDER BY seq"


async def month_entries(connection: Connection, month: int) -> AsyncIterator[tuple[Row, bytes | None, dict[str, str]]]:
    """The entries of every stream whose bodies lie in a month (year * 100 + month), by `seq`."""
    seq = 0
    while numbers := [row["seq"] for row in await connection.fetch(_MONTH_SEQS, month, seq)]:
        found = await connection.fetch(f"{_BY_SEQ} ({_places(len(numbers), 1)}) ORDER BY seq", *numbers)
        for whole in await _whole(connection, found):
            yield whole
        seq = numbers[-1]


async def removals(connection: Connection) -> list[tuple[Row, bytes | None, dict[str, str]]]:
    """The entries that say what was erased and archived."""
    found = await connection.fetch(_REMOVALS)
    return [whole for at in range(0, len(found), BATCH) for whole in await _whole(connection, found[at : at + BATCH])]


async def _whole(connection: Connection, found: Sequence[Row]) -> list[tuple[Row, bytes | None, dict[str, str]]]:
    bodies = await _bodies(connection, found)
    disclosures = await _disclosures(connection, found)
    return [(row, bodies.get(row["seq"]), disclosures.get(row["seq"], {})) for row in found]


async def _bodies(connection: Connection, found: Sequence[Row]) -> dict[int, bytes]:
    seqs = [row["seq"] for row in found]
    months = sorted({month for row in found if (month := month_of(row["time"])) is not None})
    bodies: dict[int, bytes] = {}
    if months:
        query = (
            f"SELECT seq, body FROM audit_body WHERE month IN ({_places(len(months), 1)})"
            f" AND seq IN ({_places(len(seqs), len(months) + 1)})"
        )
        bodies = {row["seq"]: bytes(row["body"]) for row in await connection.fetch(query, *months, *seqs)}
    if missing := [seq for seq in seqs if seq not in bodies]:
        # The time may have been changed behind the log: then the body lies in another month.
        query = f"SELECT seq, body FROM audit_body WHERE seq IN ({_places(len(missing), 1)})"
        bodies |= {row["seq"]: bytes(row["body"]) for row in await connection.fetch(query, *missing)}
    return bodies


async def _disclosures(connection: Connection, found: Sequence[Row]) -> dict[int, dict[str, str]]:
    query = f"SELECT seq, subject_id, disclosures FROM audit_disclosure WHERE seq IN ({_places(len(found), 1)})"
    disclosures: dict[int, dict[str, str]] = {}
    for row in await connection.fetch(query, *(row["seq"] for row in found)):
        disclosures.setdefault(row["seq"], {})[row["subject_id"]] = row["disclosures"]
    return disclosures


def _places(count: int, start: int) -> str:
    return ", ".join(f"${at}" for at in range(start, start + count))
