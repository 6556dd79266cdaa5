"""A log that grows as a test asks, signed by a real notary."""

import asyncio
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.actor import command_line
from app.audit.notary import Notary, Step
from app.audit.receipts import Published, published
from app.services.audit_log import ReadAuditLog
from app.services.recovery import RecoverLog
from tests.house import House

NAME = "log.example/anchorage"
OPERATOR = command_line(None, "root")


class Interrupted(Exception):
    """The notary's process ended."""


@dataclass
class Growing:
    """Entries of the operator's stream, each of which becomes one leaf."""

    house: House
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    _notary: Notary | None = None

    async def write(self, count: int) -> None:
        """So many entries, which no checkpoint covers yet."""
        reads = [self.house.perform(OPERATOR, ReadAuditLog(f"view {number}")) for number in range(count)]
        await asyncio.gather(*reads)

    async def sign(self) -> Published:
        """A checkpoint over all that was written."""
        if self._notary is None:
            self._notary = Notary(self.house.database, self.key, NAME, [], self.house.clock)
            await self._notary.start()
        while (await self._notary.cycle()).more:
            continue
        newest = await published(self.house.database.reads)
        assert newest is not None
        return newest

    async def begin_anew(self) -> None:
        """A new origin with another key: what the operator does when the old one is lost. Adds an entry."""
        self.key, self._notary = Ed25519PrivateKey.generate(), None
        await self.house.perform(OPERATOR, RecoverLog(self.key, []))

    async def sign_unpublished(self) -> None:
        """Commit a checkpoint over all that was written, and end before it is published."""

        def passed(step: Step) -> None:
            if step is Step.COMMITTED:
                raise Interrupted

        ending = Notary(self.house.database, self.key, NAME, [], self.house.clock, passed)
        await ending.start()
        with pytest.raises(Interrupted):
            await ending.cycle()

    async def grow_to(self, size: int) -> Published:
        """A checkpoint over exactly so many leaves."""
        newest = await published(self.house.database.reads)
        await self.write(size - (0 if newest is None else newest.size))
        grown = await self.sign()
        assert grown.size == size
        return grown
