"""What a report says about a range of the log: gathered entry by entry, in memory that does not follow their number."""

import hashlib
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from app.audit.checkpoint import Checkpoint
from app.audit.entry import entry_hash
from app.audit.possession_events import PossessionProven
from app.audit.records import Record

OUTCOMES = ("success", "refused", "failed")
DAYS_LIMIT = 92
"""Past so many days the chart counts months."""
CHANGES_LIMIT = 500
"""How many changes to certificates a report lists: the latest."""
PROBLEMS_LIMIT = 20
TOP = 20


@dataclass(frozen=True, slots=True)
class Link:
    """What one entry needs for its hash to be computed again."""

    stream: str
    aseq: int
    prev: bytes
    body: bytes
    hash: bytes


@dataclass(slots=True)
class ChainCheck:
    """Computes the hashes of entries again, in the order of each stream.

    The first entry of a stream is believed as to what came before it. Numbers may be left out: a range is one of time,
    and a clock that was set back puts an entry outside it.
    """

    checked: int = 0
    unchecked: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)
    _ends: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def take(self, link: Link) -> None:
        """Go on by one entry of its stream."""
        self.checked += 1
        end = self._ends.get(link.stream)
        if end is not None and link.aseq != end[0] + 1:
            self.left_out += 1
        elif end is not None and link.prev != end[1]:
            self.note(f"Entry {link.aseq} does not name the hash of the entry before it.")
        if entry_hash(link.stream, link.aseq, link.prev, hashlib.sha256(link.body).digest()) != link.hash:
            self.note(f"The hash of entry {link.aseq} is not that of its body, its number and the entry before it.")
        self._ends[link.stream] = (link.aseq, link.hash)

    def skip(self) -> None:
        """An entry whose body is not there any more: nothing can be said about it."""
        self.unchecked += 1

    def end(self, stream: str) -> tuple[int, bytes] | None:
        """The number and the hash of the last entry of a stream that was checked."""
        return self._ends.get(stream)

    def note(self, problem: str) -> None:
        """Something is wrong; the first so many are kept."""
        if len(self.problems) < PROBLEMS_LIMIT:
            self.problems.append(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which part of which log a report is about. The interval is half-open; None where it is open.

    `checkpoint` is the signed tree that the report is made from; None before the first, and where nobody was asked.
    """

    account: str
    start: datetime | None
    end: datetime | None
    made_at: datetime
    source: str
    checkpoint: Checkpoint | None = None


@dataclass(slots=True)
class Summary:
    """The figures of a report."""

    entries: int = 0
    last: Record | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    actors: Counter[tuple[str, str]] = field(default_factory=Counter)
    changes: deque[Record] = field(default_factory=lambda: deque(maxlen=CHANGES_LIMIT))
    changes_in_all: int = 0
    chain: ChainCheck = field(default_factory=ChainCheck)
    is_covered: bool = False
    """Whether a receipt was checked, which shows the last entry in the tree of the report's checkpoint."""
    _days: dict[date, Counter[str]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Count one more entry."""
        self.entries += 1
        self.last = record
        self.outcomes[record.outcome] += 1
        self._days.setdefault(record.occurred_at.date(), Counter())[record.outcome] += 1
        if record.outcome != "success":
            self.refusals[record.code or "none"] += 1
        self.actors[record.actor, record.actor_kind] += 1
        is_change = record.action.startswith("certificate.") or record.action == PossessionProven.kind
        if record.outcome == "success" and record.code is None and is_change:
            self.changes_in_all += 1
            self.changes.append(record)

    def periods(self) -> list[tuple[str, Counter[str]]]:
        """Entries by outcome for each day, or for each month where there are many days; quiet ones included."""
        if not self._days:
            return []
        first, last = min(self._days), max(self._days)
        if (last - first).days < DAYS_LIMIT:
            days = (date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1))
            return [(day.isoformat(), self._days.get(day, Counter())) for day in days]
        return _by_month(self._days.items(), first, last)


def _by_month(days: Iterable[tuple[date, Counter[str]]], first: date, last: date) -> list[tuple[str, Counter[str]]]:
    months: dict[str, Counter[str]] = {}
    for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        months[f"{month // 12:04}-{month % 12 + 1:02}"] = Counter()
    for day, counts in days:
        months[f"{day:%Y-%m}"].update(counts)
    return list(months.items())
