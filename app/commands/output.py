"""Where a result goes: to standard output, or whole into a file, or not at all; and how far it has come."""

import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

FILE_MODE = 0o600
SHOWN_EVERY = 500

T = TypeVar("T")

Write = Callable[[bytes], object]


@contextmanager
def written_whole(path: Path | None) -> Iterator[Write]:
    """Where to write. A file gets its name at the end, once everything is on the disk; until then it has another.

    Whatever interrupts the block leaves no file, and one that was there as it was. Raises OSError.
    """
    if path is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


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
