"""The one way out: asks a server that the operator named, over HTTP, for a bounded answer within a bounded time.

There is no redirect that is followed, no proxy that the environment names, no cookie, and no second guess: whoever asks
gets the answer as it came or a reason why there is none. Only what ADR 15 names may import this.
"""

import asyncio
import re
import ssl
import zlib
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httptools

from app import __version__

CHUNK = 65_536
HEAD_BYTES = 32_768
_USER = re.compile(r"^(\w+://)?.*@", re.DOTALL)
_SECONDS = re.compile(r"[0-9]{1,6}")
_NONE: Mapping[str, str] = {}
PORTS = {"http": 80, "https": 443}


class BadAddress(ValueError):
    """A URL that cannot be asked; the message says what is allowed."""


class NoAnswer(Exception):
    """There is no answer; the message says why."""


class NotInTime(NoAnswer):
    """The server did not answer within the time that it had."""


class NotAnAnswer(NoAnswer):
    """What came is no HTTP answer, is cut off, or is longer than it may be."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and what stands before every path that is asked of it, without a slash at its end."""

    scheme: str
    host: str
    port: int
    prefix: str

    @classmethod
    def parse(cls, url: str) -> "Address":
        """From `http://host:port/prefix` or the same with https. Raises BadAddress."""
        # Who writes a user there writes a password as well.
        shown = _USER.sub(r"\1…@", url)
        try:
            parts = urlsplit(url)
            port, host = parts.port, (parts.hostname or "").encode("idna").decode("ascii")
        except (ValueError, UnicodeError):
            raise BadAddress(f"{shown!r} is no address.") from None
        if parts.scheme not in PORTS or not host or parts.query or parts.fragment or "@" in parts.netloc:
            raise BadAddress(f"{shown!r} is not allowed: write http:// or https://, a host, and a path.")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise BadAddress(f"{shown!r} holds characters that stand in no address.")
        return cls(parts.scheme, host, port or PORTS[parts.scheme], parts.path.rstrip("/"))

    @property
    def shown_host(self) -> str:
        """As the Host field has it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == PORTS[self.scheme] else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. `media_type` is without parameters, in lower case, as the names of the headers are.

    `retry_after_seconds` is when to come back, where the server says so in seconds.
    """

    status: int
    media_type: str
    body: bytes
    retry_after_seconds: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Incoming:
    """What has come of an answer: the parser's callbacks."""

    max_bytes: int
    parser: httptools.HttpResponseParser = field(init=False)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_headed: bool = False
    is_kept: bool = False
    """Whether the server keeps the connection; known with the headers, forgotten by the parser at the end."""
    is_complete: bool = False

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        """An answer begins, of which there is to be one."""
        if self.is_complete:
            raise NotAnAnswer("More came than one answer.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field; of several with one name the last."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        """The body follows."""
        self.is_headed = True
        self.is_kept = self.parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self.body += part
        if len(self.body) > self.max_bytes:
            raise NotAnAnswer(f"The answer is longer than {self.max_bytes} bytes.")

    def on_message_complete(self) -> None:
        """All is here."""
        self.is_complete = True

    @property
    def ends_with_the_connection(self) -> bool:
        """RFC 9112 6.3: neither a length nor chunks."""
        return self.is_headed and not {"content-length", "transfer-encoding"} & set(self.headers)


class HttpClient:
    """Asks one server, one request after another, over a connection that is kept as long as both sides like.

    `seconds` is for a whole request, from the name's lookup to the last byte; `max_bytes` for the body, unpacked too.
    """

    def __init__(self, address: Address, *, seconds: float, max_bytes: int) -> None:
        self._address = address
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._secure = ssl.create_default_context() if address.scheme == "https" else None
        self._connection: tuple[StreamReader, StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            # Not closed in order: whoever does not answer would not answer to that either.
            self._connection[1].transport.abort()
            self._connection = None

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = _NONE) -> Answer:
        """The answer to one request; `path` is added to the address's prefix. Raises NoAnswer."""
        request = self._head(method, path, len(body), headers) + body
        try:
            async with asyncio.timeout(self._seconds):
                return await self._asked(request)
        except TimeoutError:
            self.close()
            raise NotInTime(f"{self._address.shown_host} did not answer within {self._seconds:g} s.") from None
        except OSError as error:
            self.close()
            raise NoAnswer(f"{self._address.shown_host} cannot be asked: {_why(error)}.") from error
        except NotAnAnswer as error:
            self.close()
            raise NotAnAnswer(f"{self._address.shown_host}: {error}") from error
        except BaseException:
            # Cancelled: half an answer may be on its way.
            self.close()
            raise

    async def _asked(self, request: bytes) -> Answer:
        kept = self._connection is not None
        try:
            return await self._exchange(request)
        except ConnectionError:
            # A server may hang up on a kept connection at any time; then this request never reached it.
            self.close()
            if not kept:
                raise
            return await self._exchange(request)

    async def _exchange(self, request: bytes) -> Answer:
        if self._connection is None:
            self._connection = await asyncio.open_connection(self._address.host, self._address.port, ssl=self._secure)
        reader, writer = self._connection
        writer.write(request)
        incoming = _Incoming(self._max_bytes)
        got = 0
        while not incoming.is_complete:
            some = await reader.read(CHUNK)
            if not some:
                if not got:
                    raise ConnectionResetError("it hung up")
                if not incoming.ends_with_the_connection:
                    raise NotAnAnswer("The answer is cut off.")
                break
            got += len(some)
            if not incoming.is_headed and got > HEAD_BYTES:
                raise NotAnAnswer("The answer's head is too long.")
            _feed(incoming.parser, some)
        if not incoming.is_complete or not incoming.is_kept:
            self.close()
        media_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
        later = incoming.headers.get("retry-after", "")
        return Answer(
            incoming.parser.get_status_code(),
            media_type,
            _unpacked(incoming, self._max_bytes),
            int(later) if _SECONDS.fullmatch(later) else None,
            incoming.headers,
        )

    def _head(self, method: str, path: str, length: int, headers: Mapping[str, str]) -> bytes:
        lines = [
            f"{method} {self._address.prefix}{path} HTTP/1.1",
            f"Host: {self._address.shown_host}",
            f"User-Agent: anchorage/{__version__}",
            "Accept-Encoding: gzip, identity",
            f"Content-Length: {length}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


def _feed(parser: httptools.HttpResponseParser, some: bytes) -> None:
    try:
        parser.feed_data(some)
    except httptools.HttpParserCallbackError as error:
        # What a callback raised comes wrapped.
        if isinstance(error.__context__, NotAnAnswer):
            raise error.__context__ from None
        raise
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        raise NotAnAnswer("What came is no answer in HTTP.") from None


def _unpacked(incoming: _Incoming, max_bytes: int) -> bytes:
    encoding = incoming.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return bytes(incoming.body)
    if encoding != "gzip":
        raise NotAnAnswer(f"The answer is packed as {encoding[:20]!r}, which was not asked for.")
    unpacking = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacking.decompress(bytes(incoming.body), max_bytes + 1)
    except zlib.error:
        raise NotAnAnswer("The answer is packed wrongly.") from None
    if len(unpacked) > max_bytes:
        raise NotAnAnswer(f"The answer is longer than {max_bytes} bytes.")
    if not unpacking.eof:
        raise NotAnAnswer("The answer is cut off.")
    return unpacked


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
