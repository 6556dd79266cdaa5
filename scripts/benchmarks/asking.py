"""What gateways ask over HTTP: connections that send requests made beforehand, and look at nothing but the status.

The least of a client, because it must not be what is measured. An answer has no body and ends with its head.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import cast

from scripts.benchmarks.web import Server

_END = b"\r\n\r\n"
_STATUS = slice(9, 12)
OnAnswer = Callable[[int, float], None]
"""Hears each status, and when it came."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How often there was each status, in how many seconds, and the server's processor time."""

    statuses: Counter[int]
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Answers of any status."""
        return self.statuses.total() / self.seconds

    @property
    def micros(self) -> float:
        """Wall time for each answer, all connections together."""
        return self.seconds / self.statuses.total() * 1e6

    @property
    def cpu_micros(self) -> float:
        """The server's processor time for each answer."""
        return self.cpu_seconds / self.statuses.total() * 1e6

    def only(self, status: int) -> "Answered":
        """Itself. Raises RuntimeError where an answer was another."""
        if set(self.statuses) != {status}:
            raise RuntimeError(f"every answer should have been {status}: {dict(self.statuses)}")
        return self


async def ask(server: Server, sources: Sequence[Iterator[bytes]], seconds: float = float("inf")) -> Answered:
    """A connection for each source: it sends one request after another until there are no more, or the time is up."""
    statuses = Counter[int]()

    def count(status: int, at: float) -> None:
        del at
        statuses[status] += 1

    start, cpu = perf_counter(), server.cpu_seconds()
    await asyncio.gather(*(ask_on(server, mine, count, start + seconds) for mine in sources))
    return Answered(statuses, perf_counter() - start, server.cpu_seconds() - cpu)


async def ask_on(server: Server, requests: Iterator[bytes], on_answer: OnAnswer, until: float = float("inf")) -> None:
    """One connection's share. Raises RuntimeError where the server hangs up."""
    loop = asyncio.get_running_loop()
    transport, line = await loop.create_connection(lambda: _Line(requests, on_answer, until), "127.0.0.1", server.port)
    try:
        await line.done
    finally:
        transport.close()


class _Line(asyncio.Protocol):
    """A connection that is kept open."""

    def __init__(self, requests: Iterator[bytes], on_answer: OnAnswer, until: float) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._on_answer = on_answer
        self._until = until
        self._head = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Send the next, once an answer is whole."""
        self._head += data
        if not self._head.endswith(_END):
            return
        status, self._head, now = int(self._head[_STATUS]), b"", perf_counter()
        self._on_answer(status, now)
        if now < self._until:
            self._send()
        else:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so, unless it was this side that ended it."""
        if not self.done.done():
            self.done.set_exception(exc or RuntimeError("the server ended the connection"))

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None or self._transport is None:
            self._finish()
        else:
            self._transport.write(request)

    def _finish(self) -> None:
        with suppress(asyncio.InvalidStateError):
            self.done.set_result(None)
