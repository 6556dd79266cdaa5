"""Named queries over the log. Lists are read by keyset; bodies and disclosures each with one statement more."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import Q

from app.clock import from_micros, to_micros
from app.store import models
from app.store.connection import Connection, Row
from app.store.counting import count_of, counted, counting
from app.store.paging import Order, Page, Window, page_of, where
from app.store.rows import EntryRow, columns

BATCH = 500
"""How many entries a walk over the log holds at a time: memory stays the same, however long the log is."""

_COLUMNS = columns(EntryRow, without=frozenset({"body", "disclosures"}))
_BY_IDS = f"SELECT {_COLUMNS} FROM audit_entry WHERE account_id = $1 AND id IN"
_WALK = f"SELECT {_COLUMNS} FROM audit_entry WHERE stream = $1 AND aseq > $2 ORDER BY aseq LIMIT {BATCH}"
_STREAMS = "SELECT stream, account_id, aseq, hash FROM audit_stream ORDER BY stream"
_POSITION = "SELECT aseq FROM audit_stream WHERE stream = $1"
_PLACE = "SELECT id, seq FROM audit_entry WHERE account_id = $1 AND id IN"
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


async def position(connection: Connection, stream: str) -> int:
    """The number of the stream's last entry; 0 while it is empty."""
    row = await connection.fetch_one(_POSITION, stream)
    return 0 if row is None else int(row["aseq"])


async def entries_page(
    connection: Connection, account_id: str, wanted: EntryFilter, window: Window, *, descending: bool
) -> Page[EntryRow]:
    """A page of the account's log, by `seq`."""
    order = Order("seq", "seq", descending=descending)
    query = models.AuditEntry.filter(Q(account_id=account_id) & wanted.wanted() & order.within(window))
    query = query.order_by(*order.columns(window)).limit(window.size + 1)
    found: Sequence[Row] = await query.using_db(connection.orm).values()
    page = page_of(list(found), window)
    return Page(await whole(connection, page.rows), page.has_next, page.has_previous)


async def count_entries(connection: Connection, account_id: str, wanted: EntryFilter) -> int | None:
    """How many entries match; None over COUNT_LIMIT."""
    return await count_of(connection, models.AuditEntry.filter(Q(account_id=account_id) & wanted.wanted()))


async def entries(connection: Connection, account_id: str, entry_ids: Iterable[str]) -> dict[str, EntryRow]:
    """Entries of the account by their ids; what is not there is absent."""
    wanted = list(dict.fromkeys(entry_ids))
    if not wanted:
        return {}
    found = await connection.fetch(f"{_BY_IDS} ({_places(len(wanted), 2)})", account_id, *wanted)
    return {entry.id: entry for entry in await whole(connection, found)}


async def entries_of_targets(
    connection: Connection, account_id: str, target_ids: Sequence[str], window: Window
) -> dict[str, Page[EntryRow]]:
    """The same page of each target's own log, newest first; every target has one, if an empty one.

    One statement: a piece for each target, which walks no further than its page, where counting rows over all of them
    would walk whole histories.
    """
    order = Order("seq", "seq", descending=True)
    bounds, values = _bounds(window, first_place=2)
    direction = "DESC" if order.descending is not window.backward else "ASC"
    query = (
        f"SELECT * FROM (SELECT {_COLUMNS} FROM audit_entry WHERE account_id = $1{bounds} AND target_id = %s"
        f" ORDER BY seq {direction} LIMIT {window.size + 1}) AS page"
    )
    wanted = list(dict.fromkeys(target_ids))
    found = await connection.fetch(_each(query, len(wanted), 2 + len(values)), account_id, *values, *wanted)
    pages = {target: page_of([row for row in found if row["target_id"] == target], window) for target in wanted}
    by_seq = {
        entry.seq: entry for entry in await whole(connection, [row for page in pages.values() for row in page.rows])
    }
    return {
        target: Page([by_seq[row["seq"]] for row in page.rows], page.has_next, page.has_previous)
        for target, page in pages.items()
    }


async def count_entries_of_targets(
    connection: Connection, account_id: str, target_ids: Sequence[str]
) -> dict[str, int | None]:
    """How many entries each target has; None over COUNT_LIMIT."""
    wanted = list(dict.fromkeys(target_ids))
    found_of = "SELECT 1 FROM audit_entry WHERE account_id = $1 AND target_id = %s"
    query = f"SELECT %s AS target_id, ({counting(found_of)}) AS n"
    found = await connection.fetch(_each(query, len(wanted), 2), account_id, *wanted)
    return {row["target_id"]: counted(int(row["n"])) for row in found}


async def places(connection: Connection, account_id: str, entry_ids: Sequence[str]) -> dict[str, int]:
    """The `seq` of entries of the account, by their ids; what is not there is absent."""
    found = await connection.fetch(f"{_PLACE} ({_places(len(entry_ids), 2)})", account_id, *entry_ids)
    return {row["id"]: int(row["seq"]) for row in found}


async def last_seq(connection: Connection, account_id: str) -> int:
    """Where the account's log ends now; 0 while it is empty."""
    row = await connection.fetch_one(_LAST, account_id)
    return 0 if row is None or row["seq"] is None else int(row["seq"])


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
        for entry in await whole(connection, found):
            yield entry
        aseq = found[-1]["aseq"]


async def whole(connection: Connection, found: Sequence[Row]) -> list[EntryRow]:
    """The entries of rows of `audit_entry`, each with its body, empty where it is gone, and its disclosures."""
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


def _each(query: str, count: int, first_place: int) -> str:
    """The query once for each of `count` values, whose placeholders stand where the query says `%s`."""
    pieces = (query.replace("%s", f"CAST(${place} AS TEXT)") for place in range(first_place, first_place + count))
    return " UNION ALL ".join(pieces)


def _bounds(window: Window, *, first_place: int) -> tuple[str, list[int | str]]:
    """The window's two places in a list that is newest first, as conditions on `seq`."""
    conditions = ""
    values: list[int | str] = []
    for key, comparison in ((window.after, "<"), (window.before, ">")):
        if key is not None:
            conditions += f" AND seq {comparison} ${first_place + len(values)}"
            values.append(key[0])
    return conditions, values


def _month(time_micros: int) -> int:
    instant = from_micros(time_micros)
    return instant.year * 100 + instant.month


def _places(count: int, start: int) -> str:
    return ", ".join(f"${at}" for at in range(start, start + count))
