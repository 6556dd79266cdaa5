"""What offers a bundle as a server of Anchorage does, and whatever else may stand at its address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from app.rules.bundle import Bundle
from app.rules.bundle_formats import Format, write
from tests.rules.authority import Made


def bundle(*anchors: Made, version: int = 0, form: Format = Format.PEM) -> bytes:
    """A bundle's bytes."""
    return write(Bundle(tuple(made.parsed for made in anchors), (), version, version), form)


def raw(status: int, *headers: str, body: bytes = b"") -> bytes:
    """An answer with these headers alone."""
    head = "\r\n".join([f"HTTP/1.1 {status} Said", *headers, f"Content-Length: {len(body)}", "", ""])
    return head.encode("latin-1") + body


@dataclass
class BundleServer:
    """A bundle at a version. `says` is answered instead where it is set; `applied` are the versions that were told."""

    version: int = 5
    content: bytes = field(default_factory=bundle)
    stale_seconds: int = 0
    says: bytes | None = None
    is_away: bool = False
    knows: int = 1_000
    """The version after which it notes none."""
    applied: list[int] = field(default_factory=list)
    refused: int = 0
    port: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                if self.is_away:
                    break
                writer.write(self._answer(head))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, head: str) -> bytes:
        line, *fields = head.strip().split("\r\n")
        asked = urlsplit(line.split(" ")[1])
        if asked.path == "/gateway/applied":
            return self._noted(int(parse_qs(asked.query)["version"][0]))
        if self.says is not None:
            return self.says
        tag = f'"{sha256(self.content).hexdigest()[:32]}"'
        headers = [f"ETag: {tag}", f"X-Trust-Version: {self.version}", f"X-Trust-Sequence: {self.version * 65536}"]
        headers += [f"X-Trust-Stale-Seconds: {self.stale_seconds}"] if self.stale_seconds else []
        named = f"If-None-Match: {tag}" in fields
        return raw(304, *headers) if named else raw(200, *headers, body=self.content)

    def _noted(self, version: int) -> bytes:
        if version > self.knows:
            self.refused += 1
            return raw(400, "X-Trust-Reason: UNKNOWN_VERSION")
        self.applied.append(version)
        return raw(204)


@asynccontextmanager
async def offering() -> AsyncIterator[BundleServer]:
    """One that listens until the block ends."""
    offered = BundleServer()
    talking = set[asyncio.Task[None]]()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(asyncio.create_task(offered.talk(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    offered.port = server.sockets[0].getsockname()[1]
    try:
        yield offered
    finally:
        server.close()
        await asyncio.gather(*talking)
