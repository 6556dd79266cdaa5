"""A log that grows, a witness that knows it, and what is heard of both."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from app.audit.witness import Witness
from app.clock import system_clock
from app.services.witnesses import Pace, Witnesses
from tests.growing import NAME, Growing
from tests.house import House
from tests.witnessing.witness import FakeWitness, answering

QUICK = Pace(request=5.0, pause=0.0, look=0.05, first_back_off=0.01, last_back_off=0.02)


@dataclass
class Heard:
    """What the observer hears."""

    sizes: dict[str, int] = field(default_factory=dict)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)

    news: asyncio.Event = field(default_factory=asyncio.Event)

    def witness_is_current(self, witness: str, size: int) -> None:
        self.sizes[witness] = size
        self.news.set()

    def witness_failed(self, witness: str, reason: str) -> None:
        self.failures[witness, reason] += 1
        self.news.set()

    async def cosigned(self, witness: str, size: int) -> None:
        """Return once the witness has cosigned so many."""
        async with asyncio.timeout(30):
            while self.sizes.get(witness) != size:
                await self.news.wait()
                self.news.clear()

    async def failed(self, witness: str, reason: str, times: int = 1) -> None:
        """Return once the witness has failed so often for this reason."""
        async with asyncio.timeout(30):
            while self.failures[witness, reason] < times:
                await self.news.wait()
                self.news.clear()


@dataclass
class Witnessed:
    """A log and its witnesses."""

    growing: Growing
    heard: Heard = field(default_factory=Heard)

    @asynccontextmanager
    async def asking(
        self, *witnesses: FakeWitness, pace: Pace = QUICK, leads: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[None]:
        """Show checkpoints to these witnesses until the block ends."""
        named = [Witness.parse(witness.vkey, witness.url) for witness in witnesses]
        house = self.growing.house
        # A cosignature says when it was made, by the clock of this machine.
        running = Witnesses(house.database, named, system_clock, self.heard, leads, pace)
        task = asyncio.create_task(running.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def lines(self, size: int) -> list[str]:
        """What witnesses added to a checkpoint."""
        rows = await self.growing.house.database.reads.fetch(
            "SELECT line FROM audit_cosignature WHERE size = $1 ORDER BY witness", size
        )
        return [row["line"] for row in rows]


@pytest.fixture
def witnessed(house: House) -> Witnessed:
    """A log without entries."""
    return Witnessed(Growing(house))


def knowing(growing: Growing, **given: object) -> FakeWitness:
    """A witness that knows the log."""
    return FakeWitness(NAME, growing.key.public_key().public_bytes_raw(), **given)  # type: ignore[arg-type]


@pytest.fixture
def witness(witnessed: Witnessed) -> Iterator[FakeWitness]:
    """One that does what the protocol says."""
    with answering(knowing(witnessed.growing)) as witness:
        yield witness
