"""Whether a page of the log costs more as the log grows."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter

from app.audit.entry import account_stream
from app.store import log_reads
from app.store.connection import Connection
from app.store.database import open_database
from app.store.log_reads import EntryFilter
from app.store.paging import Window
from scripts.benchmarks.long_log import build

PAGE = 50
PAGES = 100


@dataclass(slots=True)
class Paged:
    """Milliseconds a page in the order of the rounds, by what was asked for."""

    pages: dict[str, list[float]] = field(default_factory=dict)


async def measure_pages(url: str, entries: int, rounds: int) -> Paged:
    """Build a log of so many entries of one account, and read pages from its ends, its middle, and by filters."""
    (actor,) = await build(url, entries)
    account_id = actor.account_id or ""
    database = open_database(url)
    await database.start()
    found = Paged()
    try:
        middle = await _middle(database.reads, account_id)
        asked = {
            "the newest": (EntryFilter(), Window(PAGE, None, None, backward=False)),
            "after a cursor in the middle": (EntryFilter(), Window(PAGE, (middle, middle), None, backward=False)),
            "of one action": (
                EntryFilter(actions=frozenset({"certificate.delete"})),
                Window(PAGE, None, None, backward=False),
            ),
            "of one actor, after the middle": (
                EntryFilter(actor_ids=frozenset({actor.id or ""})),
                Window(PAGE, (middle, middle), None, backward=False),
            ),
        }
        for name, (wanted, window) in asked.items():
            found.pages[name] = [
                await _milliseconds(_page(database.reads, account_id, wanted, window)) for _ in range(rounds)
            ]
    finally:
        await database.close()
    return found


def _page(
    connection: Connection, account_id: str, wanted: EntryFilter, window: Window
) -> Callable[[], Awaitable[object]]:
    return lambda: log_reads.entries_page(connection, account_id, wanted, window, descending=True)


async def _milliseconds(page: Callable[[], Awaitable[object]]) -> float:
    await page()
    start = perf_counter()
    for _ in range(PAGES):
        await page()
    return (perf_counter() - start) / PAGES * 1000


async def _middle(connection: Connection, account_id: str) -> int:
    row = await connection.fetch_one(
        "SELECT seq FROM audit_entry"
        " WHERE stream = $1 AND aseq = (SELECT aseq / 2 FROM audit_stream WHERE stream = $1)",
        account_stream(account_id),
    )
    assert row is not None  # noqa: S101  # the log was built
    return int(row["seq"])
