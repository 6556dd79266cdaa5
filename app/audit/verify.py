"""Checks a log and the state that it accounts for, from their bytes alone.

It shares nothing with what writes the log but the definition of an entry (`entry`) and of what events say (`events`):
it knows no database, no server and no settings. What it cannot see without a checkpoint that was kept elsewhere: that
the newest entries of a stream were cut off together with their effects.
"""

import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson
import rfc8785

from app.audit import entry as entries
from app.audit.removals import Removals
from app.audit.replay import Replay
from app.audit.states import Json, JsonValue
from app.audit.stored import Code, Finding, Findings, Source, StoredEntry, StoredHead, Verification
from app.clock import from_text, to_micros

PROGRESS_EVERY = 500

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""


async def verify(source: Source, progress: Progress = lambda _done, _total: None) -> Verification:
    """Check every stream, then the state of every account against what the log says of it.

    Memory does not grow with the length of the log. Raises what the source raises.
    """
    heads = sorted(await source.heads(), key=lambda head: head.stream)
    removals = Removals(await source.removals())
    check = _Check(source, progress, removals, total=sum(head.aseq for head in heads))
    by_account: dict[str | None, list[StoredHead]] = {}
    for head in heads:
        by_account.setdefault(_owner(head.stream), []).append(head)
    # The installation's own streams first: they hold the openings of accounts.
    for head in by_account.pop(None, []):
        await check.stream(head)
    everyone = by_account.keys() | set(await source.accounts()) | set(check.replay.accounts())
    for account_id in sorted(one for one in everyone if one is not None):
        await check.account(account_id, by_account.get(account_id, []))
    for stray in (*removals.differing(), *await source.strays()):
        check.findings.add(stray)
    progress(check.done, check.total)
    return Verification(
        len(heads),
        check.done,
        check.replay.objects,
        tuple(check.findings.kept),
        dict(check.findings.counts),
        removals.recorded,
    )


@dataclass(slots=True)
class _Check:
    source: Source
    progress: Progress
    removals: Removals
    total: int
    done: int = 0
    findings: Findings = field(default_factory=Findings)
    replay: Replay = field(init=False)

    def __post_init__(self) -> None:
        self.replay = Replay(self.findings.add)

    async def account(self, account_id: str, heads: list[StoredHead]) -> None:
        kept = set()
        async for sha256, der in self.source.certificates(account_id):
            kept.add(sha256.hex())
            if hashlib.sha256(der).digest() != sha256:
                message = f"The bytes kept for certificate {sha256.hex()} of account {account_id} are other bytes."
                self.findings.add(Finding(Code.CHAIN_BYTES_DIFFER, message, None, None, None, "account", account_id))
        self.replay.open([state async for state in self.source.states(account_id)], kept)
        for head in heads:
            await self.stream(head)
        self.replay.close(account_id)

    async def stream(self, head: StoredHead) -> None:
        aseq, last = 0, entries.GENESIS
        async for entry in self.source.entries(head.stream):
            for finding in _misplaced(entry, aseq, last):
                self.findings.add(finding)
            # Go on from what is stored, so that one change is one finding and not one for each entry after it.
            aseq, last = entry.aseq, entry.hash
            self._look_into(entry)
            self.done += 1
            if self.done % PROGRESS_EVERY == 0:
                self.progress(self.done, self.total)
        if (head.aseq, head.hash, head.account_id) != (aseq, last, _owner(head.stream)):
            message = f"The stream's row says that entry {head.aseq} is its last; its last entry is {aseq}."
            self.findings.add(Finding(Code.HEAD_MISMATCH, message, head.stream, aseq))

    def _look_into(self, entry: StoredEntry) -> None:
        if entry.body is None and self.removals.account_for_body(entry):
            self.replay.skip(entry)
            return
        body, problem = _read(entry)
        if body is None:
            if problem is not None:
                self.findings.add(problem)
            return
        for finding in (*_differing_columns(entry, body), *_disclosures(entry, body, self.removals)):
            self.findings.add(finding)
        self.replay.take(entry, body, dict(_disclosed(entry)))


def _owner(stream: str) -> str | None:
    name = stream.rpartition("/")[0]
    return None if name == "sys" else name


def _misplaced(entry: StoredEntry, aseq: int, last: bytes) -> Iterator[Finding]:
    if entry.aseq != aseq + 1:
        message = f"After entry {aseq} comes entry {entry.aseq}: entries are missing or were moved."
        yield Finding.at(Code.ASEQ_GAP, entry, message)
    elif entry.prev != last:
        yield Finding.at(Code.PREV_MISMATCH, entry, "The entry does not name the hash of the entry before it.")
    if entries.entry_hash(entry.stream, entry.aseq, entry.prev, entry.body_sha256) != entry.hash:
        message = "The hash is not that of the entry's stream, number, predecessor and body."
        yield Finding.at(Code.ENTRY_HASH_MISMATCH, entry, message)


