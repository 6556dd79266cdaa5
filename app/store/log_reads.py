"""Named queries over the log. Lists are read by keyset; bodies and disclosures each with one statement more."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import Q

from app.clock import from_micros, to_micros
from app.store import models
from app.store.connection import Connection, Row
from app.store.paging import Order, Page, Window, page_of, where
from app.store.rows import EntryRow, columns

COUNT_LIMIT = 10_000
BATCH = 500
"""How many entries a walk over the log holds at a time: memory stays the same, however long the log is."""

_COLUMNS = columns(EntryRow, without=frozenset({"body", "disclosures"}))
_BY_IDS = f"SELECT {_COLUMNS} FROM audit_entry WHERE account_id = $1 AND id IN"
_AFTER = f"SELECT {_COLUMNS} FROM audit_entry WHERE account_id = $1 AND seq > $2 ORDER BY seq LIMIT {BATCH}"
_WALK = f"SELECT {_COLUMNS} FROM audit_entry WHERE stream = $1 AND aseq > $2 ORDER BY aseq LIMIT {BATCH}"
_STREAMS = "SELECT stream, account_id, aseq, hash FROM audit_stream ORDER BY stream"
_LAST = "SELECT max(seq) AS seq FROM audit_entry WHERE account_id = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Narrows the log: everything given must hold, and a set means any of it. The interval is half-open."""

    actions: frozenset[str] | None = None
    results: frozenset[str] | None = None
    codes: frozenset[str] | None = None
    target_ids: frozenset[str] | None = None
    actor_ids: frozenset[str] | None = None
    start: datetime | None = None
    end: datetime | None = None

    def wanted(self) -> Q:
        """The same as a condition."""
        conditions = Q()
        among = {
            "action": self.actions,
            "result": self.results,
            "code": self.codes,
            "target_id": self.target_ids,
            "actor_id": self.actor_ids,
        }
        for column, values in among.items():
            if values is not None:
                conditions &= where(f"{column}__in", sorted(values))
        if self.start is not None:
            conditions &= Q(time__gte=to_micros(self.start))
        if self.end is not None:
            conditions &= Q(time__lt=to_micros(self.end))
        return conditions


@dataclass(frozen=True, slots=True)
class StreamHead:
    """The end of a stream, as its row says."""

    stream: str
    account_id: str | None
    aseq: int
    hash: bytes


async def entries_page(
    connection: Connection, account_id: str, wanted: EntryFilter, window: Window, *, descending: bool
) -> Page[EntryRow]:
    """A page of the account's log, by `seq`."""
    order = Order("seq", "seq", descending=descending)
    query = models.AuditEntry.filter(Q(account_id=account_id) & wanted.wanted() & order.within(window))
    query = query.order_by(*order.columns(window)).limit(window.size + 1)
    found: Sequence[Row] = await query.using_db(connection.orm).values()
    page = page_of(list(found), window)
    return Page(await _whole(connection, page.rows), page.has_next, page.has_previous)


async def count_entries(connection: Connection, account_id: str, wanted: EntryFilter) -> int | None:
    """How many entries match; None over COUNT_LIMIT."""
    query = models.AuditEntry.filter(Q(account_id=account_id) & wanted.wanted()).limit(COUNT_LIMIT + 1)
    found = await query.using_db(connection.orm).values_list("seq", flat=True)
    return None if len(found) > COUNT_LIMIT else len(found)


async def entries(connection: Connection, account_id: str, entry_ids: Iterable[str]) -> dict[str, EntryRow]:
    """Entries of the account by their ids; what is not there is absent."""
    wanted = list(dict.fromkeys(entry_ids))
    if not wanted:
        return {}
    found = await connection.fetch(f"{_BY_IDS} ({_places(len(wanted), 2)})", account_id, *wanted)
    return {entry.id: entry for entry in await _whole(connection, found)}


async def last_seq(connection: Connection, account_id: str) -> int:
    """Where the account's log ends now; 0 while it is empty."""
    row = await connection.fetch_one(_LAST, account_id)
    return 0 if row is None or row["seq"] is None else int(row["seq"])


async def entries_after(connection: Connection, account_id: str, seq: int) -> list[EntryRow]:
    """The next entries of the account's log, oldest first; at most BATCH."""
    return await _whole(connection, await connection.fetch(_AFTER, account_id, seq))


async def streams(connection: Connection) -> list[StreamHead]:
    """Every stream of the log, by name."""
    return [
        StreamHead(row["stream"], row["account_id"], row["aseq"], bytes(row["hash"]))
        for row in await connection.fetch(_STREAMS)
    ]


async def walk(connection: Connection, stream: str) -> AsyncIterator[EntryRow]:
    """Every entry of a stream in its order, however many there are."""
    aseq = 0
    while found := await connection.fetch(_WALK, stream, aseq):
        for entry in await _whole(connection, found):
            yield entry
        aseq = found[-1]["aseq"]


async def _whole(connection: Connection, found: Sequence[Row]) -> list[EntryRow]:
    if not found:
        return []
    seqs = [row["seq"] for row in found]
    months = sorted({_month(row["time"]) for row in found})
    bodies = await connection.fetch(
        f"SELECT seq, body FROM audit_body WHERE month IN ({_places(len(months), 1)})"
        f" AND seq IN ({_places(len(seqs), len(months) + 1)})",
        *months,
        *seqs,
    )
    disclosed = await connection.fetch(
        f"SELECT seq, subject_id, disclosures FROM audit_disclosure WHERE seq IN ({_places(len(seqs), 1)})",
        *seqs,
    )
    by_seq = {row["seq"]: bytes(row["body"]) for row in bodies}
    disclosures: dict[int, dict[str, str]] = {}
    for row in disclosed:
        disclosures.setdefault(row["seq"], {})[row["subject_id"]] = row["disclosures"]
    # A body that is gone shows as empty bytes, which hash to nothing that an entry names.
    return [
        EntryRow.of(row, body=by_seq.get(row["seq"], b""), disclosures=disclosures.get(row["seq"], {})) for row in found
    ]


def _month(time_micros: int) -> int:
    instant = from_micros(time_micros)
    return instant.year * 100 + instant.month


def _places(count: int, start: int) -> str:
    return ", ".join(f"${at}" for at in range(start, start + count))
