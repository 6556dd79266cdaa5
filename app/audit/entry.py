"""An entry of the log, to the byte: its body, its disclosures, its hash.

The body is canonical JSON (RFC 8785), made once and stored as bytes; whoever hashes it hashes what is stored and never
writes it again. Personal data stand beside the body as RFC 9901 disclosures, of which the body holds only the digests:
they can be erased, or withheld, and every hash still verifies.
"""

import hashlib
from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import orjson

from app.actor import Actor, Origin
from app.audit.event import Event
from app.audit.states import Json, JsonValue, State, Target
from app.clock import to_text

FORMAT = 1
"""The `v` of every body that this module makes."""

GENESIS = bytes(32)
"""What stands for the hash before the first entry of a stream."""

BODY_LIMIT_BYTES = 16_384
TEXT_LIMIT_BYTES = 2_048
"""A text that is longer, as JSON, stands in a body as its SHA-256, so that no input decides how large an entry is."""

ID_LIMIT = 64
"""Longer than any id of ours, and short enough for what a caller names instead of one."""

SYSTEM_STREAMS = 16

_URL_SAFE = bytes.maketrans(b"+/", b"-_")

Salt = Callable[[], bytes]
"""Answers 16 fresh random bytes at every call: without them a digest of a name could be guessed."""


class Result(StrEnum):
    """How an act went."""

    SUCCESS = "success"
    REFUSED = "refused"
    FAILED = "failed"
    """Nothing was done, and the fault is ours."""


