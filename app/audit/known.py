"""What a log says of an object, entry by entry, and how what it said last is held against what comes next."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.audit.states import Json, JsonValue
from app.audit.stored import Code, Finding

Key = tuple[str | None, str | None]
"""The type and the id of an object."""

_ABSENT: Final = object()
NOTHING: Final[Mapping[str, str]] = {}
ARCHIVED: Final[Json] = {"archived": True}
"""What an object was before or after an entry whose body is archived: no object of ours is like that."""


class Place(NamedTuple):
    """An entry, as a finding names it."""

    stream: str
    aseq: int
    entry_id: str


class Known(NamedTuple):
    """What the log says last of an object, in the entry at this place.

    `changed_by` is the entry that made the state what it is; None where a stretch does not tell, because all its
    entries leave the object as the first of them left it. `state` is None once the object is deleted.

    `earlier` is what the log told last, where the entry at this place is archived.
    """

    place: Place
    changed_by: str | None
    state: Json | None
    personal: Mapping[str, str]
    earlier: "Known | None" = None

    @property
    def told(self) -> "Known | None":
        """What a body says last, however many that are archived come after it."""
        return self.earlier if self.state == ARCHIVED else self


@dataclass(slots=True)
class Episode:
    """What a stretch says of one object: as what its first entry found it, and as what its last one left it."""

    place: Place
    before: Json | None
    personal: Mapping[str, str]
    last: Known


def require_continuity(
    report: Callable[[Finding], None],
    place: Place,
    key: Key,
    last: Known | None,
    before: Json | None,
    personal: Mapping[str, str],
) -> None:
    """Report where an entry found an object otherwise than the log had left it."""
    expected = None if last is None else last.state
    if ARCHIVED in (before, expected):
        return
    differing = [] if expected == before else list(fields_differing(expected, before))
    if last is not None and not differing:
        differing = differing_personal(last.personal, personal)
    if differing:
        # A change behind the log's back shows here even when a later, recorded change has covered it.
        message = f"Before this entry the {key[0]} was not as the log left it: {', '.join(differing)}."
        report(finding_at(Code.CHANGE_UNRECORDED, place, key, message))


def is_change(last: Known, before: Json | None, after: Json | None) -> bool:
    """Whether an entry left an object otherwise than it was known before."""
    return (before if last.state == ARCHIVED else last.state) != after


def settled(known: Known, episode: Episode, last: Known | None) -> Known:
    """What a stretch says last of an object, once it is known what the log said before it."""
    told = None if last is None else last.told
    if known.state == ARCHIVED:
        return known._replace(earlier=told if known.earlier is None else settled(known.earlier, episode, last))
    if known.changed_by is not None:
        return known
    is_as_before = episode.before == ARCHIVED or (last is not None and not is_change(last, episode.before, known.state))
    return known._replace(changed_by=told.changed_by if told and is_as_before else episode.place.entry_id)


def object_of(value: JsonValue) -> Json | None:
    """A state in an entry's `change`; None where there was no object."""
    return value if isinstance(value, dict) else None


def about(disclosed: Mapping[str, str], prefix: str) -> Mapping[str, str]:
    """What is disclosed under names that begin so, without that beginning."""
    if not disclosed:
        return NOTHING
    return {name.removeprefix(prefix): value for name, value in disclosed.items() if name.startswith(prefix)}


def fields_differing(one: Json | None, other: Json | None) -> Iterator[str]:
    """The fields in which two states differ."""
    if one is None or other is None:
        if one is not other:
            yield "whether it is there"
        return
    for name in sorted(one.keys() | other.keys()):
        if one.get(name, _ABSENT) != other.get(name, _ABSENT):
            yield name


def differing_personal(recorded: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """The personal fields in which what is there differs from what is still disclosed."""
    # What is no longer disclosed was erased or withheld: it cannot be compared, and its absence has a finding.
    return sorted(name for name, value in recorded.items() if name in there and there[name] != value)


def finding_at(code: Code, place: Place, key: Key, message: str) -> Finding:
    """Something wrong with an object, at an entry about it."""
    return Finding(code, message, *place, *key)
