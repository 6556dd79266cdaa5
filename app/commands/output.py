"""Where a result goes: to standard output, or whole into a file, or not at all; and how far it has come."""

import asyncio
import codecs
import fcntl
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from app.whole_files import sync_folder

FILE_MODE = 0o600
SHOWN_EVERY = 500
WRITTEN_AT_ONCE = 1_048_576
SYNCED_AT_ONCE = 67_108_864

SPELLED_OUT = "anchorage.spelled_out"
"""How an encoding treats what it cannot show: as `\\u` and hexadecimal digits, which JSON understands too."""

T = TypeVar("T")

Write = Callable[[bytes], object]


def _spelled_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(SPELLED_OUT, _spelled_out)


class Part:
    """A hidden file beside the one that it becomes once it is whole. One process at a time writes it.

    Another thread may write, while the one that closes it waits.

    Raises OSError, also where another process is writing it now.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = path.with_name(f".{path.name}.part")
        self._descriptor = os.open(self.place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        self._waiting: list[bytes] = []
        self._size = self._unsynced = 0
        self._lock = Lock()
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise OSError(f"{path} is being written by another process.") from error

    @property
    def length(self) -> int:
        """How long it is on the disk."""
        return os.fstat(self._descriptor).st_size

    def read(self) -> BinaryIO:
        """What is there, from its beginning."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return os.fdopen(self._descriptor, "rb", closefd=False)

    def cut(self, length: int) -> None:
        """Go on from this length."""
        os.ftruncate(self._descriptor, length)
        os.lseek(self._descriptor, length, os.SEEK_SET)

    def write(self, data: bytes) -> None:
        """Add to its end."""
        with self._lock:
            self._waiting.append(data)
            self._size += len(data)
            if self._size >= WRITTEN_AT_ONCE:
                self._flush()

    def flush(self) -> None:
        """Hand what waits to the system."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        rest = memoryview(b"".join(self._waiting))
        self._unsynced += self._size
        self._waiting, self._size = [], 0
        while rest:
            # A system may take less than it is given.
            rest = rest[os.write(self._descriptor, rest) :]
        if self._unsynced >= SYNCED_AT_ONCE:
            # The disk works while more is read; at the end it would be waited for.
            os.fdatasync(self._descriptor)
            self._unsynced = 0

    def become(self) -> None:
        """Give the file its name, once everything is on the disk."""
        self.flush()
        os.fsync(self._descriptor)
        self.place.replace(self.path)
        sync_folder(self.path.parent)

    def remove(self) -> None:
        """Take it away."""
        self.place.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it; whatever waits is dropped."""
        os.close(self._descriptor)


@contextmanager
def written_whole(path: Path | None) -> Iterator[Write]:
    """Where to write. A file gets its name at the end, once everything is on the disk; until then it has another.

    The name is on the disk too when the block has ended. Whatever interrupts the block leaves no file, and one that was
    there as it was. Raises OSError.
    """
    if path is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    with closing(Part(path)) as part:
        part.cut(0)
        try:
            yield part.write
            part.become()
        except BaseException:
            part.remove()
            raise


@contextmanager
def written_onward(path: Path) -> Iterator[Part]:
    """As `written_whole`, for what can be continued: whatever interrupts the block, what was written stays hidden.

    It begins with what an interruption has left; `Part.cut` says how much of it counts.
    """
    with closing(Part(path)) as part:
        try:
            yield part
            part.become()
        except BaseException:
            with suppress(OSError):
                part.flush()
            if not part.length:
                part.remove()
            raise


class WritingBehind:
    """Writes in a thread while the caller gets the next piece ready. At most one piece is under way. Close it."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._under_way: asyncio.Future[object] | None = None

    async def write(self, data: bytes) -> None:
        """Write after what came before. Raises what writing that raised."""
        await self.finish()
        self._under_way = asyncio.get_running_loop().run_in_executor(None, self._write, data)

    async def finish(self) -> None:
        """Wait until everything is written. Raises what writing raised."""
        if self._under_way is not None:
            # Whoever is cancelled here has not cancelled the thread.
            await asyncio.shield(self._under_way)
            self._under_way = None

    async def aclose(self) -> None:
        """Wait for the thread, however it ends."""
        if self._under_way is not None:
            await asyncio.wait([self._under_way])


def drop_standard_output() -> None:
    """Whoever read the standard output has gone: let what is still buffered go nowhere instead of into an error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Bar:
    """How far something long has come, on standard error; silent where that is not a terminal. Close it."""

    def __init__(self, what: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(what, total=None)
        self._shown = self._progress.console.is_terminal
        if self._shown:
            self._progress.start()

    def show(self, done: int, total: int | None) -> None:
        """Say how many are done, of how many; None where nobody knows."""
        self._progress.update(self._task, completed=done, total=total)

    async def through(self, items: AsyncIterator[T], total: int) -> AsyncIterator[T]:
        """The items, counted as they pass."""
        done = 0
        async for item in items:
            yield item
            done += 1
            if done % SHOWN_EVERY == 0:
                self.show(done, total)

    def close(self) -> None:
        """Take the bar away."""
        if self._shown:
            self._progress.stop()
