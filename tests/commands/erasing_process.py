"""A process that erases somebody and says how far it is, to be killed there."""

import asyncio
import sys

from app.actor import command_line
from app.clock import system_clock
from app.services.command import Done, Tx
from app.services.door import Door
from app.services.erasure import EraseSubject
from app.store.database import Role, open_database
from app.store.removals import Erased
from tests.house import ORIGIN

FOREVER = 3_600


class Halting(EraseSubject):
    """Stops between the deletion and its entry."""

    async def __call__(self, tx: Tx) -> Done[Erased]:
        """See EraseSubject."""
        await EraseSubject.__call__(self, tx)
        return await halt("deleted")


async def halt(moment: str) -> Done[Erased]:
    """Say so, and wait for the end."""
    sys.stdout.write(f"{moment}\n")
    sys.stdout.flush()
    await asyncio.sleep(FOREVER)
    raise TimeoutError


async def erase(url: str, account_id: str, subject_id: str, moment: str) -> None:
    """Erase, up to a moment."""
    database = open_database(url, role=Role.BESIDE)
    await database.start()
    door = Door(database, clock=system_clock, node="eraser", software="anchorage/test")
    erasing = (Halting if moment == "deleted" else EraseSubject)(subject_id, "no hash")
    await door.perform(command_line(account_id, "root"), erasing, ORIGIN)
    await halt(moment)


if __name__ == "__main__":
    asyncio.run(erase(*sys.argv[1:]))
