"""A device's side of TLS: it connects, offers a session that it was given, and asks for something again and again."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.peers.behind import ENDLESS, PIECE

PATIENCE_SECONDS = 20.0
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BOTH_VERSIONS = (TLS_1_2, TLS_1_3)


Session = ssl.SSLSession | Path
"""What a device keeps to resume; of DTLS a file of OpenSSL's."""


class Refused(Exception):
    """The terminator ended the connection."""


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    """Raises Refused for what goes wrong with a connection, and AssertionError where nothing happens at all."""
    try:
        yield
    except TimeoutError:
        raise AssertionError(f"The terminator said nothing for {PATIENCE_SECONDS:.0f} s.") from None
    except OSError as wrong:
        raise Refused(str(wrong)) from None


class Visit(Protocol):
    """A device's connection."""

    was_resumed: bool

    def is_served(self) -> bool:
        """Whether the device gets now what it comes for. Raises nothing: a connection that was cut serves nobody."""
        ...

    @property
    def session(self) -> Session | None:
        """What it can offer the next time."""
        ...

    def close(self) -> None:
        """Leave."""
        ...


@dataclass(slots=True)
class Credentials:
    """What a device connects with: certificates and key in one file, and the versions of TLS that it speaks."""

    file: Path
    version: ssl.TLSVersion | None = None
    _context: ssl.SSLContext | None = None

    @property
    def others(self) -> Path:
        """The file of what the device presents above its certificate, where there is anything."""
        return self.file.with_suffix(".others")

    @property
    def context(self) -> ssl.SSLContext:
        """The same one for every connection: sessions are bound to it."""
        if self._context is None:
            # Whom it talks to is not what is tested.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.load_cert_chain(self.file)
            if self.version is not None:
                context.minimum_version = context.maximum_version = self.version
            self._context = context
        return self._context


class TlsConnection:
    """A connection whose handshake is done, as far as the device can tell. Raises Refused where it fails."""

    def __init__(self, port: int, credentials: Credentials, session: ssl.SSLSession | None = None) -> None:
        plain = _connected(port)
        try:
            with _refused():
                self._socket = credentials.context.wrap_socket(plain, server_hostname="localhost", session=session)
        except (Refused, AssertionError):
            plain.close()
            raise
        self.was_resumed = bool(self._socket.session_reused)
        self._received = b""

    @property
    def session(self) -> ssl.SSLSession | None:
        """What TLS 1.3 gives comes with the first answer."""
        return self._socket.session

    def send(self, data: bytes) -> None:
        """Raises Refused."""
        with _refused():
            self._socket.sendall(data)

    def receive(self, size: int) -> bytes:
        """Exactly so many bytes. Raises Refused where fewer come."""
        while len(self._received) < size:
            self._more()
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def receive_until(self, mark: bytes) -> bytes:
        """All up to a mark, and the mark. Raises Refused where it does not come."""
        while mark not in self._received:
            self._more()
        return self.receive(self._received.index(mark) + len(mark))

    def _more(self) -> None:
        with _refused():
            came = self._socket.recv(65536)
        if not came:
            raise Refused("The terminator closed the connection.")
        self._received += came

    def close(self) -> None:
        """Leave."""
        with contextlib.suppress(OSError):
            self._socket.close()


def _connected(port: int) -> socket.socket:
    """A connection to who listens there, or will in a moment, for terminators are begun anew."""
    until = time.perf_counter() + PATIENCE_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        except ConnectionRefusedError:
            assert time.perf_counter() < until, f"Nobody listens at {port}."
            time.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes


