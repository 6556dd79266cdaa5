"""Looks at the entries of one stretch of a stream, each by itself and after the one before it.

What a stretch cannot decide alone, because it takes what came before, it hands on: `app.audit.verify` joins stretches.
"""

import hashlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from app.audit import entry as entries
from app.audit.batches import RecordedBatch, recorded_batch
from app.audit.canonical import canonical_object
from app.audit.known import Episode, Key
from app.audit.removals import Removals, Removed
from app.audit.replay import Counted, Limited, Stretched
from app.audit.states import Json, JsonValue
from app.audit.stored import Beside, Code, Entries, Finding, Findings, StoredEntry, Stretch, owner
from app.clock import from_micros, to_text

_COLUMNS = (
    "id", "account", "stream", "time", "actor.type", "actor.id", "action", "outcome.result", "outcome.code",
    "target.type", "target.id",
)  # fmt: skip
_NOTHING: Json = {}
# Between the alphabets of base64 and of base64url (RFC 4648 5).
_STANDARD, _URL_SAFE = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")


@dataclass(slots=True)
class Examined:
    """What a stretch holds. `first` is its first entry, without what lies beside it; None where the stretch is empty.

    `aseq` and `hash` are the last entry's, from which the next stretch must go on.
    """

    stretch: Stretch
    entries: int
    first: StoredEntry | None
    aseq: int
    hash: bytes
    findings: Findings
    episodes: Mapping[Key, Episode]
    counted: Sequence[Counted | Limited]
    batches: Sequence[RecordedBatch]
    removed: Removed


async def examine(source: Entries, stretch: Stretch) -> Examined:
    """Look at every entry of a stretch. Raises what the source raises."""
    examination = Examination(await source.beside(stretch.account_id))
    async for some in source.entries(stretch):
        for entry in some:
            examination.take(entry)
    return examination.of(stretch)


@dataclass(slots=True)
class Examination:
    """Takes the entries of a stretch, one after another."""

    beside: Beside
    findings: Findings = field(default_factory=Findings)
    _replayed: Stretched = field(init=False)
    _removals: Removals = field(init=False)
    _batches: list[RecordedBatch] = field(default_factory=list)
    _first: StoredEntry | None = None
    _last: StoredEntry | None = None
    _entries: int = 0

    def __post_init__(self) -> None:
        self._replayed = Stretched(self.findings.add, self.beside.kept_bytes)
        self._removals = Removals(self.beside.removals)

    def take(self, entry: StoredEntry) -> None:
        """Go on by one entry."""
        last = self._last
        if last is None:
            self._first = entry._replace(body=None, disclosures={})
        else:
            # Go on from what is stored, so that one change is one finding and not one for each entry after it.
            self._note(misplaced(entry, last.aseq, last.hash))
        self._last = entry
        self._entries += 1
        self._note(_hash_of(entry))
        if entry.body is None and self._removals.account_for_body(entry):
            self._replayed.skip(entry)
            return
        body, problem = _read(entry)
        if body is None:
            self._note(problem)
            return
        self._note(_differing_columns(entry, body))
        self._replayed.take(entry, body, self._disclosed(entry, body))
        if (batch := recorded_batch(entry, body)) is not None:
            self._batches.append(batch)

    def of(self, stretch: Stretch) -> Examined:
        """What was found, of the stretch whose entries were taken."""
        last = self._last
        aseq, digest = (0, entries.GENESIS) if last is None else (last.aseq, last.hash)
        return Examined(
            stretch,
            self._entries,
            self._first,
            aseq,
            digest,
            self.findings,
            self._replayed.episodes,
            self._replayed.counted,
            self._batches,
            self._removals.removed,
        )

    def _note(self, finding: Finding | None) -> None:
        if finding is not None:
            self.findings.add(finding)

    def _disclosed(self, entry: StoredEntry, body: Json) -> Mapping[str, str]:
        """The personal data about the state that the entry discloses, once every disclosure of it was looked at."""
        listed = _listed(body.get("_sd"))
        missing = {*map(str, listed)}
        actor, target = _inside(body.get("actor")).get("id") or "", _inside(body.get("target")).get("id") or ""
        about: dict[str, str] = {}
        for subject, joined in entry.disclosures.items():
            for disclosure in joined.encode().split(b"~"):
                digest, (name, value) = _digest(disclosure), _claim(disclosure)
                whose = actor
                if name.startswith("change."):
                    about[name], whose = value, target
                if digest not in missing:
                    self._note(_unknown(entry))
                elif subject != whose:
                    self._note(_misfiled(entry, name))
                missing.discard(digest)
        if missing and not self._removals.account_for_disclosures(entry, len(missing)):
            self._note(_undisclosed(entry, len(missing), of=len(listed)))
        return about


