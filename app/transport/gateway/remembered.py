"""Answers that let a device in, given again without asking anybody: what a gateway gets at nearly every connection.

A question is the same where the address and every header that the answer depends on are. Its answer stands for as long
as nothing has changed: the key was seen to be right within the last second, and the account's trust is at the version
that was decided with, which is known as `TrustStates` knows it. Everything else takes the long way, refusals too.

It stands before the reception, whose work would cost more than the answer: it counts and writes a line by itself.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from app.clock import Clock
from app.ids import new_id
from app.services.admissions import Admissions, Answer
from app.services.gateway_keys import GatewayKeys
from app.services.gateway_reports import GatewayReports
from app.store.gateways import Gateway
from app.transport.gateway.forms import HEADERS
from app.transport.log_lines import RequestLine, write_request
from app.transport.metrics import Metrics

AUTHORIZE = "/gateway/authorize"
KEPT_LIMIT = 20_000

# What decides. A request with a body, or that names itself, takes the long way.
_ASKED = frozenset(
    name.encode() for names in HEADERS.values() for name in (*names, "authorization", "accept", "x-endpoint-name")
)
_ELSEWHERE = frozenset({b"content-length", b"transfer-encoding", b"x-request-id", b"traceparent"})

RawHeaders = list[tuple[bytes, bytes]]


class _Question(NamedTuple):
    query: bytes
    method: str
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer as it was sent, and what it rests on."""

    gateway: Gateway
    token: str
    answer: Answer
    headers: RawHeaders


@dataclass(slots=True)
class RememberedAnswers:
    """An ASGI middleware, outside of all others."""

    app: ASGIApp
    admissions: Admissions
    keys: GatewayKeys
    reports: GatewayReports
    metrics: Metrics
    clock: Clock
    kept: "Kept"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer again, or let the request go on."""
        if scope["type"] != "http" or scope["path"] != AUTHORIZE:
            await self.app(scope, receive, send)
            return
        started = monotonic()
        question = question_of(scope)
        remembered = None if question is None else self.kept.of(question)
        now = self.clock()
        if (
            remembered is None
            or not self.keys.is_confirmed(remembered.token)
            or not self.admissions.still_holds(remembered.gateway.account_id, remembered.answer, now)
        ):
            await self.app(scope, receive, send)
            return
        answer, request_id = remembered.answer, new_id(now)
        headers = [*remembered.headers, (b"x-request-id", request_id.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        if answer.device_id is not None and answer.trust_version is not None:
            self.admissions.seen.seen(answer.device_id, now)
            self.reports.enforces(remembered.gateway, answer.trust_version, now)
        seconds = monotonic() - started
        self.metrics.remembered(answer.decision.question.service.value, scope["method"], seconds)
        write_request(RequestLine(request_id, scope["method"], AUTHORIZE, 200, seconds, remembered.gateway.api_key_id))


@dataclass(slots=True)
class Kept:
    """The answers that are remembered, the last given last."""

    _kept: OrderedDict[_Question, Remembered] = field(default_factory=OrderedDict)

    def of(self, question: _Question) -> Remembered | None:
        """The answer to a question; None where there is none."""
        found = self._kept.get(question)
        if found is not None:
            self._kept.move_to_end(question)
        return found

    def keep(self, scope: Scope, remembered: Remembered) -> None:
        """Remember the answer to the request of a scope."""
        question = question_of(scope)
        if question is None:
            return
        self._kept[question] = remembered
        self._kept.move_to_end(question)
        if len(self._kept) > KEPT_LIMIT:
            self._kept.popitem(last=False)


def question_of(scope: Scope) -> _Question | None:
    """What a request asks; None for one that takes the long way in any case."""
    raw: Iterable[tuple[bytes, bytes]] = scope["headers"]
    asked = []
    for header in raw:
        name = header[0]
        if name in _ASKED:
            asked.append(header)
        elif name in _ELSEWHERE:
            return None
    return _Question(scope["query_string"], scope["method"], tuple(asked))
