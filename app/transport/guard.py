"""The HTTP protocol of the server with what uvicorn leaves open: deadlines, bounds, and no ambiguous requests.

httptools refuses the framing that two parsers could read differently. This adds what it does not look at: exactly one
Host, at most one Authorization, headers of a bounded size, and a time by which headers and body must be here.
"""

from asyncio import AbstractEventLoop, BaseTransport, TimerHandle, Transport
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.transport.malformed import Malformed

LINGER_SECONDS = 2.0
LINGER_BYTES = 4 * 1024 * 1024
"""How long, and for how much, a client that was refused is still listened to, so that it can read why."""
HOUSE = "house"
"""Where the application puts its `House` in the state of its lifespan."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may take."""

    head_seconds: float = 10.0
    body_seconds: float = 30.0
    body_bytes: int = 1024 * 1024
    """Who sends so much of a body in its time is not slow, and has as much time again for the rest."""
    head_bytes: int = 64 * 1024
    """A chain of four RSA-4096 certificates, percent-encoded, has 10 KiB: a gateway hands it on in a header."""
    header_count: int = 100
    connections: int = 2_000


class GuardedConfig(Config):
    """uvicorn's configuration, and the bounds."""

    bounds = Bounds()


class House(Protocol):
    """The application, as its connections see it."""

    def at_once(self, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
        """The header lines of an answer that is 200 and has no body, to a request without one; None for any other."""

    def malformed(self, reason: str) -> None:
        """A request was refused unread; `reason` is one of a few words."""

    def stopping(self) -> None:
        """The server is about to stop: streams must end, or it waits for them. Called once for every connection."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._bounds = config.bounds if isinstance(config, GuardedConfig) else Bounds()
        self._house = cast("House | None", app_state.get(HOUSE))
        self._deadline: TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0
        self._field_bytes = 0
        self._body_bytes = 0
        self._dropped = 0
        self._is_refused = False
        self._malformed: Malformed | None = None
        self._at_once: bytes | None = None
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._first_lines = b""
        self._idle_since = self.loop.time()

    def connection_made(self, transport: BaseTransport) -> None:
        """A client has connected: its headers must be here in time."""
        super().connection_made(cast("Transport", transport))
        self._set_deadline(self._bounds.head_seconds, "slow headers")
        if len(self.connections) > self._bounds.connections:
            self._close_the_idlest()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and answer what it or the guard refuses."""
        if self._is_refused:
            self._drop(data)
            return
        self._unset_keepalive_if_required()
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._body_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._clear_deadline()
                self.handle_websocket_upgrade()
            elif self._last_cycle is not None:
                # RFC 9110 7.8: an offer to change the protocol may be ignored. The parser has stopped, though.
                self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(self._malformed or Malformed(HTTPStatus.BAD_REQUEST, "framing"))
        else:
            self._judge_the_head_so_far()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._head_bytes or 1
        self._field_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self.url += url
        if len(self.url) > self._bounds.head_bytes:
            self._stop(HTTPStatus.REQUEST_URI_TOO_LONG, "target too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or one of those that follow a chunked body, which are bounded like them."""
        self.headers.append((name.lower(), value))
        self._field_bytes += len(name) + len(value)
        if len(self.headers) > self._bounds.header_count or self._field_bytes > self._bounds.head_bytes:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers too large")

    def on_headers_complete(self) -> None:
        """Judge the headers, before anything of the application runs."""
        version = self.parser.get_http_version()
        self._judge_the_headers(version)
        self._in_head = False
        self._head_bytes = 0
        self._clear_deadline()
        self._body_bytes = 0
        self._at_once = self._answered_at_once(version)
        if self._at_once is None:
            self._set_deadline(self._bounds.body_seconds, "slow body")
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole request is here."""
        self._clear_deadline()
        self._in_head = True
        self._idle_since = self.loop.time()
        if self._at_once is None:
            super().on_message_complete()
            return
        lines, self._at_once = self._at_once, None
        default = self.server_state.default_headers
        if default is not self._default_headers:
            # Another list every second, with another date.
            self._default_headers = default
            self._first_lines = b"".join([b"HTTP/1.1 200 OK\r\n", *(b"%b: %b\r\n" % header for header in default)])
        self.transport.write(b"%b%b\r\n" % (self._first_lines, lines))
        self.on_response_complete()

    def shutdown(self) -> None:
        """Finish what is in flight."""
        super().shutdown()
        if self._house is not None:
            self._house.stopping()

    def _judge_the_head_so_far(self) -> None:
        """After the parser has had all there is: most heads are whole then, and need neither a time nor a bound."""
        if not self._in_head or not self._head_bytes:
            return
        if self._head_bytes > self._bounds.head_bytes:
            self._refuse(Malformed(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers too large"))
        else:
            # Also for what comes between two requests: a line feed now and then must not hold a connection for ever.
            self._set_deadline(self._bounds.head_seconds, "slow headers")

    def _answered_at_once(self, version: str) -> bytes | None:
        """Only where nothing is in flight, for answers go out in the order of their requests, to whoever reads them."""
        cycle = self._last_cycle
        if self._house is None or self.flow.write_paused or (cycle is not None and not cycle.response_complete):
            return None
        parser = self.parser
        if version != "1.1" or not parser.should_keep_alive() or parser.should_upgrade():
            return None
        return self._house.at_once(parser.get_method(), self.url, self.headers)

    def _judge_the_headers(self, version: str) -> None:
        names = [name for name, _ in self.headers]
        if names.count(b"host") > 1 or (b"host" not in names and version != "1.0"):
            self._stop(HTTPStatus.BAD_REQUEST, "host")
        if names.count(b"authorization") > 1:
            self._stop(HTTPStatus.BAD_REQUEST, "authorization")
        if b"expect" in names:
            self.expect_100_continue = b"100-continue" in self._values(b"expect")
        if b"transfer-encoding" not in names:
            return
        codings = self._values(b"transfer-encoding")
        # RFC 9112 6.1: a message with both lengths, or a coding in HTTP/1.0, is to be taken for an attack.
        if codings != [b"chunked"] or version == "1.0" or b"content-length" in names:
            self._stop(HTTPStatus.BAD_REQUEST, "framing")

    def _values(self, name: bytes) -> list[bytes]:
        return [value.strip().lower() for each, value in self.headers if each == name]

    def _stop(self, status: HTTPStatus, reason: str) -> None:
        self._malformed = Malformed(status, reason)
        raise self._malformed

    def _refuse(self, malformed: Malformed) -> None:
        self._clear_deadline()
        if self._house is not None:
            self._house.malformed(malformed.reason)
        self._is_refused = True
        cycle = self._last_cycle
        if cycle is None or cycle.response_complete:
            if self._in_head:
                self._answer_and_leave(malformed)
            else:
                # Answered already; the rest of its body is what is not wanted.
                self.transport.close()
        elif self._in_head:
            # What came before is in order and is answered; then the connection ends, without a word to this one.
            cycle.keep_alive = False
        else:
            self._give_up(cycle, malformed)

    def _give_up(self, cycle: RequestResponseCycle, malformed: Malformed) -> None:
        """End a request whose body does not come as it should; the application learns that its client is gone."""
        cycle.disconnected = True
        cycle.message_event.set()
        # An answer in the middle of another one would be read as a part of it, and one out of turn as another's.
        if self.pipeline or cycle.response_started:
            self.transport.close()
        else:
            self._answer_and_leave(malformed)

    def _answer_and_leave(self, malformed: Malformed) -> None:
        self.transport.write(malformed.answer())
        # Closed at once, with bytes of the client unread, the kernel resets the connection and the answer may be lost.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _drop(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > LINGER_BYTES:
            self.transport.close()

    @property
    def _last_cycle(self) -> RequestResponseCycle | None:
        """The request whose headers came last; uvicorn's annotation denies that there may be none."""
        return self.cycle

    def _set_deadline(self, seconds: float, reason: str) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(seconds, self._too_late, reason)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self, reason: str) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused or (not self._in_head and self._body_bytes >= self._bounds.body_bytes):
            # Not the client's fault: what was sent waits for an answer that is still being made, or is a long file.
            self._body_bytes = 0
            self._set_deadline(self._bounds.body_seconds, reason)
            return
        self._refuse(Malformed(HTTPStatus.REQUEST_TIMEOUT, reason))

    def _close_the_idlest(self) -> None:
        """Make room: of those that ask nothing, the one that has asked nothing for longest must go."""
        idle = [one for one in self.connections if isinstance(one, GuardedProtocol) and one.is_idle]
        if idle:
            min(idle, key=lambda one: one.idle_since).transport.close()

    @property
    def is_idle(self) -> bool:
        """Whether there is no request that would be lost."""
        cycle = self._last_cycle
        return self._in_head and (cycle is None or cycle.response_complete) and not self.transport.is_closing()

    @property
    def idle_since(self) -> float:
        """The loop's time of the last complete request, or of the connection."""
        return self._idle_since
