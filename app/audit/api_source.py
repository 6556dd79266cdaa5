"""An entry as the API tells it, and what a report needs of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson

from app.audit.entry import account_stream
from app.audit.records import Change, Record
from app.audit.report import Link

_OUTCOMES = {"SUCCEEDED": "success", "REFUSED": "refused", "FAILED": "failed"}


@dataclass(frozen=True, slots=True)
class ApiEvent:
    """A node of `auditEvents`; `body` is None once it was archived."""

    node: Mapping[str, Any]
    body: Mapping[str, Any] | None

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> Self:
        """As it came."""
        told = node["canonicalJson"]
        return cls(node, None if told is None else orjson.loads(told))

    @property
    def sequence(self) -> int:
        """Its number in the account's log."""
        return int(self.node["sequence"])


def record_of_event(event: ApiEvent) -> Record:
    """What the API says of it; the log's own words where it has the body."""
    node, body = event.node, event.body or {}
    actor = body.get("actor", {})
    return Record(
        id=node["id"],
        sequence=event.sequence,
        # The log is exact to the microsecond; the API need not be.
        occurred_at=datetime.fromisoformat(body.get("time", node["occurredAt"])),
        action=body.get("action", node["action"]),
        outcome=_OUTCOMES.get(node["outcome"], node["outcome"]),
        code=node["code"],
        actor_kind=actor.get("type", node["actor"]["kind"]),
        actor_id=actor.get("id"),
        actor_name=node["actor"]["displayName"],
        target_type=body.get("target", {}).get("type"),
        target_id=node["targetId"],
        target_name=node["targetName"],
        reason=node["reason"],
        request_id=node["requestId"],
        hash=node["hash"],
        changes=tuple(Change(one["field"], one["before"], one["after"]) for one in node["changes"]),
    )


def link_of(event: ApiEvent) -> Link | None:
    """What its hash is computed from; None where the body was archived."""
    if event.body is None:
        return None
    return Link(
        stream=account_stream(str(event.body["account"])),
        aseq=event.sequence,
        prev=bytes.fromhex(event.node["previousHash"]),
        body=event.node["canonicalJson"].encode(),
        hash=bytes.fromhex(event.node["hash"]),
    )
