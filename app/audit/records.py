"""Entries as people and their spreadsheets read them: lines of JSON and of CSV."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from app.audit.disclosed import disclosed
from app.audit.states import Json, JsonValue
from app.audit.stored import StoredEntry
from app.clock import from_micros, to_text


@dataclass(frozen=True, slots=True)
class Change:
    """One field before and after, as text; None where there was no object."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An entry as it is shown. `actor_name` is None once it was erased; `hash` is hexadecimal."""

    id: str
    sequence: int
    occurred_at: datetime
    action: str
    outcome: str
    code: str | None = None
    actor_kind: str
    actor_id: str | None = None
    actor_name: str | None = None
    target_type: str | None = None
    target_id: str | None = None
    target_name: str | None = None
    reason: str | None = None
    request_id: str | None = None
    hash: str
    changes: tuple[Change, ...] = field(default=())

    @property
    def actor(self) -> str:
        """Whoever acted, in one word: the name, else the id, else the kind."""
        return self.actor_name or self.actor_id or self.actor_kind


COLUMNS = (
    "sequence", "occurredAt", "action", "outcome", "code", "actorKind", "actorName", "actorId", "targetType",
    "targetName", "targetId", "reason", "changes", "requestId", "id", "hash",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def record_of(entry: StoredEntry) -> Record:
    """What an entry's bytes say; what stood in the body is left out where the body was archived."""
    body: Json = orjson.loads(entry.body) if entry.body else {}
    digests = body.get("_sd")
    claims = disclosed(entry.disclosures.values(), [str(one) for one in digests] if isinstance(digests, list) else ())
    return Record(
        id=entry.id,
        sequence=entry.aseq,
        occurred_at=from_micros(entry.time),
        action=entry.action,
        outcome=entry.result,
        code=entry.code,
        actor_kind=entry.actor_type,
        actor_id=entry.actor_id,
        actor_name=claims.get("actor.name"),
        target_type=entry.target_type,
        target_id=entry.target_id,
        target_name=_text(_part(body, "target").get("name")),
        reason=_text(body.get("reason")),
        request_id=_text(_part(body, "request").get("id")),
        hash=entry.hash.hex(),
        changes=_changes(_part(body, "change")),
    )


def csv_header() -> str:
    """The first line of a CSV file."""
    return _csv_line(COLUMNS)


def csv_line(record: Record) -> str:
    """A record as a line of CSV (RFC 4180), safe to open with a spreadsheet."""
    shown = as_json(record)
    shown["changes"] = "; ".join(_in_words(change) for change in record.changes)
    return _csv_line([neutral("" if shown[name] is None else str(shown[name])) for name in COLUMNS])


def neutral(text: str) -> str:
    """The text with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def json_line(record: Record) -> str:
    """A record as a line of JSON."""
    return f"{orjson.dumps(as_json(record)).decode()}\n"


def as_json(record: Record) -> Json:
    """A record for programs."""
    return {
        "sequence": record.sequence,
        "occurredAt": to_text(record.occurred_at),
        "action": record.action,
        "outcome": record.outcome,
        "code": record.code,
        "actorKind": record.actor_kind,
        "actorName": record.actor_name,
        "actorId": record.actor_id,
        "targetType": record.target_type,
        "targetName": record.target_name,
        "targetId": record.target_id,
        "reason": record.reason,
        "changes": [{"field": one.field, "before": one.before, "after": one.after} for one in record.changes],
        "requestId": record.request_id,
        "id": record.id,
        "hash": record.hash,
    }


def _in_words(change: Change) -> str:
    return f"{change.field}: {_shown(change.before)} → {_shown(change.after)}"


def _shown(value: str | None) -> str:
    return "none" if value is None else value


def _csv_line(cells: list[str] | tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue()


def _changes(change: Mapping[str, JsonValue]) -> tuple[Change, ...]:
    before, after = _part(change, "before"), _part(change, "after")
    return tuple(
        Change(name, _as_text(before.get(name)), _as_text(after.get(name)))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )


def _part(body: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    part = body.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _as_text(value: JsonValue) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
