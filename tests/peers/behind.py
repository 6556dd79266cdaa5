"""What stands behind terminators: the application that devices are let in to, and others in Anchorage's place."""

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Headers = dict[str, str]


@dataclass(slots=True)
class Application:
    """An HTTP server. `asked` holds the headers of each request that it got, names in lower case."""

    port: int
    asked: list[Headers] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where it listens, without a scheme."""
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def application(status: int = 200) -> Iterator[Application]:
    """An application that answers every request with this status, and keeps connections."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.asked.append(headers)
            body = b"" if status in (204, 304) else json.dumps(headers).encode()
            self.send_response(status)
            if body:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

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
