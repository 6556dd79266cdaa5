"""What any transaction engine must hold when its callers are cancelled at random points."""

import asyncio
import random
from typing import Protocol

HANG_SECONDS = 5.0
ROUNDS = 400


class Refused(Exception):
    """Raised inside a unit of work whose effects must then not exist."""


class Subject(Protocol):
    """The engine that is looked at, over a table `note` with a number in each row."""

    async def write(self, number: int, *, refuse: bool) -> None:
        """Insert the number in a transaction; with `refuse`, raise Refused after the insert, inside the transaction."""

    async def numbers(self) -> list[int]:
        """The numbers that are there."""


async def require_conformance(subject: Subject) -> None:
    """Raises AssertionError or TimeoutError unless 400 cancellations leave no hang, no leak and no ghost."""
    choose = random.Random(1)  # noqa: S311 - a repeatable choice, nothing secret
    acknowledged: set[int] = set()
    refused: set[int] = set()
    for number in range(ROUNDS):
        refuse = number % 3 == 0
        doing = [asyncio.create_task(subject.write(number, refuse=refuse)), asyncio.create_task(subject.numbers())]
        for _ in range(choose.randrange(8)):
            await asyncio.sleep(0)
        if choose.random() < 0.5:
            await asyncio.sleep(choose.random() * 0.002)
        for task in doing:
            task.cancel()
        async with asyncio.timeout(HANG_SECONDS):
            written, _ = await asyncio.gather(*doing, return_exceptions=True)
        if written is None:
            acknowledged.add(number)
        if refuse:
            refused.add(number)
    async with asyncio.timeout(HANG_SECONDS):
        # More at once than any pool holds: a leaked connection would make these wait for ever.
        after = range(ROUNDS, ROUNDS + 50)
        await asyncio.gather(*(subject.write(number, refuse=False) for number in after))
        seen = await asyncio.gather(*(subject.numbers() for _ in range(50)))
    rows = set(seen[0])
    assert acknowledged | set(after) <= rows, "an acknowledged write is not there"
    assert not refused & rows, "a refused write is there"
