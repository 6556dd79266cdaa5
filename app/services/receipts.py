"""Receipts for those who wait for them: a checkpoint is asked for, and comes, or does not, within three seconds."""

import asyncio
from collections.abc import Mapping

from app.audit.notary import LANE
from app.audit.proof import Receipt
from app.audit.receipts import published, receipts
from app.services.signing import WANTED
from app.store.database import Database

WAIT_SECONDS = 3.0
LOOK_SECONDS = 0.25
"""Between looks without news: those of another process come with a connection that may be lost."""


async def awaited_receipts(database: Database, entries: Mapping[int, bytes]) -> dict[int, Receipt]:
    """The receipts of entries, by `seq`, each to the newest checkpoint; absent where none came to cover the entry.

    `entries` gives each entry's hash. Raises StoreUnavailable and TreeDamaged.
    """
    until = asyncio.get_running_loop().time() + WAIT_SECONDS
    with database.wakes.watch(LANE) as watch:
        while True:
            upto = await published(database.reads)
            found = {} if upto is None else await receipts(database.reads, upto, entries)
            left = until - asyncio.get_running_loop().time()
            if len(found) == len(entries) or left <= 0:
                return found
            database.wakes.announce(WANTED)
            await watch.wait(min(left, LOOK_SECONDS))
