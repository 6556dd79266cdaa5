"""The lines of an export, put together by the database itself: what comes back is bytes that only need writing.

A million entries take minutes as objects and seconds as bytes. The lines are those of `app.audit.export`; the bodies in
them are the stored bytes, which nothing here parses or writes anew.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import orjson

from app.clock import from_micros
from app.store.connection import Connection, Engine, Row

PAGE = 2_000
"""Entries a question. A body has at most 16 KiB, mostly an eighth of that."""

MONTHS_LIMIT = 36
"""Past so many, naming the partitions to look in saves nothing."""


class EntriesMissing(Exception):
    """A stream does not have every entry up to its end; the message says which are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A run of one stream, both ends included. With a certificate's id, the bodies of all other entries are withheld.

    Without personal data no disclosure is in a line.
    """

    stream: str
    first: int
    last: int
    certificate_id: str | None = None
    personal_data: bool = True


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of entries that follow one another up to the number `last`; `withheld` of them have no body."""

    entries: int
    withheld: int
    last: int
    text: bytes


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How an engine says a few things. Each is put between two others that are joined by `||`."""

    hexadecimal: str
    disclosures: str
    of_one_subject: str
    as_bytes: str
    before_body: str


_DIALECTS = {
    # The casts leave the bytes as they are: SQLite looks at none of them.
    Engine.SQLITE: _Dialect(
        hexadecimal="lower(hex({0}))",
        disclosures=(
            "coalesce((SELECT group_concat(json_quote(subject_id) || ':[' || replace(json_quote(disclosures), '~',"
            " '\",\"') || ']', ',') FROM (SELECT subject_id, disclosures FROM audit_disclosure WHERE seq = e.seq"
            " ORDER BY subject_id)), '')"
        ),
        of_one_subject=(
            # SQLite quotes NULL as the text null: of nobody nothing is disclosed.
            "CASE WHEN d.subject_id IS NULL THEN ''"
            " ELSE json_quote(d.subject_id) || ':[' || replace(json_quote(d.disclosures), '~', '\",\"') || ']' END"
        ),
        as_bytes="CAST({0} AS BLOB)",
        before_body="CAST({0} || CAST(b.body AS TEXT) || '}}\n' AS BLOB)",
    ),
    Engine.POSTGRES: _Dialect(
        hexadecimal="encode({0}, 'hex')",
        disclosures=(
            "coalesce((SELECT string_agg(to_json(subject_id)::text || ':[' || replace(to_json(disclosures)::text, '~',"
            " '\",\"') || ']', ',' ORDER BY subject_id COLLATE \"C\") FROM audit_disclosure WHERE seq = e.seq), '')"
        ),
        of_one_subject=(
            "coalesce(to_json(d.subject_id)::text || ':[' || replace(to_json(d.disclosures)::text, '~', '\",\"')"
            " || ']', '')"
        ),
        as_bytes="convert_to({0}, 'UTF8')",
        before_body="convert_to({0}, 'UTF8') || b.body || convert_to('}}\n', 'UTF8')",
    ),
}
_TIMES = "SELECT min(time) AS first, max(time) AS last FROM audit_entry WHERE stream = $1 AND aseq BETWEEN $2 AND $3"


async def lines(
    connection: Connection, wanted: Wanted, beside: Sequence[Connection] = ()
) -> AsyncGenerator[Lines, None]:
    """The run's lines, some thousand at a time, in constant memory. Close it, and wait for that.

    Each connection, also those `beside`, which read as of the same instant, has a page under way while those before are
    written. Raises EntriesMissing, StoreUnavailable.
    """
    waiting = iter(range(wanted.first, wanted.last + 1, PAGE))
    under_way = deque[tuple[Connection, asyncio.Task[Lines]]]()
    try:
        for one, start in zip((connection, *beside), waiting, strict=False):
            under_way.append((one, asyncio.create_task(_page(one, wanted, start))))
        while under_way:
            one, first = under_way[0]
            page = await first
            under_way.popleft()
            following = next(waiting, None)
            if following is not None:
                under_way.append((one, asyncio.create_task(_page(one, wanted, following))))
            yield page
    finally:
        for _, task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait([task for _, task in under_way])


async def _page(connection: Connection, wanted: Wanted, start: int) -> Lines:
    end = min(wanted.last, start + PAGE - 1)
    # The bodies' months are not asked of SQLite, which keeps all of them in one table.
    months = await _months(connection, wanted.stream, start, end) if connection.engine is Engine.POSTGRES else None
    found = await _fetch(connection, wanted, start, end, _Way(months, several_subjects=False))
    # Few entries are about several people: those of the others are put together in two thirds of the time.
    several = not _is_whole(found, start, end)
    if months is not None and any(row["archived"] for row in found):
        # The time may have been changed behind the log: then the body lies in another month.
        months, several = None, True
    if several:
        found = await _fetch(connection, wanted, start, end, _Way(months, several_subjects=True))
    if not _is_whole(found, start, end):
        raise EntriesMissing(
            f"The stream {wanted.stream} has {len(found)} entries from number {start} to {end}: some are gone."
        )
    return Lines(
        len(found),
        sum(bool(row["withheld"]) for row in found),
        end,
        b"".join([bytes(row["line"]) for row in found]),
    )


async def _fetch(connection: Connection, wanted: Wanted, start: int, end: int, way: "_Way") -> Sequence[Row]:
    values: list[str | int] = [wanted.stream, start, end, _opening(wanted.stream)]
    if wanted.certificate_id is not None:
        values.append(wanted.certificate_id)
    return await connection.fetch(_statement(connection.engine, wanted, way), *values)


def _is_whole(found: Sequence[Row], start: int, end: int) -> bool:
    """Whether there is one row for every number: their count alone could hide a missing one behind a doubled one."""
    return [row["aseq"] for row in found] == list(range(start, end + 1))


def _opening(stream: str) -> str:
    return f'{{"stream":{orjson.dumps(stream).decode()},"aseq":'


@dataclass(frozen=True, slots=True)
class _Way:
    """How a page is asked for: in which months' bodies, None for all; and whether an entry may be about several."""

    months: Sequence[int] | None
    several_subjects: bool


