"""What a verification reads: every row as it is stored, unparsed, so that also a spoilt one can be read."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import MAXYEAR
from typing import Any, cast

from app.clock import EPOCH, from_micros
from app.store import enrollment_evidence
from app.store.connection import Connection, Engine, Row

STREAM_BATCH = 1_000
DER_BATCH = 100
STRAYS_LIMIT = 100
Whole = tuple[Any, ...]
"""An entry's columns, its body, and its disclosures by subject, in the order of `app.audit.stored.StoredEntry`."""

_SMALLEST = -(2**63)

_HEADS = "SELECT stream, account_id, aseq, hash FROM audit_stream"
_ACCOUNTS = " UNION ".join(
    f"SELECT {column} AS account_id FROM {table}"
    for table, column in (
        ("account", "id"),
        ("certificate", "account_id"),
        ("api_key", "account_id"),
        ("portal_user", "account_id"),
        ("device", "account_id"),
        ("x509_certificate", "account_id"),
        ("enrollment", "account_id"),
    )
)
_STREAM_COLUMNS = (
    "stream, aseq, id, account_id, prev, body_sha256, hash, time, actor_type, actor_id, action, result, code,"
    " target_type, target_id"
)
_STREAM = (
    f"SELECT {_STREAM_COLUMNS}, seq FROM audit_entry WHERE stream = $1 AND aseq > $2{{bound}}"
    f" ORDER BY aseq LIMIT {STREAM_BATCH}"
)
# The order is the inner statement's: an ORDER BY outside as well would sort, bodies and all, what is in order. Were it
# ever lost, entries would look as if they were moved: nothing wrong would pass.
_STREAM_WHOLE = (
    f"SELECT e.{_STREAM_COLUMNS.replace(', ', ', e.')}, body, e.seq, subject_id, disclosures FROM ({_STREAM}) AS e"
    " LEFT JOIN audit_body AS b ON b.seq = e.seq LEFT JOIN audit_disclosure AS d ON d.seq = e.seq"
)
_ASEQ, _TIME, _SEQ, _SUBJECT = 1, 7, 16, 17
# PostgreSQL cuts bodies by month, and looks through every month that it is not told to leave out.
_BODIES_WITHIN = "SELECT seq, body FROM audit_body WHERE month BETWEEN $1 AND $2 AND seq"
_BODIES = "SELECT seq, body FROM audit_body WHERE seq"
_DISCLOSURES = "SELECT seq, subject_id, disclosures FROM audit_disclosure WHERE seq"
_NUMBERED = f"SELECT {_STREAM_COLUMNS}, seq FROM audit_entry WHERE seq"
_AMONG = {Engine.SQLITE: " IN (SELECT value FROM json_each(${0}))", Engine.POSTGRES: " = ANY(${0}::bigint[])"}
_NTH_AFTER = "SELECT aseq FROM audit_entry WHERE stream = $1 AND aseq > $2 ORDER BY aseq LIMIT 1 OFFSET $3"
_FINGERPRINTS = "SELECT sha256 FROM x509_certificate WHERE account_id = $1"
_DERS = (
    f"SELECT sha256, der FROM x509_certificate WHERE account_id = $1 AND sha256 > $2 ORDER BY sha256 LIMIT {DER_BATCH}"
)
_STATES = {
    "account": "SELECT * FROM account WHERE id = $1",
    "certificate": "SELECT * FROM certificate WHERE account_id = $1 ORDER BY id",
    "api_key": "SELECT * FROM api_key WHERE account_id = $1 ORDER BY id",
    "user": "SELECT * FROM portal_user WHERE account_id = $1 ORDER BY id",
    "device": "SELECT d.*, d.endpoint_name AS name, b.fingerprint AS bootstrap_fingerprint,"
    " b.certificate_id AS bootstrap_certificate, b.accepted_at AS bootstrap_accepted_at,"
    " l.fingerprint AS lwm2m_fingerprint, l.certificate_id AS lwm2m_certificate, l.accepted_at AS lwm2m_accepted_at"
    " FROM device AS d LEFT JOIN device_credential AS b ON b.device_id = d.id AND b.service = 'BOOTSTRAP'"
    " LEFT JOIN device_credential AS l ON l.device_id = d.id AND l.service = 'LWM2M'"
    " WHERE d.account_id = $1 ORDER BY d.id",
}
_NUMBERS = "SELECT min(seq) AS first, max(seq) AS last, count(*) AS n FROM audit_entry"
_OUTSIDE = f"SELECT seq FROM {{table}} WHERE seq < $1 OR seq > $2 LIMIT {STRAYS_LIMIT}"
_OF_NO_ENTRY = (
    "SELECT seq FROM {table} WHERE NOT EXISTS (SELECT 1 FROM audit_entry WHERE audit_entry.seq = {table}.seq)"
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


async def cuts(connection: Connection, stream: str, every: int) -> list[int]:
    """The numbers of a stream after so many entries each: where it can be cut, however it is numbered."""
    aseq, found = _SMALLEST, list[int]()
    while (row := await connection.fetch_one(_NTH_AFTER, stream, aseq, every - 1)) and isinstance(row["aseq"], int):
        aseq = row["aseq"]
        found.append(aseq)
    return found


async def fingerprints(connection: Connection, account_id: str) -> Sequence[Row]:
    """Under which SHA-256 the account's certificates are kept."""
    return await connection.fetch(_FINGERPRINTS, account_id)


async def entries(
    connection: Connection, stream: str, after: int | None, upto: int | None
) -> AsyncIterator[list[Whole]]:
    """A stream's entries by `aseq`, some at a time: those past `after`, up to and with `upto`; None is no bound."""
    whole = _whole_at_once if connection.engine is Engine.SQLITE else _whole_in_turn
    last: object = _SMALLEST if after is None else after
    # No bound but for the stretches before the last: SQLite keeps also a text as a number, past every number.
    bounds = () if upto is None else (upto,)
    while found := await whole(connection, stream, last, *bounds):
        yield found
        last = found[-1][_ASEQ]


async def numbered(connection: Connection, seqs: Sequence[int]) -> list[tuple[int, Whole]]:
    """The entries of these numbers in the whole log, in their order, each with its number."""
    among, given = _AMONG[connection.engine].format(1), _given(connection.engine, seqs)
    rows = _values(await connection.fetch(f"{_NUMBERED}{among} ORDER BY seq", given))
    return [(row[-1], whole) for row, whole in zip(rows, await _whole(connection, rows), strict=True)]


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
    async for row in enrollment_evidence.told_singly(connection, account_id):
        yield "enrollment", row


async def stray_bodies(connection: Connection) -> list[int]:
    """The numbers of bodies that belong to no entry."""
    return await _of_no_entry(connection, "audit_body")


async def stray_disclosures(connection: Connection) -> list[int]:
    """The numbers of disclosures that belong to no entry."""
    return await _of_no_entry(connection, "audit_disclosure")


async def stray_streams(connection: Connection) -> dict[str, int]:
    """Streams that have entries and no row of their own, and how many entries."""
    return {row["stream"]: row["entries"] for row in await connection.fetch(_STRAY_STREAMS)}


async def _of_no_entry(connection: Connection, table: str) -> list[int]:
    numbers = await connection.fetch_one(_NUMBERS)
    if numbers is not None and numbers["n"] and numbers["last"] - numbers["first"] + 1 == numbers["n"]:
        # No number between them is free: what is of no entry has one outside, and nothing else needs to be read again.
        rows = await connection.fetch(_OUTSIDE.format(table=table), numbers["first"], numbers["last"])
    else:
        rows = await connection.fetch(_OF_NO_ENTRY.format(table=table))
    return [row["seq"] for row in rows]


async def _whole_at_once(connection: Connection, *bounds: object) -> list[Whole]:
    found: list[Whole] = []
    seq: int | None = None
    for row in _values(await connection.fetch(_bounded(_STREAM_WHOLE, bounds), *bounds)):
        subject, disclosures = row[_SUBJECT:]
        if row[_SEQ] != seq:
            seq = row[_SEQ]
            found.append((*row[:_SEQ], {} if disclosures is None else {subject: disclosures}))
        else:
            # An entry has a row for each of the subjects that it is about.
            found[-1][-1][subject] = disclosures
    return found


async def _whole_in_turn(connection: Connection, *bounds: object) -> list[Whole]:
    return await _whole(connection, _values(await connection.fetch(_bounded(_STREAM, bounds), *bounds)))


async def _whole(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[Whole]:
    """Entries, given as their columns and their `seq`, with what lies beside them."""
    among, seqs = _AMONG[connection.engine], _given(connection.engine, [row[-1] for row in rows])
    months = [month for row in rows if (month := _month(row[_TIME])) is not None]
    bodies = dict[int, bytes]()
    if months:
        query = _BODIES_WITHIN + among.format(3)
        bodies = dict(_values(await connection.fetch(query, min(months), max(months), seqs)))
    if missing := [row[-1] for row in rows if row[-1] not in bodies]:
        # The time may have been changed behind the log: then the body lies in another month.
        query = _BODIES + among.format(1)
        bodies |= dict(_values(await connection.fetch(query, _given(connection.engine, missing))))
    disclosures = dict[int, dict[str, str]]()
    for seq, subject, joined in _values(await connection.fetch(_DISCLOSURES + among.format(1), seqs)):
        disclosures.setdefault(seq, {})[subject] = joined
    return [(*row[:-1], bodies.get(row[-1]), disclosures.get(row[-1], {})) for row in rows]


def _given(engine: Engine, seqs: Sequence[int]) -> object:
    """Numbers as a statement takes them, however many they are; see `_AMONG`."""
    return json.dumps(seqs) if engine is Engine.SQLITE else seqs


def _values(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    # Where a mapping would give its keys, the rows of both drivers give their values.
    return list(map(tuple, cast("Sequence[Sequence[Any]]", rows)))


def _bounded(query: str, bounds: Sequence[object]) -> str:
    return query.format(bound=" AND aseq <= $3" if len(bounds) > 2 else "")


def _month(micros: int) -> int | None:
    if not 0 <= micros // 1_000_000 < (MAXYEAR - EPOCH.year) * 365 * 86_400:
        return None
    instant = from_micros(micros)
    return instant.year * 100 + instant.month


def as_bytes(value: object) -> bytes:
    """SQLite stores whatever it is given, also a text in a column of bytes."""
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else str(value).encode()


def as_whole_number(value: object) -> int:
    """No entry of ours stands at what is no whole number, nor at -1; nor was there any in the year of its instant."""
    return value if isinstance(value, int) else -1