@dataclass(frozen=True, slots=True)
class Act:
    """What one entry says, before it has a place in a stream.

    `before` and `after` are the object's states. `extra` stands in `change` beside them, or alone where no object
    changed: for example the count of a burst of refusals.
    """

    id: str
    time: datetime
    actor: Actor
    origin: Origin
    action: str
    result: Result
    code: str | None
    target: Target
    before: State | None = None
    after: State | None = None
    reason: str | None = None
    extra: Json | None = None

    @property
    def target_id(self) -> str | None:
        """The target's id as it is recorded: what cannot be an id, but was named as one, stands as its SHA-256."""
        named = self.target.id
        if named is None or (len(named) <= ID_LIMIT and named.isascii() and named.isprintable()):
            return named
        return _sha256(named)

    @classmethod
    def succeeded(
        cls, event: Event, *, entry_id: str, time: datetime, actor: Actor, origin: Origin, reason: str | None
    ) -> "Act":
        """The act that an event reports."""
        return cls(
            id=entry_id,
            time=time,
            actor=actor,
            origin=origin,
            action=event.kind,
            result=Result.SUCCESS,
            code=None,
            target=event.target,
            before=event.before,
            after=event.after,
            reason=reason,
            extra=event.extra,
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """The bytes of an entry: its body, and the disclosures whose digests the body holds.

    `disclosures` maps the subject's id (empty for a stranger) to that subject's disclosures, in the order in which
    they were made.
    """

    body: bytes
    disclosures: Mapping[str, Sequence[str]]


def seal(act: Act, *, node: str, software: str, salt: Salt) -> Sealed:
    """The body of an act, and its disclosures.

    `node` names the process that acts, `software` its release.
    """
    disclosed = _disclose(act, salt)
    digests = sorted(digest(disclosure) for made in disclosed.values() for disclosure in made)
    body: Json = {
        "v": FORMAT,
        "id": act.id,
        "time": to_text(act.time),
        "account": act.actor.account_id,
        "actor": {"type": act.actor.type.value, "id": act.actor.id},
        "action": act.action,
        "outcome": {"result": act.result.value, "code": act.code},
        "target": {
            "type": act.target.type,
            "id": act.target_id,
            "name": _bounded(act.target.name),
            "version": act.target.version,
        },
        "change": _change(act),
        "reason": _bounded(act.reason),
        "request": {
            "id": _bounded(act.origin.request_id),
            "operation": _bounded(act.origin.operation),
            "path": _bounded(act.origin.path),
            "traceparent": _bounded(act.origin.traceparent),
        },
        "node": _bounded(node),
        "software": software,
        "salt": salt().hex(),
        "_sd": list[JsonValue](digests),
    }
    return Sealed(body=canonical(body), disclosures=disclosed)


def canonical(value: Json) -> bytes:
    """The value as canonical JSON (RFC 8785), for what entries hold: ASCII names, no floats, whole numbers to 2^53.

    For these orjson's sorted output is the canonical one, at a twentieth of the time that a serialiser for every value
    takes; a property test holds it to such a serialiser, which `verify` uses.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def entry_hash(stream: str, aseq: int, prev: bytes, body_sha256: bytes) -> bytes:
    """The hash that chains an entry to the one before it in its stream: five lines of text, hashed.

    Anyone can do it again with `printf` and `sha256sum`.
    """
    text = f"anchorage-audit/1\n{stream}\n{aseq}\n{prev.hex()}\n{body_sha256.hex()}\n"
    return hashlib.sha256(text.encode()).digest()


def leaf(chained: bytes) -> bytes:
    """What stands for an entry in the Merkle tree: its hash and nothing else, so that it may be seen by everybody."""
    return b'{"entry":"sha256:%s","v":1}' % chained.hex().encode()


def digest(disclosure: str) -> str:
    """The digest of a disclosure, as it stands in `_sd` (RFC 9901 4.2.3)."""
    return _base64url(hashlib.sha256(disclosure.encode("ascii")).digest())


def account_stream(account_id: str) -> str:
    """The stream that an account's acts go to. Further shards would count on from 0."""
    return f"{account_id}/0"


def system_stream(client: str) -> str:
    """The installation's own stream for acts of no account: one of 16, so that strangers do not queue for one."""
    return f"sys/{hashlib.sha256(client.encode()).digest()[0] % SYSTEM_STREAMS}"


def _change(act: Act) -> JsonValue:
    if act.before is None and act.after is None:
        return act.extra
    return {
        "before": None if act.before is None else _bounded_fields(act.before.public()),
        "after": None if act.after is None else _bounded_fields(act.after.public()),
        **(act.extra or {}),
    }


def _disclose(act: Act, salt: Salt) -> Mapping[str, Sequence[str]]:
    about_actor = {"actor.name": act.actor.name, "client.address": act.origin.address, "client.agent": act.origin.agent}
    claims = [(act.actor.id or "", name, value) for name, value in about_actor.items()]
    for moment, state in (("before", act.before), ("after", act.after)):
        if state is not None:
            subject = state.target.id or ""
            claims += [(subject, f"change.{moment}.{name}", value) for name, value in state.personal().items()]
    made: dict[str, list[str]] = {}
    for subject, name, value in claims:
        if value is not None:
            made.setdefault(subject, []).append(_disclosure(salt(), name, value))
    return made


def _disclosure(salt: bytes, name: str, value: str) -> str:
    return _base64url(orjson.dumps([_base64url(salt), name, _shortened(value)]))


def _base64url(data: bytes) -> str:
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


T = TypeVar("T", str, str | None)


def _bounded(text: T) -> T:
    if text is None:
        return text
    # Nearly every text is this short: in JSON a character of ASCII takes six bytes at most.
    if text.isascii() and len(text) <= TEXT_LIMIT_BYTES // 6:
        return text
    # Half of a surrogate pair is no character and cannot be written; JSON from outside may hold one all the same.
    clean = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return clean if len(orjson.dumps(clean)) - 2 <= TEXT_LIMIT_BYTES else _sha256(text)


def _sha256(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _shortened(text: str) -> str:
    if len(text) <= TEXT_LIMIT_BYTES and text.isascii():
        return text
    return text.encode("utf-8", "replace")[:TEXT_LIMIT_BYTES].decode("utf-8", "ignore")


def _bounded_fields(fields: Json) -> Json:
    with suppress(orjson.JSONEncodeError):
        # Where all of them together are short enough, and can be written, so is each.
        if len(orjson.dumps(fields)) <= TEXT_LIMIT_BYTES:
            return fields
    return {name: _bounded(value) if isinstance(value, str) else value for name, value in fields.items()}
