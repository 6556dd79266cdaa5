"""Whoever is asked answers in time and within bounds, or there is no answer; and nobody else is asked."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.http_client import Address, BadAddress, HttpClient, NoAnswer, NotAnAnswer, NotInTime
from tests.rules.authority import make

pytestmark = pytest.mark.once

LIMIT = 1_000


@dataclass
class Scripted:
    """A server that says one thing after another, whatever it is asked."""

    says: list[bytes]
    hangs_up: bool = False
    asked: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while self.says:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.asked.append(head + await reader.readexactly(length))
                writer.write(self.says.pop(0))
                await writer.drain()
                if self.hangs_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def saying(*says: bytes, hangs_up: bool = False, secure: ssl.SSLContext | None = None) -> AsyncIterator[Scripted]:
    scripted = Scripted(list(says), hangs_up)
    server = await asyncio.start_server(scripted.talk, "127.0.0.1", 0, ssl=secure)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        server.close()
        await server.wait_closed()


def client(port: int, *, seconds: float = 10.0, scheme: str = "http", prefix: str = "") -> HttpClient:
    return HttpClient(Address(scheme, "127.0.0.1", port, prefix), seconds=seconds, max_bytes=LIMIT)


def ok(body: bytes, *headers: str) -> bytes:
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""])
    return head.encode() + body


async def test_a_request_says_what_is_asked() -> None:
    said = ok(b"yes", "Content-Type: Text/Plain; charset=utf-8")
    async with saying(said) as server, client(server.port, prefix="/w") as asking:
        answer = await asking.ask("POST", "/add", b"old 0\n")

    assert (answer.status, answer.media_type, answer.body) == (200, "text/plain", b"yes")
    head, _, body = server.asked[0].partition(b"\r\n\r\n")
    assert body == b"old 0\n"
    first, *fields = head.decode().split("\r\n")
    assert first == "POST /w/add HTTP/1.1"
    assert fields[0] == f"Host: 127.0.0.1:{server.port}"
    assert {name.partition(":")[0] for name in fields} == {"Host", "User-Agent", "Accept-Encoding", "Content-Length"}


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        ok(gzip.compress(b"abcde"), "Content-Encoding: gzip"),
        ok(b"abcde", "Content-Encoding: identity"),
    ],
)
async def test_a_body_is_read_however_it_comes(said: bytes) -> None:
    async with saying(said) as server, client(server.port) as asking:
        assert (await asking.ask("GET", "/")).body == b"abcde"


async def test_a_body_may_end_with_the_connection() -> None:
    async with saying(b"HTTP/1.0 200 OK\r\n\r\nabc", hangs_up=True) as server, client(server.port) as asking:
        assert (await asking.ask("GET", "/")).body == b"abc"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (ok(b"x" * (LIMIT + 1)), "longer than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001, "longer than 1000 bytes"),
        (ok(gzip.compress(b"x" * 100_000), "Content-Encoding: gzip"), "longer than 1000 bytes"),
        (ok(gzip.compress(b"abc")[:-4], "Content-Encoding: gzip"), "is cut off"),
        (ok(b"abc", "Content-Encoding: gzip"), "is packed wrongly"),
        (ok(b"abc", "Content-Encoding: br"), "packed as 'br', which was not asked for"),
        (ok(b"abc")[:-1], "is cut off"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "is cut off"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000, "head is too long"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no answer in HTTP"),
        (ok(b"abc") + ok(b"def"), "More came than one answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "no answer in HTTP"),
    ],
)
async def test_what_is_no_bounded_answer_is_none(said: bytes, problem: str) -> None:
    async with saying(said, hangs_up=True) as server, client(server.port) as asking:
        with pytest.raises(NotAnAnswer, match=problem):
            await asking.ask("GET", "/")


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with saying(ok(b"never")) as elsewhere:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere.port}/\r\nContent-Length: 0\r\n\r\n"
        async with saying(moved.encode()) as server, client(server.port) as asking:
            assert (await asking.ask("GET", "/")).status == 302
    assert elsewhere.connections == 0


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with saying(ok(b"proxy")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with saying(ok(b"server")) as server, client(server.port) as asking:
            assert (await asking.ask("GET", "/")).body == b"server"
    assert proxy.connections == 0


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.01)


async def _nothing(writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


@pytest.mark.parametrize("answering", [_drip, _nothing])
async def test_the_time_is_for_the_whole_answer(answering: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        dripping = asyncio.ensure_future(answering(writer))
        with suppress(ConnectionError):
            await reader.read()
        dripping.cancel()
        writer.close()
        gone.set()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with client(server.sockets[0].getsockname()[1], seconds=0.1) as asking:
        with pytest.raises(NotInTime, match=r"did not answer within 0\.1 s\."):
            await asking.ask("GET", "/")
    # The connection does not stay.
    await asyncio.wait_for(gone.wait(), 30)
    server.close()
    await server.wait_closed()


async def test_a_connection_is_kept_and_replaced_where_the_server_hung_up() -> None:
    says = ok(b"1"), ok(b"2"), ok(b"3", "Connection: close"), ok(b"4")
    async with saying(*says) as server, client(server.port) as asking:
        bodies = [(await asking.ask("GET", "/")).body for _ in range(4)]
    assert (bodies, server.connections) == ([b"1", b"2", b"3", b"4"], 2)

    async with saying(ok(b"1"), ok(b"2"), hangs_up=True) as server, client(server.port) as asking:
        assert [(await asking.ask("GET", "/")).body for _ in range(2)] == [b"1", b"2"]
        with pytest.raises(NoAnswer, match="cannot be asked"):
            await asking.ask("GET", "/")


async def test_a_server_that_is_not_there_is_named() -> None:
    async with saying() as server:
        pass
    async with client(server.port) as asking:
        with pytest.raises(NoAnswer, match=rf"127\.0\.0\.1:{server.port} cannot be asked: "):
            await asking.ask("GET", "/")


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    made = make(subject="127.0.0.1")
    (tmp_path / "cert.pem").write_bytes(made.certificate.public_bytes(Encoding.PEM))
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with saying(ok(b"secret"), secure=secure) as server, client(server.port, scheme="https") as asking:
        with pytest.raises(NoAnswer, match="certificate verify failed"):
            await asking.ask("GET", "/")
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "address", "host"),
    [
        ("http://w.example", Address("http", "w.example", 80, ""), "w.example"),
        ("https://w.example/", Address("https", "w.example", 443, ""), "w.example"),
        ("https://W.example:8443/a/b/", Address("https", "w.example", 8443, "/a/b"), "w.example:8443"),
        ("http://[::1]:80/log", Address("http", "::1", 80, "/log"), "[::1]"),
    ],
)
def test_an_address_is_read(url: str, address: Address, host: str) -> None:
    assert Address.parse(url) == address
    assert address.shown_host == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "w.example",
        "ftp://w.example",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://user:password@w.example",
        "http://w.example/?query",
        "http://w.example/#fragment",
        "http://w.example:port",
        "http://w.example:99999",
        "http://[::1",
        "http://w.example/a b",
        "http://w.example/a\r\nX: y",
        "http://w.example/\u00e4",
        f"http://{'w' * 64}.example",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        Address.parse(url)
