"""Rebuilds the state from the log, and compares it with the state that is there.

A stream is replayed stretch by stretch, which can be done in any order and apart from each other, and the stretches are
then joined in the order of the log: what one says an object was before is held against what the one before it left.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from app.audit.events import CERTIFICATE_MADE, CERTIFICATE_NOTED
from app.audit.states import Json, JsonValue
from app.audit.stored import Code, Finding, StoredEntry, StoredState

Key = tuple[str | None, str | None]
"""The type and the id of an object."""

_ABSENT: Final = object()
_NOTHING: Final[Mapping[str, str]] = {}
_ARCHIVED: Final[Json] = {"archived": True}
"""What an object was before or after an entry whose body is archived: no object of ours is like that."""

_TYPES: Final = frozenset({"account", "certificate", "api_key", "user", "device"})


class Place(NamedTuple):
    """An entry, as a finding names it."""

    stream: str
    aseq: int
    entry_id: str


class Known(NamedTuple):
    """What the log says last of an object, in the entry at this place.

    `changed_by` is the entry that made the state what it is; None where a stretch does not tell, because all its
    entries leave the object as the first of them left it. `state` is None once the object is deleted. `earlier` is
    what the log told last, where the entry at this place is archived.
    """

    place: Place
    changed_by: str | None
    state: Json | None
    personal: Mapping[str, str]
    earlier: "Known | None" = None

    @property
    def told(self) -> "Known | None":
        """What a body says last, however many that are archived come after it."""
        return self.earlier if self.state == _ARCHIVED else self


class Counted(NamedTuple):
    """A certificate came or went."""

    difference: int
    deleted: bool


class Limited(NamedTuple):
    """An account was changed, and its limit looked at anew; None if the log names none."""

    limit: int | None


@dataclass(slots=True)
class Episode:
    """What a stretch says of one object: as what its first entry found it, and as what its last one left it."""

    place: Place
    before: Json | None
    personal: Mapping[str, str]
    last: Known


@dataclass(slots=True)
class Stretched:
    """Replays one stretch of a stream, by itself. It grows with the stretch, not with the log."""

    report: Callable[[Finding], None]
    kept_bytes: Collection[str]
    episodes: dict[Key, Episode] = field(default_factory=dict)
    counted: list[Counted | Limited] = field(default_factory=list)

    def take(self, entry: StoredEntry, body: Json, disclosed: Mapping[str, str]) -> None:
        """Go on by one entry, whose body is intact."""
        change = body.get("change")
        if entry.result != "success" or not isinstance(change, dict) or "before" not in change or "after" not in change:
            return
        before, after = _state(change["before"]), _state(change["after"])
        self._require_bytes(entry, after)
        self._count(entry, before, after)
        self._step(entry, before, after, disclosed)

    def skip(self, entry: StoredEntry) -> None:
        """Go on by one entry whose body is archived, as that of no last change is and of none of an account."""
        is_done = entry.result == "success" and entry.code is None
        if not is_done or entry.target_type not in _TYPES or entry.action == CERTIFICATE_NOTED:
            return
        is_deleted = entry.action == f"{entry.target_type}.delete"
        if is_deleted or entry.action in CERTIFICATE_MADE:
            self.counted.append(Counted(-1 if is_deleted else 1, is_deleted))
        self._step(entry, _ARCHIVED, None if is_deleted else _ARCHIVED, _NOTHING)

    def _step(self, entry: StoredEntry, before: Json | None, after: Json | None, disclosed: Mapping[str, str]) -> None:
        place, key = Place(entry.stream, entry.aseq, entry.id), (entry.target_type, entry.target_id)
        found, personal = _about(disclosed, "change.before."), _about(disclosed, "change.after.")
        episode = self.episodes.get(key)
        if episode is None:
            self.episodes[key] = Episode(place, before, found, Known(place, None, after, personal))
            return
        last = episode.last
        _require_continuity(self.report, place, key, last, before, found)
        if after == _ARCHIVED:
            episode.last = Known(place, None, after, personal, last.told)
            return
        changed_by = entry.id if _is_change(last, before, after) else last.told and last.told.changed_by
        episode.last = Known(place, changed_by, after, personal)

    def _require_bytes(self, entry: StoredEntry, after: Json | None) -> None:
        chain = None if after is None else after.get("chain")
        if not isinstance(chain, list):
            return
        missing = [sha256 for sha256 in chain if sha256 not in self.kept_bytes]
        if missing:
            message = f"The certificates of this chain are not kept: {', '.join(str(one) for one in missing)}."
            self.report(Finding.at(Code.CHAIN_BYTES_MISSING, entry, message))

    def _count(self, entry: StoredEntry, before: Json | None, after: Json | None) -> None:
        if entry.target_type == "certificate" and (before is None or after is None):
            self.counted.append(Counted((before is None) - (after is None), after is None))
        elif entry.target_type == "account" and before is not None and after is not None:
            limit = after.get("certificate_limit")
            self.counted.append(Limited(limit if isinstance(limit, int) else None))


@dataclass(slots=True)
class Replay:
    """Joins the stretches of one account after another: memory follows what is there now, not how long the log is."""

    report: Callable[[Finding], None]
    objects: int = 0
    _known: dict[Key, Known] = field(default_factory=dict)
    _present: dict[Key, StoredState] = field(default_factory=dict)
    _used: int = 0
    _kept: int = 0

    def accounts(self) -> list[str]:
        """The accounts that the log has spoken of so far."""
        return [known_id for kind, known_id in self._known if kind == "account" and known_id is not None]

    def open(self, present: list[StoredState]) -> None:
        """Begin with an account: what is there now."""
        self._present = {(state.type, state.id): state for state in present}
        self._used = self._kept = 0

    def join(self, episodes: Mapping[Key, Episode], counted: Collection[Counted | Limited]) -> None:
        """Go on by the next stretch of a stream."""
        for key, episode in episodes.items():
            self._join(key, episode)
        for one in counted:
            self._count(one)

    def close(self, account_id: str) -> None:
        """End with the account: compare what is there with what the log says of it."""
        self.objects += len(self._present)
        for key, state in self._present.items():
            known = self._known.pop(key, None)
            if known is not None and known.told is not None and known.told.changed_by == state.entry_id:
                known = known.told  # what came after it, and is archived, was no change
            if known is None or known.state is None:
                self._report_unrecorded(state, known)
                continue
            self._compare(state, known, known.state)
            if state.type == "account":
                self._compare_counters(state, known)
        self._require_present(account_id)
        self._present = {}

    def _join(self, key: Key, episode: Episode) -> None:
        last, known = self._known.get(key), episode.last
        _require_continuity(self.report, episode.place, key, last, episode.before, episode.personal)
        if known.state is None and key not in self._present:
            # Gone in the log and gone from the tables: its id never comes back, so it can be forgotten.
            self._known.pop(key, None)
            return
        self._known[key] = _settled(known, episode, last)

    def _count(self, one: Counted | Limited) -> None:
        if isinstance(one, Limited):
            self._kept = self._used if one.limit is not None and self._used > one.limit else 0
            return
        self._used += one.difference
        if one.deleted:
            self._kept = min(self._kept, self._used)

    def _require_present(self, account_id: str) -> None:
        # An account's entries lie in streams of its own; of what is known now only other accounts are not its.
        for key in [key for key in self._known if key[0] != "account" or key[1] == account_id]:
            known = self._known.pop(key)
            if known.state is not None:
                message = f"The log says that this {key[0]} is there, and it is not."
                self.report(_finding(Code.STATE_MISSING, known.place, key, message))

    def _report_unrecorded(self, state: StoredState, known: Known | None) -> None:
        if known is None:
            message = f"This {state.type} is there, and no entry of the log made it."
            self.report(Finding(Code.STATE_UNRECORDED, message, target_type=state.type, target_id=state.id))
            return
        message = f"This {state.type} is there, and the log says that it was deleted."
        self.report(_finding(Code.STATE_UNRECORDED, known.place, (state.type, state.id), message))

    def _compare(self, state: StoredState, known: Known, recorded: Json) -> None:
        key = (state.type, state.id)
        if recorded == _ARCHIVED:
            message = f"The row names {state.entry_id} as the entry of its last change, and that one is archived."
            self.report(_finding(Code.STATE_ENTRY_DIFFERS, known.place, key, message))
            return
        differing = [*_differing(recorded, state.public), *_differing_personal(known.personal, state.personal)]
        if differing:
            message = f"This {state.type} is not as the log left it: {', '.join(differing)}."
            self.report(_finding(Code.STATE_DIFFERS, known.place, key, message))
        if state.entry_id != known.changed_by:
            message = f"The row names {state.entry_id} as the entry of its last change; it is {known.changed_by}."
            self.report(_finding(Code.STATE_ENTRY_DIFFERS, known.place, key, message))

    def _compare_counters(self, state: StoredState, known: Known) -> None:
        if (state.used, state.kept) != (self._used, self._kept):
            message = (
                f"The account counts {state.used} certificates, {state.kept} of them kept past a lowered limit;"
                f" the log makes it {self._used} and {self._kept}."
            )
            self.report(_finding(Code.QUOTA_COUNT_DIFFERS, known.place, (state.type, state.id), message))


def _require_continuity(
    report: Callable[[Finding], None],
    place: Place,
    key: Key,
    last: Known | None,
    before: Json | None,
    personal: Mapping[str, str],
) -> None:
    expected = None if last is None else last.state
    if _ARCHIVED in (before, expected):
        return
    differing = [] if expected == before else list(_differing(expected, before))
    if last is not None and not differing:
        differing = _differing_personal(last.personal, personal)
    if differing:
        # A change behind the log's back shows here even when a later, recorded change has covered it.
        message = f"Before this entry the {key[0]} was not as the log left it: {', '.join(differing)}."
        report(_finding(Code.CHANGE_UNRECORDED, place, key, message))


def _is_change(last: Known, before: Json | None, after: Json | None) -> bool:
    return (before if last.state == _ARCHIVED else last.state) != after


def _settled(known: Known, episode: Episode, last: Known | None) -> Known:
    """What a stretch says last of an object, once it is known what the log said before it."""
    told = None if last is None else last.told
    if known.state == _ARCHIVED:
        return known._replace(earlier=told if known.earlier is None else _settled(known.earlier, episode, last))
    if known.changed_by is not None:
        return known
    is_as_before = episode.before == _ARCHIVED or (
        last is not None and not _is_change(last, episode.before, known.state)
    )
    return known._replace(changed_by=told.changed_by if told and is_as_before else episode.place.entry_id)


def _state(value: JsonValue) -> Json | None:
    return value if isinstance(value, dict) else None


def _about(disclosed: Mapping[str, str], prefix: str) -> Mapping[str, str]:
    if not disclosed:
        return _NOTHING
    return {name.removeprefix(prefix): value for name, value in disclosed.items() if name.startswith(prefix)}


def _differing(one: Json | None, other: Json | None) -> Iterator[str]:
    if one is None or other is None:
        if one is not other:
            yield "whether it is there"
        return
    for name in sorted(one.keys() | other.keys()):
        if one.get(name, _ABSENT) != other.get(name, _ABSENT):
            yield name


def _differing_personal(recorded: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    # What is no longer disclosed was erased or withheld: it cannot be compared, and its absence has a finding.
    return sorted(name for name, value in recorded.items() if name in there and there[name] != value)


def _finding(code: Code, place: Place, key: Key, message: str) -> Finding:
    return Finding(code, message, *place, *key)
