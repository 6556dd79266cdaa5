"""Rebuilds the state from the log, and compares it with the state that is there.

A stream is replayed stretch by stretch, which can be done in any order and apart from each other, and the stretches are
then joined in the order of the log: what one says an object was before is held against what the one before it left.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from app.audit.events import CERTIFICATE_MADE, CERTIFICATE_NOTED
from app.audit.known import (
    ARCHIVED,
    NOTHING,
    Episode,
    Key,
    Known,
    Place,
    about,
    differing_personal,
    fields_differing,
    finding_at,
    is_change,
    object_of,
    require_continuity,
    settled,
)
from app.audit.states import Json
from app.audit.stored import Code, Finding, StoredEntry, StoredState

_TYPES: Final = frozenset({"account", "certificate", "api_key", "user", "device", "enrollment"})

_ENDS: Final = frozenset({"certificate.delete", "enrollment.release"})
_COUNTED: Final = frozenset({*CERTIFICATE_MADE, "certificate.delete"})


class Counted(NamedTuple):
    """A certificate came or went."""

    difference: int
    deleted: bool


class Limited(NamedTuple):
    """An account was changed, and its limit looked at anew; None if the log names none."""

    limit: int | None


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
        before, after = object_of(change["before"]), object_of(change["after"])
        self._require_bytes(entry, after)
        self._count(entry, before, after)
        self._step(entry, before, after, disclosed)

    def skip(self, entry: StoredEntry) -> None:
        """Go on by one entry whose body is archived, as that of no last change is and of none of an account."""
        is_done = entry.result == "success" and entry.code is None
        if not is_done or entry.target_type not in _TYPES or entry.action == CERTIFICATE_NOTED:
            return
        is_deleted = entry.action in _ENDS
        if entry.action in _COUNTED:
            self.counted.append(Counted(-1 if is_deleted else 1, is_deleted))
        self._step(entry, ARCHIVED, None if is_deleted else ARCHIVED, NOTHING)

    def _step(self, entry: StoredEntry, before: Json | None, after: Json | None, disclosed: Mapping[str, str]) -> None:
        place, key = Place(entry.stream, entry.aseq, entry.id), (entry.target_type, entry.target_id)
        found, personal = about(disclosed, "change.before."), about(disclosed, "change.after.")
        episode = self.episodes.get(key)
        if episode is None:
            self.episodes[key] = Episode(place, before, found, Known(place, None, after, personal))
            return
        last = episode.last
        require_continuity(self.report, place, key, last, before, found)
        if after == ARCHIVED:
            episode.last = Known(place, None, after, personal, last.told)
            return
        changed_by = entry.id if is_change(last, before, after) else last.told and last.told.changed_by
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
            if state.is_ended:
                self._compare_end(state, known)
                continue
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
        is_of_batch = last is None and _is_of_batch(episode.before)
        if not is_of_batch:
            require_continuity(self.report, episode.place, key, last, episode.before, episode.personal)
        if known.state is None and key not in self._present:
            if is_of_batch:
                message = f"The log says that this {key[0]} was ended, and its row does not."
                self.report(finding_at(Code.STATE_DIFFERS, known.place, key, message))
            # Gone in the log and gone from the tables: its id never comes back, so it can be forgotten.
            self._known.pop(key, None)
            return
        self._known[key] = settled(known, episode, last)

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
                self.report(finding_at(Code.STATE_MISSING, known.place, key, message))

    def _report_unrecorded(self, state: StoredState, known: Known | None) -> None:
        if known is None:
            message = f"This {state.type} is there, and no entry of the log made it."
            self.report(Finding(Code.STATE_UNRECORDED, message, target_type=state.type, target_id=state.id))
            return
        message = f"This {state.type} is there, and the log says that it was deleted."
        self.report(finding_at(Code.STATE_UNRECORDED, known.place, (state.type, state.id), message))

    def _compare_end(self, state: StoredState, known: Known | None) -> None:
        if known is None or known.state is not None:
            message = f"This {state.type} was ended by its row, and by no entry of the log."
            self.report(Finding(Code.STATE_UNRECORDED, message, target_type=state.type, target_id=state.id))
        elif known.changed_by != state.entry_id:
            message = f"The row names {state.entry_id} as the entry that ended it; it is {known.changed_by}."
            self.report(finding_at(Code.STATE_ENTRY_DIFFERS, known.place, (state.type, state.id), message))

    def _compare(self, state: StoredState, known: Known, recorded: Json) -> None:
        key = (state.type, state.id)
        if recorded == ARCHIVED:
            message = f"The row names {state.entry_id} as the entry of its last change, and that one is archived."
            self.report(finding_at(Code.STATE_ENTRY_DIFFERS, known.place, key, message))
            return
        differing = [*fields_differing(recorded, state.public), *differing_personal(known.personal, state.personal)]
        if differing:
            message = f"This {state.type} is not as the log left it: {', '.join(differing)}."
            self.report(finding_at(Code.STATE_DIFFERS, known.place, key, message))
        if state.entry_id != known.changed_by:
            message = f"The row names {state.entry_id} as the entry of its last change; it is {known.changed_by}."
            self.report(finding_at(Code.STATE_ENTRY_DIFFERS, known.place, key, message))

    def _compare_counters(self, state: StoredState, known: Known) -> None:
        if (state.used, state.kept) != (self._used, self._kept):
            message = (
                f"The account counts {state.used} certificates, {state.kept} of them kept past a lowered limit;"
                f" the log makes it {self._used} and {self._kept}."
            )
            self.report(finding_at(Code.QUOTA_COUNT_DIFFERS, known.place, (state.type, state.id), message))


def _is_of_batch(before: Json | None) -> bool:
    """Whether what an entry found was made by a batch, whose own entry tells of it by a digest."""
    return before is not None and isinstance(before.get("batch"), str)
