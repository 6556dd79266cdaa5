"""Where every request comes in and every answer goes out: its id, its line in the log, its counts, its headers.

The outermost border of the program: an exception that nobody caught ends here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.actor import ANONYMOUS
from app.clock import Clock
from app.reasons import Reason
from app.settings import Network
from app.transport.arrival import Arrival, arrive
from app.transport.gateway.answers import said
from app.transport.gateway.remembered import AUTHORIZE
from app.transport.log_lines import RequestLine, write_bug, write_requests
from app.transport.long_runs import without_long_runs
from app.transport.metrics import Metrics

PROBES = frozenset({"/livez", "/readyz"})
GATEWAYS = "/gateway/"
CLIENT_WENT_AWAY = 499
"""What nginx writes for it; no answer carries it."""
PATH_LIMIT = 200
NAME_LIMIT = 63
"""No line of a key in PEM is so short, unless it is its last."""

API_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Of every answer that does not say otherwise."""
_TRANSPORT_SECURITY = {"strict-transport-security": "max-age=31536000"}


def headers_of_all(public_url: str | None) -> dict[str, str]:
    """The headers of every answer that does not say otherwise, where browsers find the server at this address."""
    return API_HEADERS | (_TRANSPORT_SECURITY if (public_url or "").startswith("https:") else {})


@dataclass(slots=True)
class _Answer:
    """What is known of an answer as it leaves."""

    arrival: Arrival
    started: float = field(default_factory=monotonic)
    status: int | None = None
    complete: bool = False
    stream: str | None = None
    bug: Exception | None = None


@dataclass(slots=True)
class Reception:
    """An ASGI middleware, outside of all others. `headers` are those of every answer that does not say otherwise."""

    app: ASGIApp
    metrics: Metrics
    clock: Clock
    trusted_proxies: Sequence[Network]
    max_requests: int
    headers: Mapping[str, str]
    _running: Counter[bool] = field(default_factory=Counter)
    """How many, of gateways and of all others: each have their room, so that neither keeps the other out."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, and see its answer out."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        answer = _Answer(arrive(scope, self.trusted_proxies, self.clock()))

        async def leaving(message: Message) -> None:
            self._note(answer, message)
            await send(message)

        self.metrics.request_began()
        is_gateway = scope["path"].startswith(GATEWAYS)
        self._running[is_gateway] += 1
        try:
            if self._running[is_gateway] > self.max_requests and scope["path"] not in PROBES:
                await _busy(scope, receive, leaving)
            else:
                await self.app(scope, receive, leaving)
        except ClientDisconnect:
            # Nobody is left to answer.
            answer.status = answer.status or CLIENT_WENT_AWAY
        except Exception as bug:  # noqa: BLE001  # the outermost border: logged below, and answered without a word of it
            answer.bug = bug
            await self._apologise(answer, scope, receive, leaving)
        finally:
            self._running[is_gateway] -= 1
            self._finish(answer, scope)

    def _note(self, answer: _Answer, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            answer.status = message["status"]
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            self._complete_headers(answer.arrival, headers, self.clock())
            if headers.get("content-type", "").startswith("text/event-stream"):
                self._stream(answer, "sse")
        elif kind == "websocket.accept":
            answer.status = 101
            self._stream(answer, "websocket")
        elif kind in ("http.response.body", "websocket.http.response.body"):
            answer.complete = not message.get("more_body", False)
        elif kind == "websocket.close":
            answer.status = answer.status or 403
            answer.complete = True

    def _stream(self, answer: _Answer, transport: str) -> None:
        answer.stream = transport
        self.metrics.stream_opened(transport)

    def _complete_headers(self, arrival: Arrival, headers: MutableHeaders, now: datetime) -> None:
        for name, value in self.headers.items():
            headers.setdefault(name, value)
        headers.setdefault("x-request-id", arrival.request_id)
        budget = arrival.budget
        if budget is not None and "ratelimit" not in headers:
            seconds = max(0, round((budget.reset_at - now).total_seconds()))
            # draft-ietf-httpapi-ratelimit-headers-10, section 3 and 4.
            headers["ratelimit-policy"] = f'"cost";q={budget.limit};w=60'
            headers["ratelimit"] = f'"cost";r={budget.remaining};t={seconds}'

    async def _apologise(self, answer: _Answer, scope: Scope, receive: Receive, send: Send) -> None:
        if answer.status is not None:
            # Half an answer is out: the server sees that it is not complete, and closes the connection.
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1011})
            answer.status = 500
            return
        answered = JSONResponse(_error("INTERNAL_SERVER_ERROR", "The fault is ours.", answer.arrival.request_id), 500)
        await answered(scope, receive, send)

    def _finish(self, answer: _Answer, scope: Scope) -> None:
        seconds = monotonic() - answer.started
        status = answer.status if answer.status is not None else CLIENT_WENT_AWAY
        method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
        route = getattr(scope.get("route"), "path", None) or "none"
        if answer.stream is not None:
            self.metrics.stream_closed(answer.stream)
        self.metrics.request_ended(route=route, method=method, status=status, seconds=seconds)
        actor = answer.arrival.actor or ANONYMOUS
        line = RequestLine(
            self.clock(),
            answer.arrival.request_id,
            method,
            # As it was sent: percent-encoded, so that it cannot pretend to be another line.
            without_long_runs(scope.get("raw_path", b"").decode("ascii", "replace"))[:PATH_LIMIT],
            status,
            seconds,
            actor.type.value,
            actor.id,
            _name(answer.arrival.operation),
        )
        if answer.bug is None:
            write_requests([line])
        else:
            write_bug(line, answer.bug)


def _name(operation: str | None) -> str | None:
    """A GraphQL name; anything else that was sent in its place is not repeated."""
    if operation is None or (operation.isascii() and operation.isidentifier() and len(operation) <= NAME_LIMIT):
        return operation
    return "invalid"


def _error(code: str, message: str, request_id: str) -> dict[str, object]:
    return {"errors": [{"message": message, "extensions": {"code": code, "requestId": request_id}}]}


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
        return
    message = "The server answers as many requests as it can: try again in a moment."
    answer: Response = JSONResponse({"errors": [{"message": message, "extensions": {"code": "UNAVAILABLE"}}]}, 503)
    if scope["path"] == AUTHORIZE:
        answer = said(Request(scope), 403, Reason.STATE_UNKNOWN.value, message)
    elif scope["path"].startswith(GATEWAYS):
        answer = said(Request(scope), 503, "UNAVAILABLE", message)
    answer.headers["retry-after"] = "1"
    await answer(scope, receive, send)
