"""A process that cannot do its work any more is ended; one that can is left alone."""

import asyncio
import subprocess
import sys
import textwrap

import pytest

from app.watchdog import EXIT_STATUS, Watchdog

pytestmark = pytest.mark.once

WEDGED_LOOP = """
    import asyncio, time
    from app.watchdog import Watchdog

    async def main():
        asyncio.create_task(Watchdog(lambda: 0.0, patience_seconds=3, tick_seconds=0.05).watch())
        await asyncio.sleep(0.2)
        time.sleep(60)

    asyncio.run(main())
"""


async def test_a_unit_that_waits_too_long_ends_the_process() -> None:
    reasons: list[str] = []
    waits = iter([0.0, 30.0, 31.0])

    def end(reason: str) -> None:
        reasons.append(reason)
        watching.cancel()

    watching = asyncio.create_task(Watchdog(lambda: next(waits), end=end, tick_seconds=0.01).watch())
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert reasons == ["A unit of work has waited for 31 s."]


def test_an_event_loop_that_does_not_run_ends_the_process() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WEDGED_LOOP)], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == EXIT_STATUS
    assert "The event loop does not run." in ended.stderr + ended.stdout
    assert "time.sleep(60)" in ended.stderr or "line 8 in main" in ended.stderr


async def test_a_process_that_works_is_left_alone() -> None:
    reasons: list[str] = []
    watching = asyncio.create_task(
        Watchdog(lambda: 1.0, end=reasons.append, patience_seconds=5, tick_seconds=0.02).watch()
    )
    # Ten times what it would have taken for one that hangs.
    await asyncio.sleep(1)
    watching.cancel()
    assert reasons == []
