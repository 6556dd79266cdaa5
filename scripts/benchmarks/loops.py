"""The event loop of the server, for what is measured without one."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def in_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run it on the event loop that the server uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
