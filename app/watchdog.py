"""Ends a process that can no longer do its work, so that whoever supervises it starts a fresh one.

Two things are watched: that units of work end, and that the event loop runs. Time is counted in ticks of a second, so
that a process that was stopped and continued, or a machine that slept, is not taken for one that hangs.
"""

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import structlog
from structlog.typing import FilteringBoundLogger

from app.transport.log_lines import SERVER

PATIENCE_SECONDS = 30
TICK_SECONDS = 1.0
EXIT_STATUS = 70
"""EX_SOFTWARE of sysexits.h."""

End = Callable[[str], object]

_log: FilteringBoundLogger = structlog.get_logger(SERVER)


def end_process(reason: str) -> NoReturn:
    """Say why, show where every thread stands, and be gone: nothing that hangs can keep this from happening."""
    try:
        _log.critical("the process ends itself", reason=reason)
        faulthandler.dump_traceback(sys.stderr)
    finally:
        os._exit(EXIT_STATUS)


@dataclass(slots=True)
class Watchdog:
    """Watches from a task, and watches the task from a thread."""

    oldest_wait_seconds: Callable[[], float]
    end: End = end_process
    patience_seconds: int = PATIENCE_SECONDS
    tick_seconds: float = TICK_SECONDS
    _missed: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)

    async def watch(self) -> None:
        """Watch until cancelled."""
        thread = threading.Thread(target=self._watch_the_loop, name="watchdog", daemon=True)
        thread.start()
        try:
            while True:
                self._missed = 0
                waited = self.oldest_wait_seconds()
                if waited > self.patience_seconds:
                    self.end(f"A unit of work has waited for {waited:.0f} s.")
                await asyncio.sleep(self.tick_seconds)
        finally:
            self._stopped.set()

    def _watch_the_loop(self) -> None:
        while not self._stopped.wait(self.tick_seconds):
            self._missed += 1
            if self._missed > self.patience_seconds:
                self.end("The event loop does not run.")
                return


def end_after(seconds: float, reason: str, end: End = end_process) -> threading.Timer:
    """End the process then, unless the timer is cancelled or the process is gone before."""
    timer = threading.Timer(seconds, end, (reason,))
    timer.daemon = True
    timer.start()
    return timer
