"""What stands behind terminators: the application that devices are let in to, and others in Anchorage's place."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from threading import Thread

Headers = dict[str, str]

ENDLESS = "/endless"
PIECE = b"." * 16384
"""More than a terminator gathers before it passes something on."""
_NOTHING: Mapping[str, str] = {}


@dataclass(slots=True)
class Application:
    """An HTTP server. `asked` holds the headers of each request that it got, names in lower case; `bodies` the rest."""

    port: int
    asked: list[Headers] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where it listens, without a scheme."""
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def application(status: int = 200, told: Mapping[str, str] = _NOTHING) -> Iterator[Application]:
    """An application that answers every request with this status and these headers, and keeps connections.

    It takes what comes after a body for headers, which RFC 9110 6.5.1 tells it not to. At ENDLESS it answers in pieces
    for as long as anybody hears it.
    Who asks for a WebSocket with the key of RFC 6455 1.3 gets something that says back what it hears.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers, body = _asked(self)
            made.asked.append(headers)
            made.bodies.append(body)
            if "upgrade" in headers:
                _say_back(self)
            elif self.path == ENDLESS:
                _go_on(self)
            else:
                _answer(self, status, told, b"" if status in (204, 304) else json.dumps(headers).encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Terminators reset connections when they end."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        made = Application(server.server_port)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield made
        finally:
            server.shutdown()


def _asked(handler: BaseHTTPRequestHandler) -> tuple[Headers, bytes]:
    """The headers of a request, what comes after its body among them, and the body."""
    headers = {name.lower(): value for name, value in handler.headers.items()}
    if headers.get("transfer-encoding") != "chunked":
        return headers, handler.rfile.read(int(headers.get("content-length", "0")))
    body, trailers = _chunked(handler.rfile)
    return headers | trailers, body


def _answer(handler: BaseHTTPRequestHandler, status: int, told: Mapping[str, str], body: bytes) -> None:
    handler.send_response(status)
    for name, value in told.items():
        handler.send_header(name, value)
    if body:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _chunked(body: BufferedIOBase) -> tuple[bytes, Headers]:
    """A body in pieces, and the trailers after it."""
    whole = b""
    while size := int(body.readline(), 16):
        whole += body.read(size)
        body.readline()
    lines = iter(body.readline, b"\r\n")
    return whole, dict(line.decode("latin-1").lower().rstrip().split(": ", 1) for line in lines)


def _say_back(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(101)
    told = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}
    for name, value in told.items():
        handler.send_header(name, value)
    handler.end_headers()
    while data := handler.rfile.read1(65536):
        handler.wfile.write(data)
    handler.close_connection = True


def _go_on(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(PIECE)
            time.sleep(0.05)


@contextlib.contextmanager
def silence() -> Iterator[Application]:
    """Takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield Application(server.getsockname()[1])


@contextlib.contextmanager
def nobody() -> Iterator[Application]:
    """A port at which nobody listens."""
    with socket.socket() as held:
        # Bound, and so nobody else's; refused, for it does not listen.
        held.bind(("127.0.0.1", 0))
        yield Application(held.getsockname()[1])


@dataclass(slots=True)
class Detour:
    """A way to a server on which whatever holds `mark` waits, once `holds` is set, until `goes_on` is."""

    port: int
    mark: bytes
    holds: asyncio.Event = field(default_factory=asyncio.Event)
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as something waits."""
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def passed_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All that comes, until nothing does."""
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.holds.is_set() and self.mark in data:
                    self.waits.set()
                    await self.goes_on.wait()
                writer.write(data)
        writer.close()


@contextlib.asynccontextmanager
async def detour(port: int, mark: bytes) -> AsyncIterator[tuple[Detour, str]]:
    """A way to a port of this machine, and the address at which it begins."""
    made = Detour(port, mark)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", made.port)
        await asyncio.gather(made.passed_on(reader, back), made.passed_on(there, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield made, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
