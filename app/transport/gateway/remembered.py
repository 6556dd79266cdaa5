"""Answers that let a device in, given again without asking anybody: what a gateway gets at nearly every connection.

A question is the same where the address and every header that the answer depends on are. Its answer stands for as long
as nothing has changed: the key was seen to be right within the last second, and the account's trust is at the version
that was decided with, which is known as `TrustStates` knows it. Everything else takes the long way, refusals too.

It stands before the application, whose work would cost several times as much: `GuardedProtocol` asks it as soon as the
head of a request is here. It counts and writes its lines by itself.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from starlette.types import Scope

from app.actor import ActorType
from app.clock import Clock
from app.ids import new_id
from app.recent import Recent
from app.services.admissions import Admissions, Admitted
from app.services.gateway_keys import GatewayKeys
from app.services.gateway_reports import GatewayReports
from app.store.gateways import Gateway
from app.transport.gateway.forms import HEADERS
from app.transport.log_lines import RequestLine, write_requests
from app.transport.metrics import Metrics

AUTHORIZE = "/gateway/authorize"
KEPT_BYTES = 64 * 1024 * 1024
"""What the answers that are remembered may take with their questions; a usual one takes 5 KB."""
SAID_SECONDS = 0.05
"""How long after an answer it is noted, counted and logged: of many at a time each takes a third of the time."""

RawHeaders = Sequence[tuple[bytes, bytes]]

_AUTHORIZE = AUTHORIZE.encode()
_ANSWER_BYTES = 3072
_PIECE_BYTES = 192
"""What an answer takes by itself, and beside its octets what a header of its question takes, or a fingerprint."""
_KEYS = ActorType.API_KEY.value
# What decides. A request with a body, or that names itself, takes the long way.
_ASKED = frozenset(
    name.encode() for names in HEADERS.values() for name in (*names, "authorization", "accept", "x-endpoint-name")
)
# Envoy says so. There is nothing to read then, and the answer may be given as soon as the head is here.
_NO_BODY = (b"content-length", b"0")
_ELSEWHERE = frozenset({b"content-length", b"transfer-encoding", b"expect", b"x-request-id", b"traceparent"})


class _Question(NamedTuple):
    target: bytes
    method: bytes
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class Remembered:
    """An answer without a body, and what it rests on."""

    gateway: Gateway
    method: str
    token: str
    admitted: Admitted
    headers: RawHeaders
    lines: bytes | None = None
    """The headers as they are sent, once they were; the request's id comes after them."""


@dataclass(slots=True)
class RememberedAnswers:
    """What is asked before the application is."""

    admissions: Admissions
    keys: GatewayKeys
    reports: GatewayReports
    metrics: Metrics
    clock: Clock
    kept: "Kept"
    shared: RawHeaders
    _unsaid: list[tuple[Remembered, datetime, str, float]] = field(default_factory=list)

    def again(self, method: bytes, target: bytes, headers: RawHeaders) -> bytes | None:
        """The header lines of an answer that is 200 and has no body; None where the application must be asked."""
        started = monotonic()
        question = question_of(method, target, headers)
        remembered = None if question is None else self.kept.answers.find(question)
        if remembered is None:
            return None
        now, account_id = self.clock(), remembered.gateway.account_id
        if not self.keys.is_confirmed(remembered.token):
            return None
        if not self.admissions.still_holds(account_id, remembered.admitted, now):
            return None
        request_id, seconds = new_id(now), monotonic() - started
        if not self._unsaid:
            asyncio.get_running_loop().call_later(SAID_SECONDS, self.say)
        self._unsaid.append((remembered, now, request_id, seconds))
        if remembered.lines is None:
            remembered.lines = b"".join(b"%b: %b\r\n" % header for header in (*remembered.headers, *self.shared))
        return b"%bx-request-id: %b\r\n" % (remembered.lines, request_id.encode())

    def say(self) -> None:
        """Note, count, and write the lines of, what was answered since it was last called."""
        unsaid, self._unsaid = self._unsaid, []
        taken = defaultdict[tuple[str, str], list[float]](list)
        for remembered, at, _, seconds in unsaid:
            admitted, gateway = remembered.admitted, remembered.gateway
            taken[remembered.method, admitted.service.value].append(seconds)
            self.admissions.note(gateway.account_id, admitted.device_id, admitted.remembered, at)
            self.reports.enforces(gateway, admitted.trust_version, at)
        for (method, service), each in taken.items():
            self.metrics.repeated(AUTHORIZE, method, service, each)
        write_requests(
            RequestLine(at, request_id, each.method, AUTHORIZE, 200, seconds, _KEYS, each.gateway.api_key_id)
            for each, at, request_id, seconds in unsaid
        )


@dataclass(slots=True)
class Kept:
    """The answers that are remembered."""

    answers: Recent[_Question, Remembered] = field(default_factory=lambda: Recent(KEPT_BYTES))

    def keep(self, scope: Scope, remembered: Remembered) -> None:
        """Remember the answer to the request of a scope."""
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        question = question_of(scope["method"].encode(), target, scope["headers"])
        if question is not None:
            octets = len(question.target) + sum(len(name) + len(value) for name, value in question.headers)
            pieces = len(question.headers) + len(remembered.admitted.remembered)
            self.answers.keep(question, remembered, _ANSWER_BYTES + octets + _PIECE_BYTES * pieces)


def question_of(method: bytes, target: bytes, headers: RawHeaders) -> _Question | None:
    """What a request asks; None for one that takes the long way in any case."""
    if not target.startswith(_AUTHORIZE):
        return None
    asked = []
    for header in headers:
        name = header[0]
        if name in _ASKED:
            asked.append(header)
        elif name in _ELSEWHERE and header != _NO_BODY:
            return None
    return _Question(target, method, tuple(asked))
