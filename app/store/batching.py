"""Group commit: units of work that wait for the same lane run in one transaction and are answered after its one commit.

The commit, which waits for the disk or for other hosts, is what a write costs; under load its cost is shared.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar, cast

from app.errors import AuditUnavailable, OutcomeUnknown
from app.store.connection import Transaction
from app.store.transaction import OpenTransaction

MAX_BATCH = 64
"""So that one lost transaction, or one slow unit, costs a bounded number of callers."""

_log = logging.getLogger(__name__)

T = TypeVar("T")
Unit = Callable[[Transaction], Awaitable[T]]


@dataclass(slots=True)
class _Waiting:
    key: str
    unit: Unit[Any]
    answer: asyncio.Future[Any]
    since: float = field(default_factory=monotonic)
    value: Any = None
    error: BaseException | None = None


class GroupCommit:
    """Runs units of work, each lane in the order of its coming.

    A unit never feels its caller's cancellation: it runs in a task that belongs to this object. Whoever cancels or
    goes away loses the answer, nothing else.
    """

    def __init__(
        self,
        *,
        begin: Callable[[], Awaitable[OpenTransaction]],
        lane: Callable[[str], str],
        committed: Callable[[str], None],
    ) -> None:
        self._begin = begin
        self._lane = lane
        self._committed = committed
        self._queues: dict[str, deque[_Waiting]] = {}
        self._running: dict[str, Sequence[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._refused_at: float | None = None

    async def submit(self, key: str, unit: Unit[T]) -> T:
        """The unit's own value or exception, once it is committed.

        Raises AuditUnavailable if nothing was done, OutcomeUnknown if the commit's answer was lost.
        """
        if self._closing:
            raise AuditUnavailable("The service is stopping: try again in a moment.")
        waiting = _Waiting(key, unit, asyncio.get_running_loop().create_future())
        lane = self._lane(key)
        queue = self._queues.get(lane)
        if queue is None:
            queue = self._queues[lane] = deque()
            task = asyncio.create_task(self._work(lane, queue), name=f"group commit of {lane or 'everything'}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.append(waiting)
        return cast("T", await waiting.answer)

    def oldest_wait_seconds(self) -> float:
        """For how long the unit that has waited or run longest has been here; 0.0 when there is none."""
        waiting = [queue[0] for queue in self._queues.values() if queue]
        waiting += [batch[0] for batch in self._running.values()]
        return max((monotonic() - one.since for one in waiting), default=0.0)

    def refuses(self, within_seconds: float) -> bool:
        """Whether the last transaction to end was refused, so recently: it need not be so any more."""
        return self._refused_at is not None and monotonic() - self._refused_at < within_seconds

    async def drain(self) -> None:
        """Take nothing new, and finish what is queued."""
        self._closing = True
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _work(self, lane: str, queue: deque[_Waiting]) -> None:
        try:
            while queue:
                await self._run_batch(lane, queue)
        finally:
            # There is no await between the last look at the queue and this line: a unit can be left in it only when
            # the event loop is being torn down around this task.
            del self._queues[lane]
            _refuse(queue, AuditUnavailable("The service is stopping: nothing was done."))

    async def _run_batch(self, lane: str, queue: deque[_Waiting]) -> None:
        batch: list[_Waiting] = []
        try:
            transaction = await self._begin()
        except AuditUnavailable as refusal:
            self._refused_at = monotonic()
            _refuse(_take(queue), refusal)
            return
        try:
            # Taken after BEGIN, which may have waited, so that whatever came meanwhile shares the commit.
            batch = self._running[lane] = _take(queue)
            refused = await self._run_units(transaction, batch)
            self._refused_at = None if refused is None else monotonic()
            if refused is None:
                _answer(batch)
            else:
                _refuse(batch, refused)
        finally:
            self._running.pop(lane, None)
            _refuse(batch, OutcomeUnknown("The service stopped: ask again with the same idempotency key."))

    async def _run_units(
        self, transaction: OpenTransaction, batch: Sequence[_Waiting]
    ) -> AuditUnavailable | OutcomeUnknown | None:
        for waiting in batch:
            await _run_unit(waiting, transaction)
            if not transaction.sound:
                transaction.finish()
                await transaction.abandon()
                return AuditUnavailable("The database gave the transaction up: nothing was done.")
        transaction.finish()
        try:
            await transaction.commit()
        except (AuditUnavailable, OutcomeUnknown) as refusal:
            return refusal
        for key in {waiting.key for waiting in batch}:
            self._committed(key)
        return None


async def _run_unit(waiting: _Waiting, transaction: OpenTransaction) -> None:
    try:
        waiting.value = await waiting.unit(transaction)
    # Not handled here: handed to the caller of `write`, whose exception it is.
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            await transaction.abandon()
            raise
        waiting.error = error


def _take(queue: deque[_Waiting]) -> list[_Waiting]:
    return [queue.popleft() for _ in range(min(len(queue), MAX_BATCH))]


def _answer(batch: Iterable[_Waiting]) -> None:
    """Give each unit its own answer."""
    for waiting in batch:
        if waiting.answer.done():
            continue
        if waiting.error is not None:
            waiting.answer.set_exception(waiting.error)
        else:
            waiting.answer.set_result(waiting.value)


def _refuse(batch: Iterable[_Waiting], refusal: AuditUnavailable | OutcomeUnknown) -> None:
    """Give the refusal to all that have no answer yet."""
    unanswered = [waiting for waiting in batch if not waiting.answer.done()]
    if not unanswered:
        return
    errors = [waiting.error for waiting in unanswered] + [refusal.__cause__]
    # Kinds and no texts: a database's message may quote the values of a row.
    kinds = sorted({type(error).__name__ for error in errors if error is not None})
    _log.error("%d units of work got %s after %s", len(unanswered), refusal.code, ", ".join(kinds) or "no error")
    for waiting in unanswered:
        # An exception of its own for each: a traceback grows with every raise.
        own = type(refusal)(refusal.message)
        own.__cause__ = waiting.error or refusal
        waiting.answer.set_exception(own)
