"""What is recorded of refusals that come in bursts: an entry each, or one for many.

Nobody must be able to force unbounded writes: after the twentieth of one kind in a minute, the rest of that minute
become one entry that says how many there were, and when the first and the last.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from app.audit.states import Json
from app.clock import Clock, to_text

SINGLY = 20
"""How many of one kind have an entry each in a minute."""
PERIOD = timedelta(minutes=1)
KINDS_LIMIT = 10_000
"""Past this many different kinds in a minute all further ones are counted together, by what their kinds share."""

Kind = TypeVar("Kind", bound=Hashable)
Refusal = TypeVar("Refusal")


@dataclass(frozen=True, slots=True)
class Many:
    """How many there were of a kind that have no entry each, and since and until when it came."""

    count: int
    first: datetime
    last: datetime

    def said(self) -> Json:
        """The same in an entry's words."""
        return {"count": self.count, "first": to_text(self.first), "last": to_text(self.last)}


@dataclass(slots=True)
class _Burst(Generic[Refusal]):
    """Of one kind. While entries of single ones are `under_way` nobody knows how many have none."""

    newest: Refusal
    first: datetime
    last: datetime
    seen: int = 0
    unrecorded: int = 0
    under_way: int = 0


@dataclass(slots=True)
class Bursts(Generic[Kind, Refusal]):
    """See the module. `flush` must be called at least once a minute, and at the end.

    `record` writes an entry of one refusal, or of many of which this is the newest, and answers whether it is written.
    What is not stays counted. `shared` is the kind under which one past the limit is counted.
    """

    clock: Clock
    record: Callable[[Refusal, Many | None], Awaitable[bool]]
    shared: Callable[[Kind], Kind]
    _bursts: dict[Kind, _Burst[Refusal]] = field(default_factory=dict)

    async def add(self, kind: Kind, refusal: Refusal) -> None:
        """Record a refusal, or count it. Whoever is cancelled meanwhile takes nothing of it back."""
        now = self.clock()
        kind = self._counted_as(kind)
        writing: list[Coroutine[None, None, None]] = []
        over = self._take(kind, before=now - PERIOD)
        if over is not None:
            writing.append(self._record_many(kind, over))
        burst = self._count(kind, refusal, now)
        if burst.seen > SINGLY:
            burst.unrecorded += 1
        else:
            burst.under_way += 1
            writing.append(self._record_one(burst, refusal))
        if writing:
            await asyncio.shield(asyncio.gather(*writing))

    def add_later(self, kind: Kind, refusal: Refusal) -> None:
        """Count a refusal whose entry cannot be written now; the next flush that can writes one for all of them."""
        self._count(self._counted_as(kind), refusal, self.clock()).unrecorded += 1

    async def flush(self, *, everything: bool = False) -> None:
        """Write the entries of the bursts whose minute is over, or of all."""
        now = self.clock()
        for kind in list(self._bursts):
            burst = self._take(kind, before=None if everything else now - PERIOD)
            if burst is not None:
                await asyncio.shield(asyncio.create_task(self._record_many(kind, burst)))

    def _counted_as(self, kind: Kind) -> Kind:
        return kind if kind in self._bursts or len(self._bursts) < KINDS_LIMIT else self.shared(kind)

    def _count(self, kind: Kind, refusal: Refusal, now: datetime) -> _Burst[Refusal]:
        burst = self._bursts.get(kind)
        if burst is None:
            burst = self._bursts[kind] = _Burst(refusal, now, now)
        burst.seen += 1
        burst.newest, burst.last = refusal, now
        return burst

    def _take(self, kind: Kind, *, before: datetime | None) -> _Burst[Refusal] | None:
        """End a burst, if it began before then; answers it where there is something to write of it."""
        burst = self._bursts.get(kind)
        # One that is under way is counted when it has ended; a later flush finds it.
        if burst is None or burst.under_way or (before is not None and burst.first > before):
            return None
        del self._bursts[kind]
        return burst if burst.unrecorded else None

    async def _record_one(self, burst: _Burst[Refusal], refusal: Refusal) -> None:
        try:
            if not await self.record(refusal, None):
                burst.unrecorded += 1
        finally:
            burst.under_way -= 1

    async def _record_many(self, kind: Kind, burst: _Burst[Refusal]) -> None:
        if await self.record(burst.newest, Many(burst.unrecorded, burst.first, burst.last)):
            return
        # The log is away: the count waits for it, with whatever came in the meantime.
        came = self._bursts.setdefault(kind, burst)
        if came is not burst:
            came.first = burst.first
            came.seen += burst.seen
            came.unrecorded += burst.unrecorded
