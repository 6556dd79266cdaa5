"""What a verification reads: every row as it is stored, unparsed, so that also a spoilt one can be read."""

from collections.abc import AsyncIterator, Sequence
from datetime import MAXYEAR

from app.clock import EPOCH, from_micros
from app.store.connection import Connection, Row

BATCH = 500
DER_BATCH = 100
STRAYS_LIMIT = 100
_SMALLEST = -(2**63)

_HEADS = "SELECT stream, account_id, aseq, hash FROM audit_stream"
_ACCOUNTS = " UNION ".join(
    f"SELECT {column} AS account_id FROM {table}"
    for table, column in (
        ("account", "id"),
        ("certificate", "account_id"),
        ("api_key", "account_id"),
        ("portal_user", "account_id"),
        ("x509_certificate", "account_id"),
    )
)
_COLUMNS = (
    "seq, stream, aseq, id, account_id, prev, body_sha256, hash, time, actor_type, actor_id, action, result, code,"
    " target_type, target_id"
)
_ENTRIES = f"SELECT {_COLUMNS} FROM audit_entry WHERE stream = $1 AND aseq > $2 ORDER BY aseq LIMIT {BATCH}"
_RUN = f"SELECT {_COLUMNS} FROM audit_entry WHERE stream = $1 AND aseq > $2 AND aseq <= $3 ORDER BY aseq LIMIT {BATCH}"
_DERS = (
    f"SELECT sha256, der FROM x509_certificate WHERE account_id = $1 AND sha256 > $2 ORDER BY sha256 LIMIT {DER_BATCH}"
)
_STATES = {
    "account": "SELECT * FROM account WHERE id = $1",
    "certificate": "SELECT * FROM certificate WHERE account_id = $1 ORDER BY id",
    "api_key": "SELECT * FROM api_key WHERE account_id = $1 ORDER BY id",
    "user": "SELECT * FROM portal_user WHERE account_id = $1 ORDER BY id",
}
_STRAY_BODIES = (
    "SELECT seq FROM audit_body WHERE NOT EXISTS (SELECT 1 FROM audit_entry WHERE audit_entry.seq = audit_body.seq)"
    f" LIMIT {STRAYS_LIMIT}"
)
_STRAY_DISCLOSURES = (
    "SELECT seq FROM audit_disclosure"
    " WHERE NOT EXISTS (SELECT 1 FROM audit_entry WHERE audit_entry.seq = audit_disclosure.seq)"
    f" LIMIT {STRAYS_LIMIT}"
)
_STRAY_STREAMS = (
    "SELECT stream, count(*) AS entries FROM audit_entry"
    " WHERE NOT EXISTS (SELECT 1 FROM audit_stream WHERE audit_stream.stream = audit_entry.stream)"
    f" GROUP BY stream ORDER BY stream LIMIT {STRAYS_LIMIT}"
)


async def heads(connection: Connection) -> Sequence[Row]:
    """Every stream's row."""
    return await connection.fetch(_HEADS)


async def account_ids(connection: Connection) -> list[str]:
    """Every account that a row of state names."""
    return [row["account_id"] for row in await connection.fetch(_ACCOUNTS)]


async def entries(connection: Connection, stream: str) -> AsyncIterator[tuple[Row, bytes | None, dict[str, str]]]:
    """A stream's entries by `aseq`, each with its body, None where it is gone, and its disclosures by subject."""
    aseq = _SMALLEST
    while found := await connection.fetch(_ENTRIES, stream, aseq):
        for whole in await _whole(connection, found):
            yield whole
        aseq = found[-1]["aseq"]


async def run(
    connection: Connection, stream: str, first: int, last: int
) -> AsyncIterator[tuple[Row, bytes | None, dict[str, str]]]:
    """The entries of a stream from one number to another, both included."""
    aseq = first - 1
    while found := await connection.fetch(_RUN, stream, aseq, last):
        for whole in await _whole(connection, found):
            yield whole
        aseq = found[-1]["aseq"]


async def ders(connection: Connection, account_id: str) -> AsyncIterator[Row]:
    """The account's certificates, with their bytes."""
    sha256 = b""
    while found := await connection.fetch(_DERS, account_id, sha256):
        for row in found:
            yield row
        sha256 = found[-1]["sha256"]


async def states(connection: Connection, account_id: str) -> AsyncIterator[tuple[str, Row]]:
    """The rows of the account itself and of what belongs to it, each with the type that the log calls it by."""
    for kind, query in _STATES.items():
        for row in await connection.fetch(query, account_id):
            yield kind, row


async def stray_bodies(connection: Connection) -> list[int]:
    """The numbers of bodies that belong to no entry."""
    return [row["seq"] for row in await connection.fetch(_STRAY_BODIES)]


async def stray_disclosures(connection: Connection) -> list[int]:
    """The numbers of disclosures that belong to no entry."""
    return [row["seq"] for row in await connection.fetch(_STRAY_DISCLOSURES)]


async def stray_streams(connection: Connection) -> dict[str, int]:
    """Streams that have entries and no row of their own, and how many entries."""
    return {row["stream"]: row["entries"] for row in await connection.fetch(_STRAY_STREAMS)}


async def _whole(connection: Connection, found: Sequence[Row]) -> list[tuple[Row, bytes | None, dict[str, str]]]:
    bodies = await _bodies(connection, found)
    disclosures = await _disclosures(connection, found)
    return [(row, bodies.get(row["seq"]), disclosures.get(row["seq"], {})) for row in found]


async def _bodies(connection: Connection, found: Sequence[Row]) -> dict[int, bytes]:
    seqs = [row["seq"] for row in found]
    months = sorted({month for row in found if (month := _month(row["time"])) is not None})
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


def _month(micros: int) -> int | None:
    if not 0 <= micros // 1_000_000 < (MAXYEAR - EPOCH.year) * 365 * 86_400:
        return None
    instant = from_micros(micros)
    return instant.year * 100 + instant.month


def _places(count: int, start: int) -> str:
    return ", ".join(f"${at}" for at in range(start, start + count))
