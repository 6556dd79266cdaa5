"""News between hosts: NOTIFY after the commit, and LISTEN, each on a connection of its own.

Never NOTIFY in the transaction that writes: it takes one lock for the whole database until the commit is done, which
cost half the throughput on one host and nine tenths with standbys. A pooled connection would hear nothing after its
release. News may be lost; whoever waits looks from time to time in any case.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from app.store.postgres_connect import CONNECTION_ERRORS, ServerConnection, connect
from app.store.wakes import LocalWakes, Watch

CHANNEL = "anchorage_wake"
MAX_PAYLOAD_BYTES = 7999
"""PostgreSQL refuses 8,000."""

_PAUSE_SECONDS = 0.5
_HEARTBEAT_SECONDS = 10.0
_TIMEOUT_SECONDS = 5.0
_FLUSH_SECONDS = 1.0
_NOTIFY = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload"

_log = logging.getLogger(__name__)


_Work = Callable[[ServerConnection], Awaitable[None]]


class PostgresWakes:
    """See `app.store.wakes.Wakes`."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = hosts
        self._local = LocalWakes()
        self._unsent: set[str] = set()
        self._news = asyncio.Event()
        self._sent = asyncio.Event()
        self._notifier_pid = 0
        self._tasks: list[asyncio.Task[None]] = []

    def watch(self, key: str) -> Watch:
        """See `Wakes.watch`."""
        return self._local.watch(key)

    def announce(self, key: str) -> None:
        """See `Wakes.announce`. Watchers of this process are woken at once."""
        self._local.announce(key)
        self._unsent.add(key)
        self._sent.clear()
        self._news.set()

    async def open(self) -> None:
        """Begin to listen and to send, and go on through every loss of connection."""
        self._tasks = [
            asyncio.create_task(self._for_ever(self._listen), name="wakes: listen"),
            asyncio.create_task(self._for_ever(self._notify), name="wakes: notify"),
        ]

    async def close(self) -> None:
        """Send what is not sent yet, for a second at most, and stop."""
        if self._tasks and self._unsent:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await self._sent.wait()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _for_ever(self, work: _Work) -> None:
        while True:
            try:
                connection = await connect(self._hosts, deadlines=False)
            except CONNECTION_ERRORS as error:
                _log.warning("wakes: PostgreSQL cannot be reached: %s", error)
            else:
                try:
                    await work(connection)
                except CONNECTION_ERRORS as error:
                    _log.warning("wakes: the connection was lost: %s", error)
                finally:
                    connection.terminate()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _listen(self, connection: ServerConnection) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, self._hear)
        # What was announced before is not told again.
        self._local.announce_all()
        while not lost.is_set():
            try:
                async with asyncio.timeout(_HEARTBEAT_SECONDS):
                    await lost.wait()
            except TimeoutError:
                # A host that is gone closes nothing.
                await connection.execute("SELECT 1", timeout=_TIMEOUT_SECONDS)

    def _hear(self, _connection: object, pid: int, _channel: str, payload: object) -> None:
        if pid != self._notifier_pid:
            for key in str(payload).split("\n"):
                self._local.announce(key)

    async def _notify(self, connection: ServerConnection) -> None:
        self._notifier_pid = connection.get_server_pid()
        while True:
            await self._news.wait()
            self._news.clear()
            # Everything since the last round trip in one, each key once.
            keys, self._unsent = self._unsent, set()
            await connection.execute(_NOTIFY, CHANNEL, list(payloads(keys)), timeout=_TIMEOUT_SECONDS)
            if not self._unsent:
                self._sent.set()


def payloads(keys: Iterable[str]) -> Iterator[str]:
    """The keys, one a line, in as few payloads as they fit; a key that fits in none is left out."""
    lines: list[str] = []
    size = 0
    for key in keys:
        length = len(key.encode()) + 1
        if length > MAX_PAYLOAD_BYTES:
            continue
        if size + length > MAX_PAYLOAD_BYTES:
            yield "\n".join(lines)
            lines, size = [], 0
        lines.append(key)
        size += length
    if lines:
        yield "\n".join(lines)
