"""Tortoise's own engine in the conformance test: run as a program, because it hangs and cannot be stopped otherwise."""

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from tortoise import Tortoise, fields
from tortoise.models import Model
from tortoise.transactions import in_transaction

from tests.store.conformance import Refused, require_conformance

READY = "ready"
"""Said once the table is there: whatever ends the program afterwards is the engine's doing."""


class Note(Model):
    """The table that the test writes to."""

    id = fields.IntField(primary_key=True, generated=False)

    class Meta:
        """Its name."""

        table = "note"


class StockEngine:
    """See `conformance.Subject`."""

    async def write(self, number: int, *, refuse: bool) -> None:
        """See `conformance.Subject.write`."""
        async with in_transaction() as connection:
            await Note.create(id=number, using_db=connection)
            if refuse:
                raise Refused

    async def numbers(self) -> list[int]:
        """See `conformance.Subject.numbers`."""
        return [row["id"] for row in await Note.all().values("id")]


async def main(url: str) -> None:
    """Raises what `require_conformance` raises, or whatever the stock engine came to."""
    await Tortoise.init(db_url=url, modules={"models": ["tests.store.stock_engine"]}, _enable_global_fallback=True)
    await Tortoise.generate_schemas()
    sys.stdout.write(f"{READY}\n")
    await require_conformance(StockEngine())


if __name__ == "__main__" and not TYPE_CHECKING:
    outcome = 1
    try:
        asyncio.new_event_loop().run_until_complete(main(sys.argv[1]))
        outcome = 0
    finally:
        sys.stdout.flush()
        # Its threads and connections are stuck: nothing orderly ends this process.
        os._exit(outcome)
