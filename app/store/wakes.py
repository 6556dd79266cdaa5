"""Who waits for news of a key, and how they hear of it."""

import asyncio
from types import TracebackType
from typing import Protocol, Self


class Watch:
    """Waits for one key. Enter it before the first read, and read after every return of `wait`."""

    def __init__(self, wakes: "LocalWakes", key: str) -> None:
        self._wakes = wakes
        self._key = key
        self._news = asyncio.Event()

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def begin(self) -> None:
        """Hear from now on: for a watch that outlives a block."""
        self._wakes.add(self._key, self)

    def end(self) -> None:
        """Hear no more."""
        self._wakes.remove(self._key, self)

    def heard(self) -> bool:
        """Whether the key was announced since this, or `wait`, was last asked."""
        if not self._news.is_set():
            return False
        self._news.clear()
        return True

    async def wait(self, timeout_seconds: float) -> None:
        """Return when the key is announced, at once if it was since the last return, at the latest at the time-out.

        It does not say which: news can be lost between hosts, so the caller looks in any case.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._news.wait()
        except TimeoutError:
            pass
        # Before the caller reads: what is announced while it reads makes the next wait return at once.
        self._news.clear()

    def wake(self) -> None:
        """There is news."""
        self._news.set()


class Wakes(Protocol):
    """Tells the watchers of a key that something about it was committed."""

    def watch(self, key: str) -> Watch:
        """A context manager; see `Watch`."""

    def announce(self, key: str) -> None:
        """Wake the watchers, here and on other hosts. Never waits, never raises; only after the commit."""


class LocalWakes:
    """Within this process: all there is on SQLite, and the near half on PostgreSQL."""

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}

    def watch(self, key: str) -> Watch:
        """See `Wakes.watch`."""
        return Watch(self, key)

    def announce(self, key: str) -> None:
        """See `Wakes.announce`."""
        for watch in self._watches.get(key, ()):
            watch.wake()

    def announce_all(self) -> None:
        """Wake everyone: news may have been missed."""
        for key in self._watches:
            self.announce(key)

    def add(self, key: str, watch: Watch) -> None:
        """The watch begins to hear."""
        self._watches.setdefault(key, set()).add(watch)

    def remove(self, key: str, watch: Watch) -> None:
        """The watch hears no more."""
        watches = self._watches.get(key, set())
        watches.discard(watch)
        if not watches:
            self._watches.pop(key, None)
