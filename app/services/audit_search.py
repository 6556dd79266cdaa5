"""Looking for words in an account's log.

What is looked through stands in bodies and disclosures, which no index knows. So a search looks at entries one by one,
in the order of the list, and gives up after so many: the page then says how far it has come, and the next goes on from
there. Case is folded as Unicode says, the same whatever the database.
"""

import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import orjson

from app.audit.disclosed import disclosed
from app.store import log_reads
from app.store.connection import Connection
from app.store.log_reads import EntryFilter
from app.store.paging import Page, Window
from app.store.rows import EntryRow

LOOKED_THROUGH = 10_000
"""How many entries one page looks at."""
BATCH = 500


@dataclass(frozen=True, slots=True)
class Search:
    """Narrows the log: the filter must hold, and every word must occur somewhere in what an entry says.

    Words are searched for, whatever their case, in the action (`certificate.upload` and `CERTIFICATE_UPLOAD` alike),
    the code, the target's id and name, the reason, the request's id, and the actor's name while it is disclosed.
    """

    narrowed: EntryFilter = field(default_factory=EntryFilter)
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, narrowed: EntryFilter, text: str | None) -> "Search":
        """The search for the words of a text."""
        return cls(narrowed, tuple(dict.fromkeys(_folded(text or "").split())))

    def finds(self, entry: EntryRow) -> bool:
        """Whether every word occurs in an entry; what stood in a body that was archived is not found."""
        said = _folded("\n".join(_said(entry)))
        return all(word in said for word in self.words)


async def entries_page(
    connection: Connection, account_id: str, search: Search, window: Window, *, descending: bool
) -> Page[EntryRow]:
    """A page of what is found, by `seq`.

    It may be short, and even empty, while there is more: then `reached` says where the next page is to go on.
    """
    if not search.words:
        return await log_reads.entries_page(connection, account_id, search.narrowed, window, descending=descending)
    found: list[EntryRow] = []
    looked = 0
    async for entry in _walk(connection, account_id, search.narrowed, window, descending=descending):
        if search.finds(entry):
            found.append(entry)
            if len(found) > window.size:
                return _page(found, window, more=True)
        looked += 1
        if looked >= LOOKED_THROUGH:
            return _page(found, window, more=True, reached=entry)
    return _page(found, window, more=False)


async def count_entries(connection: Connection, account_id: str, search: Search) -> int | None:
    """How many entries are found; None over 10,000, and where a search would have to look at more than that."""
    if not search.words:
        return await log_reads.count_entries(connection, account_id, search.narrowed)
    total = await log_reads.count_entries(connection, account_id, search.narrowed)
    if total is None:
        return None
    walk = _walk(connection, account_id, search.narrowed, Window(BATCH), descending=True)
    return sum([search.finds(entry) async for entry in walk])


async def _walk(
    connection: Connection, account_id: str, narrowed: EntryFilter, window: Window, *, descending: bool
) -> AsyncIterator[EntryRow]:
    """The entries of a window, whatever its size, from the side that it counts from."""
    part = replace(window, size=BATCH)
    while True:
        page = await log_reads.entries_page(connection, account_id, narrowed, part, descending=descending)
        rows = page.rows[::-1] if part.backward else page.rows
        for entry in rows:
            yield entry
        if not (page.has_previous if part.backward else page.has_next):
            return
        place = rows[-1].seq, rows[-1].seq
        part = replace(part, before=place) if part.backward else replace(part, after=place)


def _page(found: list[EntryRow], window: Window, *, more: bool, reached: EntryRow | None = None) -> Page[EntryRow]:
    rows = found[: window.size]
    if window.backward:
        return Page(rows[::-1], window.before is not None, more, reached, is_backward=True)
    return Page(rows, more, window.after is not None, reached)


def _said(entry: EntryRow) -> list[str]:
    said = [entry.action, entry.action.replace(".", "_"), entry.code, entry.target_id]
    if entry.body:
        body = orjson.loads(entry.body)
        said += [body["target"]["name"], body["reason"], body["request"]["id"]]
        said.append(disclosed(entry.disclosures.values(), frozenset(body["_sd"])).get("actor.name"))
    return [text for text in said if isinstance(text, str)]


def _folded(text: str) -> str:
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()
