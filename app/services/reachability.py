"""Whether the database answers: those who read it while a gateway waits must not each wait for one that hangs.

A host that is frozen, or whose packets are dropped, refuses nothing: whoever asks it waits. A gateway gives up after
about two seconds, and lets nobody in then, so the first who waits in vain tells the others. Waiting is no proof by
itself: where many ask at once, or this process has much to do, a database that answers is waited for as well.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.errors import Refusal, StoreUnavailable

READ_SECONDS = 1.0
"""How long a read may take, where the database answers nobody else."""
PATIENCE_SECONDS = 1.8
"""How long one may take at all: a gateway that hears nothing for two seconds refuses by itself."""
LATE_SECONDS = 0.1
"""By how much later than it should have this process looks again, where it has much to do."""
SLOW_SECONDS = 0.25
"""What fails sooner holds nobody up, and is tried by everybody again."""
RETRY_SECONDS = 0.25
"""How soon after a read that failed slowly the next one is tried, by one of those who ask."""

Monotonic = Callable[[], float]
"""Answers seconds that only grow, from whatever beginning."""

T = TypeVar("T")


class Reachability:
    """What one process knows of it."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._unread_since: float | None = None
        self._slow_at: float | None = None
        self._answered_at: float | None = None

    async def read(self, reading: Callable[[], Awaitable[T]]) -> T:
        """What `reading` answers, within READ_SECONDS, or PATIENCE_SECONDS while others are answered.

        Raises StoreUnavailable, at once where another read has just failed slowly, and what `reading` raises.
        """
        begun = self._monotonic()
        if self._slow_at is not None:
            if begun - self._slow_at < RETRY_SECONDS:
                raise StoreUnavailable("The database did not answer a moment ago.")
            # This one tries; until it knows, the others do not.
            self._slow_at = begun + READ_SECONDS
        try:
            async with asyncio.timeout(PATIENCE_SECONDS) as timeout:
                loop = asyncio.get_running_loop()
                due = loop.time() + READ_SECONDS
                look = loop.call_at(due, self._look, timeout, begun, due)
                try:
                    value = await reading()
                finally:
                    look.cancel()
        except (StoreUnavailable, TimeoutError) as error:
            if not self._has_answered_since(begun):
                self.failed(begun)
                ended = self._monotonic()
                self._slow_at = ended if ended - begun >= SLOW_SECONDS else None
            raise StoreUnavailable("The database cannot be read now.") from error
        except Refusal:
            # An answer as well.
            self.readable()
            raise
        self.readable()
        return value

    @property
    def hangs(self) -> bool:
        """Whether the last read that ended failed slowly."""
        return self._slow_at is not None

    @property
    def unread_since(self) -> float | None:
        """Since when nothing could be read though something was asked for; None while it can."""
        return self._unread_since

    def failed(self, since: float) -> None:
        """What was asked for at this instant could not be read."""
        if self._unread_since is None:
            self._unread_since = since

    def readable(self) -> None:
        """It was read, by this or by somebody else."""
        self._unread_since = self._slow_at = None
        self._answered_at = self._monotonic()

    def _look(self, timeout: asyncio.Timeout, begun: float, due: float) -> None:
        """Give a read up that has waited long, unless the database answers others or this process itself is late."""
        now = asyncio.get_running_loop().time()
        if not self._has_answered_since(begun) and now - due < LATE_SECONDS:
            timeout.reschedule(now)

    def _has_answered_since(self, instant: float) -> bool:
        return self._answered_at is not None and self._answered_at > instant
