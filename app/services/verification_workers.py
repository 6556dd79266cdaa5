"""Verifies with every processor: processes that each read the database themselves and examine stretches of the log.

Questions and answers are pickles, each after eight bytes with its length. The other end of both pipes is a process of
our own, so nobody else can put one there. A process that ends too early, however it ends, is an error: what it was
asked to look at counts as looked at only by its answer.
"""

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import app
from app.audit.examine import Examined
from app.audit.stored import Stretch
from app.audit.verify import Whole
from app.audit.verify_tree import Trusted
from app.errors import StoreUnavailable

LENGTH_BYTES = 8
AHEAD = 4
"""How many stretches there may be for each process, those that wait to be joined among them."""

_PROGRAM = (sys.executable, "-P", "-m", "app.services.verification_worker")
_ENDED = "A process that reads the log ended before it was done."


@dataclass(frozen=True, slots=True)
class Follow:
    """Read as of this instant from now on. Answered with None."""

    instant: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The answer where the database cannot be read; the process ends."""

    message: str


@dataclass(frozen=True, slots=True)
class LookAtWhole:
    """See `app.audit.verify.examine_whole`. Answered with what it answers."""

    trusted: Sequence[Trusted]


Question = Follow | Stretch | LookAtWhole


def framed(message: object) -> bytes:
    """A message as it goes through a pipe."""
    pickled = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(pickled).to_bytes(LENGTH_BYTES) + pickled


def length_of(head: bytes) -> int:
    """How long the message after these bytes is."""
    return int.from_bytes(head)


def message_of(pickled: bytes) -> Any:  # noqa: ANN401  # whatever was sent
    """What was sent."""
    return pickle.loads(pickled)  # noqa: S301  # by a process of our own


@dataclass(slots=True)
class Worker:
    """A process, and what it is asked: one thing at a time."""

    process: Process
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    @asynccontextmanager
    async def started(cls, url: str) -> AsyncIterator["Worker"]:
        """A process that reads the database of this URL. It ends with the block."""
        process = await asyncio.create_subprocess_exec(*_PROGRAM, stdin=PIPE, stdout=PIPE, env=_environment())
        worker = cls(process)
        try:
            # Through the pipe, not on the command line: it may hold a password.
            worker._write(f"{url}\n".encode())
            yield worker
            worker._input.close()
        except BaseException:
            if process.returncode is None:
                process.terminate()
            raise
        finally:
            await process.wait()

    async def ask(self, question: Question) -> Any:  # noqa: ANN401  # what it answers depends on what it is asked
        """Its answer. Raises StoreUnavailable."""
        async with self._turn:
            try:
                self._write(framed(question))
                await self._input.drain()
                output = self.process.stdout
                assert output is not None  # noqa: S101  # it was asked for
                answer = message_of(await output.readexactly(length_of(await output.readexactly(LENGTH_BYTES))))
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise StoreUnavailable(_ENDED) from error
        if isinstance(answer, Unavailable):
            raise StoreUnavailable(answer.message)
        return answer

    @property
    def _input(self) -> asyncio.StreamWriter:
        assert self.process.stdin is not None  # noqa: S101  # it was asked for
        return self.process.stdin

    def _write(self, data: bytes) -> None:
        self._input.write(data)


@dataclass(slots=True)
class Workers:
    """Some processes, all of which read the same database. See `app.audit.verify.Examiner`.

    `trusted` are the checkpoints that the log must continue.
    """

    each: Sequence[Worker]
    trusted: Sequence[Trusted] = ()
    _whole: asyncio.Task[Whole] | None = None

    @classmethod
    @asynccontextmanager
    async def started(cls, url: str, processes: int, trusted: Sequence[Trusted] = ()) -> AsyncIterator["Workers"]:
        """So many processes. They end with the block."""
        async with AsyncExitStack() as stack:
            yield cls([await stack.enter_async_context(Worker.started(url)) for _ in range(processes)], trusted)

    async def follow(self, instant: str) -> None:
        """See `app.store.instants.share_instant`. Raises StoreUnavailable."""
        await asyncio.gather(*(worker.ask(Follow(instant)) for worker in self.each))

    async def examined(self, stretches: Sequence[Stretch]) -> AsyncGenerator[Examined]:
        """See `Examiner.examined`. Raises StoreUnavailable."""
        free: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in self.each:
            free.put_nowait(worker)

        async def answered(question: Question) -> Any:  # noqa: ANN401  # as `ask`
            worker = await free.get()
            answer = await worker.ask(question)
            free.put_nowait(worker)
            return answer

        # At once, and beside the stretches: at the end everything would wait for it.
        self._whole = asyncio.create_task(answered(LookAtWhole(self.trusted)))
        begun: deque[asyncio.Task[Examined]] = deque()
        try:
            for stretch in stretches:
                begun.append(asyncio.create_task(answered(stretch)))
                if len(begun) == AHEAD * len(self.each):
                    yield await begun.popleft()
            while begun:
                yield await begun.popleft()
        finally:
            for task in (*begun, self._whole):
                task.cancel()
            await asyncio.gather(*begun, self._whole, return_exceptions=True)

    async def whole(self) -> Whole:
        """See `Examiner.whole`. Raises StoreUnavailable."""
        found: Whole = await (self._whole or self.each[0].ask(LookAtWhole(self.trusted)))
        return found


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _environment() -> dict[str, str]:
    # The same program, wherever this one was started: the working directory may hold something else of its name.
    here = str(Path(app.__file__).parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))}
