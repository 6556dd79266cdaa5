"""One notary as a process of its own, which signs in a loop, and at one step of a cycle gets a signal.

Says on standard output what happens, a line each: `started`, `published SIZE`, `refused REASON`, and how a cycle ended.
"""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from app.audit.continuity import CannotSign
from app.audit.notary import Notary, Step, Superseded
from app.errors import AuditUnavailable, OutcomeUnknown, StoreUnavailable
from app.store.database import Role, open_database
from tests.audit.notaries import notary_of

PAUSE_SECONDS = 0.02


def say(*words: object) -> None:
    """One line."""
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


def signalling(step: str, nth: int, signum: int) -> Callable[[Step], None]:
    """A hook that sends this process the signal when a cycle has done the step for the nth time."""
    seen: Counter[Step] = Counter()

    def passed(at: Step) -> None:
        seen[at] += 1
        if at == step and seen[at] == nth:
            os.kill(os.getpid(), signum)

    return passed


async def sign(notary: Notary, *, once: bool) -> None:
    """Cycles without end; where it was stopped once, until something ends them."""
    running = False
    while True:
        try:
            if not running:
                await notary.start()
                running = True
                say("started")
            cycle = await notary.cycle()
            if cycle.signed is not None:
                say("published", cycle.signed.size)
        except CannotSign as refusal:
            say("refused", refusal.reason)
            return
        except (Superseded, AuditUnavailable, OutcomeUnknown, StoreUnavailable) as error:
            say(type(error).__name__)
            running = False
            if once:
                return
        await asyncio.sleep(PAUSE_SECONDS)


async def main(url: str, folder: str, names: str, step: str, nth: str, signum: str) -> None:
    """Run one with the arguments of the command line."""
    database = open_database(url, role=Role.BESIDE, pool_size=2)
    await database.start()
    number = int(signum)
    passed = signalling(step, int(nth), number)
    await sign(notary_of(database, Path(folder), *names.split(","), passed=passed), once=number == signal.SIGSTOP)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