class HttpVisit(TlsConnection):
    """A device that speaks HTTP/1.1 and keeps its connection."""

    def ask(self, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """GET / on this connection, or POST where there is a body. Raises Refused."""
        length = {"content-length": str(len(body))} if body else {}
        self.begin("POST" if body else "GET", "/", {**(headers or {}), **length})
        self.send(body)
        return self._answer()

    def ask_in_pieces(self, body: bytes, trailers: Mapping[str, str]) -> Answer:
        """POST / with a body in one piece of which nobody was told the length, and more headers after it."""
        announced = {"transfer-encoding": "chunked", "te": "trailers", "trailer": ", ".join(trailers)}
        self.begin("POST", "/", announced)
        after = "".join(f"{name}: {value}\r\n" for name, value in trailers.items())
        self.send(b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, after.encode()))
        return self._answer()

    def _answer(self) -> Answer:
        status, told = self.hear()
        if told.get("transfer-encoding") != "chunked":
            return Answer(status, self.receive(int(told.get("content-length", "0"))))
        body = b""
        while size := int(self.receive_until(b"\r\n"), 16):
            body += self.receive(size + 2)[:-2]
        self.receive(2)
        return Answer(status, body)

    def begin(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Send what stands before the body of a request. Raises Refused."""
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: localhost",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def hear(self) -> tuple[int, dict[str, str]]:
        """The status of an answer, and its headers, names and values in lower case. Raises Refused."""
        head = self.receive_until(b"\r\n\r\n").decode("latin-1").lower().split("\r\n")
        status = int(head[0].split(" ")[1])
        if status == 100:
            return self.hear()
        return status, dict(line.split(": ", 1) for line in head[1:] if ": " in line)

    def is_served(self) -> bool:
        """Whether the application answers."""
        try:
            return self.ask().status == 200
        except Refused:
            return False


class Http2Visit(TlsConnection):
    """A device that speaks HTTP/2 without having asked whether it may (RFC 9113 3.3)."""

    def ask_in_pieces(self, body: bytes, trailers: Mapping[str, str]) -> None:
        """POST / likewise, and wait until there is an answer. Raises Refused where none comes."""
        begun = {":method": "POST", ":scheme": "https", ":path": "/", ":authority": "localhost"}
        settings, head, piece, after = (
            _frame(4, 0, 0),
            _frame(1, 4, 1, begun),
            _frame(0, 0, 1, body),
            _frame(1, 5, 1, trailers),
        )
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + head + piece + after)
        kind = None
        while kind != 1:
            size, kind = int.from_bytes(self.receive(3)), self.receive(1)[0]
            self.receive(5 + size)


def _frame(kind: int, flags: int, stream: int, content: bytes | Mapping[str, str] = b"") -> bytes:
    """RFC 9113 4.1; headers as literals that nobody keeps (RFC 7541 6.2.2)."""
    if not isinstance(content, bytes):
        words = [(name.encode(), value.encode()) for name, value in content.items()]
        content = b"".join(b"\0" + bytes([len(n)]) + n + bytes([len(v)]) + v for n, v in words)
    return len(content).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + content


class LongAnswer(HttpVisit):
    """A device whose request is answered without an end."""

    def __init__(self, port: int, credentials: Credentials) -> None:
        super().__init__(port, credentials)
        self.begin("GET", ENDLESS, {})
        assert self.hear()[0] == 200

    def is_served(self) -> bool:
        """Whether more of the answer comes."""
        try:
            return bool(self.receive(len(PIECE)))
        except Refused:
            return False


class LongRequest(HttpVisit):
    """A device whose request has no end."""

    def __init__(self, port: int, credentials: Credentials) -> None:
        super().__init__(port, credentials)
        # Only then it is sure that the handshake was judged.
        assert self.ask().status == 200
        self.begin("POST", "/", {"content-length": str(10**6)})

    def is_served(self) -> bool:
        """Whether more of the request is taken."""
        try:
            self.send(b".")
        except Refused:
            return False
        return True


class MqttVisit(TlsConnection):
    """A device that speaks MQTT 3.1.1."""

    _is_connected = False

    def is_served(self) -> bool:
        """Whether the broker answers: to CONNECT the first time, and to PINGREQ from then on."""
        sent, expected = (b"\xc0\x00", b"\xd0\x00") if self._is_connected else (_CONNECT, b"\x20\x02\x00\x00")
        try:
            self.send(sent)
            self._is_connected = self.receive(len(expected)) == expected
        except Refused:
            return False
        return self._is_connected


# MQTT 3.1.1, 3.1: a clean session, a minute of silence, and no client identifier, so that the broker makes one.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
