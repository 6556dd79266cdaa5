"""What is gone from a log, held against the entries that say what was erased and what was archived.

Such an entry counts what it removed. What is gone without one, and more than they count, has a finding; so has what one
counts and is still there.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from app.audit.states import Json
from app.audit.stored import Code, Finding, Removal, RemovalKind, StoredEntry
from app.clock import from_micros

_ACTIONS = {"audit.erasure": RemovalKind.ERASURE, "audit.retention": RemovalKind.RETENTION}
_COUNTERS = {RemovalKind.ERASURE: "disclosures", RemovalKind.RETENTION: "bodies"}

_Subjects = frozenset[str]
_Key = tuple[RemovalKind, str, _Subjects]
"""What is counted apart: the subjects of a part of the log, or a month of all of it."""


def recorded(entries: Iterable[StoredEntry]) -> tuple[Removal, ...]:
    """What entries say was removed. They are checked where they stand in their streams, not here."""
    return tuple(removal for entry in entries if (removal := _removal(entry)) is not None)


@dataclass(slots=True)
class Removed:
    """How much is gone, by what may account for it, and of which subjects nobody can count it any more."""

    gone: Counter[_Key] = field(default_factory=Counter)
    uncounted: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class Removals:
    """Takes what is gone, one entry after another; memory follows how many removals there were."""

    recorded: Sequence[Removal]
    removed: Removed = field(default_factory=Removed)
    _by_target: dict[tuple[RemovalKind, str, str], list[Removal]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for removal in self.recorded:
            key = (removal.kind, _part(removal.stream, removal.kind), removal.target)
            self._by_target.setdefault(key, []).append(removal)

    def account_for_body(self, entry: StoredEntry) -> bool:
        """Whether the entry's body, which is gone, is archived."""
        month = _month(entry.time)
        if not self._covering(RemovalKind.RETENTION, entry, month):
            return False
        self.removed.gone[RemovalKind.RETENTION, month, frozenset({month})] += 1
        # How many of its disclosures had been erased before, its body alone could say.
        part = _part(entry.stream, RemovalKind.ERASURE)
        self.removed.uncounted |= {(part, subject) for subject in _subjects(entry)}
        return True

    def account_for_disclosures(self, entry: StoredEntry, count: int) -> bool:
        """Whether so many of the entry's disclosures, which are gone, were erased."""
        erased = frozenset(
            subject
            for subject in _subjects(entry) - entry.disclosures.keys()
            if self._covering(RemovalKind.ERASURE, entry, subject)
        )
        if not erased:
            return False
        self.removed.gone[RemovalKind.ERASURE, _part(entry.stream, RemovalKind.ERASURE), erased] += count
        return True

    def join(self, other: Removed) -> None:
        """Take what was found to be gone elsewhere."""
        self.removed.gone.update(other.gone)
        self.removed.uncounted |= other.uncounted

    def differing(self) -> Iterator[Finding]:
        """What is gone beyond what was counted, and what was counted and is not gone."""
        for (kind, part), removals in self._by_part().items():
            gone = {key[2]: count for key, count in self.removed.gone.items() if key[:2] == (kind, part)}
            yield from self._differing(kind, part, removals, gone)

    def _differing(
        self, kind: RemovalKind, part: str, removals: Mapping[str, list[Removal]], gone: Mapping[_Subjects, int]
    ) -> Iterator[Finding]:
        counted = {target: sum(one.count for one in recorded) for target, recorded in removals.items()}
        # An entry may have been about two subjects that are both erased: whose its disclosures were shows no more.
        apart = {next(iter(targets)): count for targets, count in gone.items() if len(targets) == 1}
        over = [target for target, count in apart.items() if count > counted[target]]
        all_gone, all_counted = sum(gone.values()), sum(counted.values())
        latest = max((removal for recorded in removals.values() for removal in recorded), key=lambda one: one.time)
        for target in over:
            yield _more(removals[target][-1], apart[target], counted[target])
        if all_gone > all_counted and not over:
            yield _more(latest, all_gone, all_counted)
        uncounted = self.removed.uncounted if kind is RemovalKind.ERASURE else ()
        if all_gone < all_counted and not any((part, target) in uncounted for target in removals):
            message = f"Of {all_counted} {_COUNTERS[kind]} that entries say were removed, {all_gone} are gone."
            yield _at(latest, Code.REMOVAL_DIFFERS, message)

    def _by_part(self) -> dict[tuple[RemovalKind, str], dict[str, list[Removal]]]:
        parts: dict[tuple[RemovalKind, str], dict[str, list[Removal]]] = {}
        for (kind, part, target), recorded in self._by_target.items():
            # One month's count says nothing about another's.
            group = (kind, target if kind is RemovalKind.RETENTION else part)
            parts.setdefault(group, {})[target] = recorded
        return parts

    def _covering(self, kind: RemovalKind, entry: StoredEntry, target: str) -> bool:
        return any(
            _is_later(removal, entry) for removal in self._by_target.get((kind, _part(entry.stream, kind), target), ())
        )


def _is_later(removal: Removal, entry: StoredEntry) -> bool:
    # Between streams there is no order but the time's.
    return removal.aseq > entry.aseq if removal.stream == entry.stream else removal.time >= entry.time


def _part(stream: str, kind: RemovalKind) -> str:
    """The part of the log that a removal of this kind, recorded in this stream, is about."""
    return "" if kind is RemovalKind.RETENTION else stream.rpartition("/")[0]


def _subjects(entry: StoredEntry) -> _Subjects:
    return frozenset({entry.actor_id or "", entry.target_id or ""})


def _removal(entry: StoredEntry) -> Removal | None:
    kind = _ACTIONS.get(entry.action)
    if kind is None or entry.result != "success" or entry.body is None:
        return None
    if hashlib.sha256(entry.body).digest() != entry.body_sha256:
        return None
    count = _change(entry.body).get(_COUNTERS[kind])
    if not isinstance(count, int) or entry.target_id is None:
        return None
    return Removal(kind, entry.target_id, count, entry.stream, entry.aseq, entry.id, entry.time)


def _change(body: bytes) -> Json:
    try:
        change = orjson.loads(body).get("change")
    except (orjson.JSONDecodeError, AttributeError):
        return {}
    return change if isinstance(change, dict) else {}


def _month(micros: int) -> str:
    try:
        return from_micros(micros).strftime("%Y-%m")
    except (OverflowError, ValueError):
        return ""


def _more(removal: Removal, gone: int, counted: int) -> Finding:
    is_erasure = removal.kind is RemovalKind.ERASURE
    code = Code.DISCLOSURE_MISSING if is_erasure else Code.BODY_MISSING
    what = _COUNTERS[removal.kind]
    return _at(removal, code, f"{gone} {what} are gone that entries could account for, and they account for {counted}.")


def _at(removal: Removal, code: Code, message: str) -> Finding:
    return Finding(code, message, removal.stream, removal.aseq, removal.entry_id)