def misplaced(entry: StoredEntry, aseq: int, last: bytes) -> Finding | None:
    """What is wrong with where an entry stands: after the one of this number and of this hash."""
    if entry.aseq != aseq + 1:
        message = f"After entry {aseq} comes entry {entry.aseq}: entries are missing or were moved."
        return Finding.at(Code.ASEQ_GAP, entry, message)
    if entry.prev != last:
        return Finding.at(Code.PREV_MISMATCH, entry, "The entry does not name the hash of the entry before it.")
    return None


def _hash_of(entry: StoredEntry) -> Finding | None:
    if entries.entry_hash(entry.stream, entry.aseq, entry.prev, entry.body_sha256) == entry.hash:
        return None
    message = "The hash is not that of the entry's stream, number, predecessor and body."
    return Finding.at(Code.ENTRY_HASH_MISMATCH, entry, message)


def _read(entry: StoredEntry) -> tuple[Json | None, Finding | None]:
    """The body, if its bytes are what the chain names and can be read; else what is wrong."""
    if entry.body is None:
        return None, Finding.at(Code.BODY_MISSING, entry, "The body is gone.")
    if hashlib.sha256(entry.body).digest() != entry.body_sha256:
        return None, Finding.at(Code.BODY_HASH_MISMATCH, entry, "The body is not the one that was hashed.")
    body = canonical_object(entry.body)
    if body is None:
        return None, Finding.at(Code.BODY_NOT_CANONICAL, entry, "The body is not canonical JSON (RFC 8785).")
    if body.get("v") != entries.FORMAT:
        message = f"The body has the format {body.get('v')!r}; this program knows {entries.FORMAT}."
        return None, Finding.at(Code.BODY_FORMAT_UNKNOWN, entry, message)
    return body, None


def _differing_columns(entry: StoredEntry, body: Json) -> Finding | None:
    account, actor = body.get("account"), _inside(body.get("actor"))
    outcome, target = _inside(body.get("outcome")), _inside(body.get("target"))
    said = (
        body.get("id"), account, account, body.get("time"), actor.get("type"), actor.get("id"), body.get("action"),
        outcome.get("result"), outcome.get("code"), target.get("type"), target.get("id"),
    )  # fmt: skip
    columns = (
        entry.id, entry.account_id, owner(entry.stream), _instant(entry.time), entry.actor_type, entry.actor_id,
        entry.action, entry.result, entry.code, entry.target_type, entry.target_id,
    )  # fmt: skip
    if columns == said:
        return None
    differing = [name for name, one, other in zip(_COLUMNS, columns, said, strict=True) if one != other]
    message = f"The columns that searches use are not what the body says: {', '.join(differing)}."
    return Finding.at(Code.BODY_FIELDS_DIFFER, entry, message)


def _unknown(entry: StoredEntry) -> Finding:
    return Finding.at(Code.DISCLOSURE_UNKNOWN, entry, "A disclosure is not one that the body holds the digest of.")


def _misfiled(entry: StoredEntry, name: str) -> Finding:
    message = f"The disclosure of {name} is filed under somebody else."
    return Finding.at(Code.DISCLOSURE_SUBJECT_DIFFERS, entry, message)


def _undisclosed(entry: StoredEntry, missing: int, *, of: int) -> Finding:
    message = f"{missing} of {of} disclosures are gone, and no entry says that they were erased."
    return Finding.at(Code.DISCLOSURE_MISSING, entry, message)


def _digest(disclosure: bytes) -> str:
    """As it stands in `_sd` (RFC 9901 4.2.3); a disclosure is written in ASCII, and nothing else has a digest."""
    if not disclosure.isascii():
        return ""
    return b2a_base64(hashlib.sha256(disclosure).digest(), newline=False).translate(_URL_SAFE, b"=").decode()


def _claim(disclosure: bytes) -> tuple[str, str]:
    """The name and the value of a disclosure; empty if it is none."""
    try:
        salt, name, value = orjson.loads(a2b_base64(disclosure.translate(_STANDARD) + b"=="))
    except (ValueError, TypeError):
        return "", ""
    if isinstance(name, str) and isinstance(value, str) and isinstance(salt, str):
        return name, value
    return "", ""


def _inside(part: JsonValue) -> Json:
    return part if isinstance(part, dict) else _NOTHING


def _listed(part: JsonValue) -> Sequence[JsonValue]:
    return part if isinstance(part, list) else ()


def _instant(micros: int) -> object:
    try:
        return to_text(from_micros(micros))
    except OverflowError:
        # Past the year 9999, where nothing that a body can say is equal to it.
        return ...
