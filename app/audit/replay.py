"""Rebuilds the state from the log, entry by entry, and compares it with the state that is there."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from app.audit.states import Json, JsonValue
from app.audit.stored import Code, Finding, StoredEntry, StoredState

_Key = tuple[str, str]
_ABSENT: Final = object()
_TYPES: Final = frozenset({"account", "certificate", "api_key", "user"})
_COUNTED: Final = ("upload", "delete")
"""The acts that an account's certificates are counted by."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the log says last of an object: in the entry at this place, after the change that `changed_by` recorded.

    `state` is None once the object is deleted.
    """

    stream: str
    aseq: int
    entry_id: str
    changed_by: str
    state: Json | None
    personal: Mapping[str, str]
    stale: bool = False
    """A later entry is archived, which may have said something else."""


@dataclass(slots=True)
class Replay:
    """Takes the entries of one account after another: memory follows what is there now, not how long the log is."""

    report: Callable[[Finding], None]
    objects: int = 0
    _known: dict[_Key, _Known] = field(default_factory=dict)
    _archived: dict[_Key, StoredEntry] = field(default_factory=dict)
    _present: dict[_Key, StoredState] = field(default_factory=dict)
    _kept_bytes: set[str] = field(default_factory=set)
    _used: int = 0
    _kept: int = 0

    def accounts(self) -> list[str]:
        """The accounts that the log has spoken of so far."""
        return [known_id for kind, known_id in self._known if kind == "account"]

    def open(self, present: list[StoredState], kept_bytes: set[str]) -> None:
        """Begin with an account: what is there now, and the fingerprints (hexadecimal) of the certificates it keeps."""
        self._present = {(state.type, state.id): state for state in present}
        self._kept_bytes = kept_bytes
        self._used = self._kept = 0

    def take(self, entry: StoredEntry, body: Json, disclosed: Mapping[str, str]) -> None:
        """Go on by one entry, whose body is intact."""
        change = body.get("change")
        if entry.result != "success" or not isinstance(change, dict) or not {"before", "after"} <= set(change):
            return
        before, after = _state(change["before"]), _state(change["after"])
        key = (str(entry.target_type), str(entry.target_id))
        # What an archived entry left stands in its archive alone.
        if self._archived.pop(key, None) is None:
            self._require_continuity(entry, key, before, _about(disclosed, "change.before."))
        self._require_bytes(entry, after)
        self._count(entry, before, after)
        if after is None and key not in self._present:
            # Gone in the log and gone from the tables: its id never comes back, so it can be forgotten.
            self._known.pop(key, None)
            return
        last = self._known.get(key)
        unchanged = last is not None and (before if last.stale else last.state) == after
        self._known[key] = _Known(
            entry.stream,
            entry.aseq,
            entry.id,
            last.changed_by if last is not None and unchanged else entry.id,
            after,
            _about(disclosed, "change.after."),
        )

    def skip(self, entry: StoredEntry) -> None:
        """Go on by one entry whose body is archived: its columns say what it was about, and not what became of it.

        The body of an object's last change is never archived, so the state can still be compared.
        """
        if entry.result != "success" or entry.code is not None or entry.target_type not in _TYPES:
            return
        key = (entry.target_type, str(entry.target_id))
        is_made, is_deleted = (entry.action == f"{entry.target_type}.{act}" for act in _COUNTED)
        if entry.target_type == "certificate":
            self._used += is_made - is_deleted
            self._kept = min(self._kept, self._used) if is_deleted else self._kept
        known = self._known.pop(key, None)
        if is_deleted:
            self._archived.pop(key, None)
            return
        self._archived[key] = entry
        if known is not None:
            self._known[key] = replace(known, stale=True)

    def close(self, account_id: str) -> None:
        """End with the account: compare what is there with what the log says of it."""
        self.objects += len(self._present)
        for key, state in self._present.items():
            known = self._known.pop(key, None)
            if known is None or known.state is None:
                self._report_unrecorded(state, known)
                continue
            self._compare(state, known, known.state)
            if state.type == "account":
                self._compare_counters(state, known)
        self._require_present(account_id)
        self._present = {}

    def _require_present(self, account_id: str) -> None:
        # An account's entries lie in streams of its own; of what is known now only other accounts are not its.
        for key in [key for key in self._known if key[0] != "account" or key[1] == account_id]:
            known = self._known.pop(key)
            if known.state is not None:
                message = f"The log says that this {key[0]} is there, and it is not."
                self.report(_finding(Code.STATE_MISSING, known, key, message))
            self._archived.pop(key, None)
        for key, entry in self._archived.items():
            if key not in self._present:
                message = f"The log says that this {key[0]} was there, not that it was deleted, and it is gone."
                self.report(Finding.at(Code.STATE_MISSING, entry, message))
        self._archived.clear()

    def _require_continuity(
        self, entry: StoredEntry, key: _Key, before: Json | None, personal: Mapping[str, str]
    ) -> None:
        last = self._known.get(key)
        expected = None if last is None else last.state
        differing = list(_differing(expected, before))
        if last is not None and not differing:
            differing = _differing_personal(last.personal, personal)
        if differing:
            # A change behind the log's back shows here even when a later, recorded change has covered it.
            self.report(
                Finding.at(
                    Code.CHANGE_UNRECORDED,
                    entry,
                    f"Before this entry the {key[0]} was not as the log left it: {', '.join(differing)}.",
                )
            )

    def _require_bytes(self, entry: StoredEntry, after: Json | None) -> None:
        chain = None if after is None else after.get("chain")
        if not isinstance(chain, list):
            return
        missing = [sha256 for sha256 in chain if sha256 not in self._kept_bytes]
        if missing:
            message = f"The certificates of this chain are not kept: {', '.join(str(one) for one in missing)}."
            self.report(Finding.at(Code.CHAIN_BYTES_MISSING, entry, message))

    def _count(self, entry: StoredEntry, before: Json | None, after: Json | None) -> None:
        if entry.target_type == "certificate":
            self._used += (before is None) - (after is None)
            self._kept = min(self._kept, self._used) if after is None else self._kept
        if entry.target_type == "account" and before is not None and after is not None:
            limit = after.get("certificate_limit")
            self._kept = self._used if isinstance(limit, int) and self._used > limit else 0

    def _report_unrecorded(self, state: StoredState, known: _Known | None) -> None:
        if known is None:
            message = f"This {state.type} is there, and no entry of the log made it."
            self.report(Finding(Code.STATE_UNRECORDED, message, target_type=state.type, target_id=state.id))
            return
        message = f"This {state.type} is there, and the log says that it was deleted."
        self.report(_finding(Code.STATE_UNRECORDED, known, (state.type, state.id), message))

    def _compare(self, state: StoredState, known: _Known, recorded: Json) -> None:
        key = (state.type, state.id)
        differing = [*_differing(recorded, state.public), *_differing_personal(known.personal, state.personal)]
        if differing:
            message = f"This {state.type} is not as the log left it: {', '.join(differing)}."
            self.report(_finding(Code.STATE_DIFFERS, known, key, message))
        if state.entry_id != known.changed_by:
            message = f"The row names {state.entry_id} as the entry of its last change; it is {known.changed_by}."
            self.report(_finding(Code.STATE_ENTRY_DIFFERS, known, key, message))

    def _compare_counters(self, state: StoredState, known: _Known) -> None:
        if (state.used, state.kept) != (self._used, self._kept):
            message = (
                f"The account counts {state.used} certificates, {state.kept} of them kept past a lowered limit;"
                f" the log makes it {self._used} and {self._kept}."
            )
            self.report(_finding(Code.QUOTA_COUNT_DIFFERS, known, (state.type, state.id), message))


def _state(value: JsonValue) -> Json | None:
    return value if isinstance(value, dict) else None


def _about(disclosed: Mapping[str, str], prefix: str) -> dict[str, str]:
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


def _finding(code: Code, known: _Known, key: _Key, message: str) -> Finding:
    return Finding(code, message, known.stream, known.aseq, known.entry_id, *key)