def _read(entry: StoredEntry) -> tuple[Json | None, Finding | None]:
    """The body, if its bytes are what the chain names and can be read; else what is wrong."""
    if entry.body is None:
        return None, Finding.at(Code.BODY_MISSING, entry, "The body is gone.")
    if hashlib.sha256(entry.body).digest() != entry.body_sha256:
        return None, Finding.at(Code.BODY_HASH_MISMATCH, entry, "The body is not the one that was hashed.")
    try:
        body = orjson.loads(entry.body)
        canonical = isinstance(body, dict) and rfc8785.dumps(body) == entry.body
    except (orjson.JSONDecodeError, rfc8785.CanonicalizationError):
        canonical = False
    if not canonical:
        return None, Finding.at(Code.BODY_NOT_CANONICAL, entry, "The body is not canonical JSON (RFC 8785).")
    if body.get("v") != entries.FORMAT:
        message = f"The body has the format {body.get('v')!r}; this program knows {entries.FORMAT}."
        return None, Finding.at(Code.BODY_FORMAT_UNKNOWN, entry, message)
    return body, None


def _differing_columns(entry: StoredEntry, body: Json) -> Iterator[Finding]:
    told: dict[str, tuple[object, object]] = {
        "id": (entry.id, body.get("id")),
        "account": (entry.account_id, body.get("account")),
        "stream": (_owner(entry.stream), body.get("account")),
        "time": (entry.time, _micros(body.get("time"))),
        "actor.type": (entry.actor_type, _inner(body, "actor", "type")),
        "actor.id": (entry.actor_id, _inner(body, "actor", "id")),
        "action": (entry.action, body.get("action")),
        "outcome.result": (entry.result, _inner(body, "outcome", "result")),
        "outcome.code": (entry.code, _inner(body, "outcome", "code")),
        "target.type": (entry.target_type, _inner(body, "target", "type")),
        "target.id": (entry.target_id, _inner(body, "target", "id")),
    }
    differing = [name for name, (column, said) in told.items() if column != said]
    if differing:
        message = f"The columns that searches use are not what the body says: {', '.join(differing)}."
        yield Finding.at(Code.BODY_FIELDS_DIFFER, entry, message)


def _disclosures(entry: StoredEntry, body: Json, removals: Removals) -> Iterator[Finding]:
    listed = body.get("_sd")
    expected = {str(one) for one in listed} if isinstance(listed, list) else set()
    found: set[str] = set()
    for subject, disclosure in _each(entry):
        digest = _digest(disclosure)
        name, _ = _claim(disclosure)
        if digest not in expected or digest in found:
            yield Finding.at(
                Code.DISCLOSURE_UNKNOWN, entry, "A disclosure is not one that the body holds the digest of."
            )
        elif subject != (_inner(body, "target" if name.startswith("change.") else "actor", "id") or ""):
            message = f"The disclosure of {name} is filed under somebody else."
            yield Finding.at(Code.DISCLOSURE_SUBJECT_DIFFERS, entry, message)
        found.add(digest)
    if expected - found and not removals.account_for_disclosures(entry, len(expected - found)):
        message = (
            f"{len(expected - found)} of {len(expected)} disclosures are gone, and no entry says that they were erased."
        )
        yield Finding.at(Code.DISCLOSURE_MISSING, entry, message)


def _disclosed(entry: StoredEntry) -> Iterator[tuple[str, str]]:
    for _, disclosure in _each(entry):
        name, value = _claim(disclosure)
        if name:
            yield name, value


def _each(entry: StoredEntry) -> Iterator[tuple[str, str]]:
    for subject, joined in entry.disclosures.items():
        for disclosure in joined.split("~"):
            yield subject, disclosure


def _digest(disclosure: str) -> str:
    return entries.digest(disclosure) if disclosure.isascii() else ""


def _claim(disclosure: str) -> tuple[str, str]:
    """The name and the value of a disclosure; empty if it is none."""
    try:
        salt, name, value = orjson.loads(urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4)))
    except ValueError:
        return "", ""
    return (name, value) if all(isinstance(part, str) for part in (salt, name, value)) else ("", "")


def _inner(body: Json, outer: str, inner: str) -> JsonValue:
    part = body.get(outer)
    return part.get(inner) if isinstance(part, Mapping) else None


def _micros(text: JsonValue) -> int | None:
    try:
        return to_micros(from_text(text)) if isinstance(text, str) else None
    except ValueError:
        return None
