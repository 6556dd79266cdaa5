"""Refused devices are counted, whatever becomes of the entries that tell of them."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.audit.entry import Act
from app.errors import AuditUnavailable
from app.services.door import Door
from app.services.refused_devices import SINGLY
from tests.connecting import Gateway, device
from tests.house import House, Said
from tests.rules.authority import Made, make

STRANGER = make("X")
MINUTES = timedelta(minutes=2)


@dataclass
class Held:
    """A door whose log is away, and does not say so before `answered` is set."""

    door: Door
    is_away: bool = True
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def record(self, act: Act, stream: str) -> None:
        """See `Door.record`."""
        self.asked.release()
        if self.is_away:
            await self.answered.wait()
            raise AuditUnavailable("The log is away.")
        await self.door.record(act, stream)


async def asking(house: House) -> tuple[Gateway, Held]:
    """A gateway that asks about strangers, and what stands before the log."""
    gateway = Gateway(house, (await house.account()).id)
    held = Held(house.door)
    gateway.admissions.refused.door = held  # type: ignore[assignment]
    return gateway, held


async def come(gateway: Gateway, held: Held, strangers: list[Made]) -> list[asyncio.Task[object]]:
    """Strangers whose refusals are being written."""
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(gateway.ask(each)) for each in strangers]
    for _ in strangers:
        await held.asked.acquire()
    return tasks


async def counted(house: House, gateway: Gateway) -> int:
    """How many refused devices the log tells of."""
    await gateway.flush()
    log = [Said.of(entry) for entry in await house.log_of(gateway.account_id)]
    refused = [one for one in log if (one.action, one.result) == ("device.connect", "refused")]
    changes: list[Any] = [one.body["change"] for one in refused]
    return sum(change.get("count", 1) for change in changes)


async def test_a_refusal_whose_entry_is_under_way_while_its_minute_ends_is_counted(house: House) -> None:
    gateway, held = await asking(house)
    tasks = await come(gateway, held, [device(f"x{number}", STRANGER) for number in range(5)])

    house.clock.advance(MINUTES)
    await gateway.admissions.refused.flush()
    held.answered.set()
    await asyncio.gather(*tasks)
    held.is_away = False

    assert await counted(house, gateway) == 5


async def test_what_came_while_a_summary_could_not_be_written_is_counted_with_it(house: House) -> None:
    gateway, held = await asking(house)
    held.answered.set()
    await asyncio.gather(*await come(gateway, held, [device(f"x{number}", STRANGER) for number in range(SINGLY)]))

    house.clock.advance(MINUTES)
    held.answered.clear()
    flushing = asyncio.create_task(gateway.admissions.refused.flush())
    await held.asked.acquire()
    tasks = await come(gateway, held, [device(f"y{number}", STRANGER) for number in range(3)])
    held.answered.set()
    await asyncio.gather(flushing, *tasks)
    held.is_away = False

    assert await counted(house, gateway) == SINGLY + 3