def _statement(engine: Engine, wanted: Wanted, way: _Way) -> str:
    dialect = _DIALECTS[engine]
    prev, chained, body_sha256 = (dialect.hexadecimal.format(f"e.{name}") for name in ("prev", "hash", "body_sha256"))
    opening = ["$4 || e.aseq", """',"prev":"'""", prev, """'","hash":"'""", chained]
    joins, disclosures = "", "''"
    if wanted.personal_data and way.several_subjects:
        disclosures = dialect.disclosures
    elif wanted.personal_data:
        joins, disclosures = " LEFT JOIN audit_disclosure AS d ON d.seq = e.seq", dialect.of_one_subject
    whole = [*opening, """'","disclosures":{'""", disclosures, """'},"body":'"""]
    cases = {"b.body IS NULL": "archived"}
    if wanted.certificate_id is not None:
        cases = {"NOT coalesce(e.target_type = 'certificate' AND e.target_id = $5, FALSE)": "not_selected", **cases}
    withheld = "".join(
        f" WHEN {case} THEN "
        + _joined(
            dialect.as_bytes, [*opening, """'","body_sha256":"'""", body_sha256, f"""'","withheld":"{why}"}}\n'"""]
        )
        for case, why in cases.items()
    )
    in_months = "" if way.months is None else f" AND b.month IN ({', '.join(map(str, way.months))})"
    return (
        f"SELECT e.aseq, {' OR '.join(cases)} AS withheld, b.body IS NULL AS archived,"
        f" CASE{withheld} ELSE {_joined(dialect.before_body, whole)} END AS line"
        f" FROM audit_entry AS e LEFT JOIN audit_body AS b ON b.seq = e.seq{in_months}{joins}"
        " WHERE e.stream = $1 AND e.aseq BETWEEN $2 AND $3 ORDER BY e.aseq"
    )


def _joined(into: str, parts: Sequence[str]) -> str:
    return into.format(" || ".join(parts))


async def _months(connection: Connection, stream: str, start: int, end: int) -> list[int] | None:
    row = await connection.fetch_one(_TIMES, stream, start, end)
    if row is None or row["first"] is None:
        return None
    try:
        first, last = from_micros(row["first"]), from_micros(row["last"])
    except OverflowError:
        return None
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    if len(months) > MONTHS_LIMIT:
        return None
    return [month // 12 * 100 + month % 12 + 1 for month in months]
