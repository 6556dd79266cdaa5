"""How long a blacklisting takes to count everywhere: several servers on one PostgreSQL, each asked without a pause."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from time import perf_counter

from app.transport.graphql.ids import Kind, encode
from scripts.benchmarks.asking import ask_on
from scripts.benchmarks.fleets import Fleet, found, opened
from scripts.benchmarks.web import Server, serving

PROCESSES = 4
PAUSE_SECONDS = 1.5
"""At most this long between two changes: longer than a server believes what it has read."""
WAIT_SECONDS = 30.0

_SET_STATUS = """
mutation SetStatus($input: SetCertificateStatusInput!) {
  setCertificateStatus(input: $input) { certificate { id status } errors { __typename } }
}
"""


@dataclass(slots=True)
class Effect:
    """Seconds from the mutation's answer to the first refusal, and to the first admission once it is taken back.

    `here` is the server that was told, `elsewhere` the others; 0 where the device's answer came before the mutation's.
    """

    here: list[float] = field(default_factory=list)
    elsewhere: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Seen:
    """The newest answer of one server, and since when it is that."""

    status: int = 0
    since: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self, status: int, at: float) -> None:
        if status != self.status:
            self.status, self.since = status, at
            self.changed.set()

    async def became(self, status: int) -> float:
        """When it became this."""
        async with asyncio.timeout(WAIT_SECONDS):
            while self.status != status:
                self.changed.clear()
                await self.changed.wait()
        return self.since


async def measure_effect(folder: Path, url: str, rounds: int) -> Effect:
    """So many blacklistings, each through another of the servers and at another moment, and each taken back."""
    async with opened(url) as door:
        fleet = await found(door, 10)
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(serving(folder, url, NOTARY="true" if at == 0 else "false"))
            for at in range(PROCESSES)
        ]
        seen, request = [_Seen() for _ in servers], fleet.asking(fleet.devices(1)[0])
        asking = [
            asyncio.create_task(_ask_on_and_on(server, request, each))
            for server, each in zip(servers, seen, strict=True)
        ]
        try:
            return await _rounds(fleet, servers, seen, rounds)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)


async def _ask_on_and_on(server: Server, request: bytes, seen: _Seen) -> None:
    requests: Iterator[bytes] = repeat(request)
    await ask_on(server, requests, seen.answered)


async def _rounds(fleet: Fleet, servers: list[Server], seen: list[_Seen], rounds: int) -> Effect:
    effect, chance = Effect(), random.Random(20)  # noqa: S311  # moments, no secrets
    await asyncio.gather(*(each.became(200) for each in seen))
    for number in range(rounds):
        told = number % len(servers)
        await asyncio.sleep(chance.uniform(0, PAUSE_SECONDS))
        taken = await _set_status(fleet, servers[told], seen, "INACTIVE")
        effect.here.append(taken.pop(told))
        effect.elsewhere += taken
        await asyncio.sleep(chance.uniform(0, PAUSE_SECONDS))
        effect.back += await _set_status(fleet, servers[told], seen, "ACTIVE")
    return effect


async def _set_status(fleet: Fleet, server: Server, seen: list[_Seen], status: str) -> list[float]:
    given = {"id": encode(Kind.CERTIFICATE, fleet.records[0]), "status": status, "reason": "The key leaked."}
    # A connection of its own: the server ends those that are idle for longer than it may take to the next change.
    async with server.connection(fleet.admin_key) as connection:
        await connection.ask(_SET_STATUS, {"input": given})
        answered = perf_counter()
    expected = 403 if status == "INACTIVE" else 200
    return [max(0.0, at - answered) for at in await asyncio.gather(*(each.became(expected) for each in seen))]
