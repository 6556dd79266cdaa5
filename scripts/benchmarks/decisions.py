"""Trust decisions over HTTP, as a gateway asks for them: from memory, of devices known and new, and by others.

The devices are made beforehand. The server runs twice: in its first run every device is new, and let in with its entry.
In its second run it has forgotten everything but its database, so that each device's first question needs a decision.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from time import perf_counter

from scripts.benchmarks.asking import Answered, ask
from scripts.benchmarks.fleets import Device, Fleet, found, opened
from scripts.benchmarks.verifiers import library_micros, openssl_micros, signature_micros
from scripts.benchmarks.web import Server, bare, serving

CALLERS = 8
PROCESSES = 20
"""How many devices `openssl` is started for in a round."""
LOADING_SECONDS = 60.0
"""For the first answer of a server that has everything to read."""


@dataclass(slots=True)
class OfFleet:
    """Round by round, of one account. `load_seconds`: until a server that has just started lets a device in."""

    load_seconds: float = 0.0
    new: list[Answered] = field(default_factory=list)
    uncached: list[Answered] = field(default_factory=list)
    cached: list[Answered] = field(default_factory=list)


@dataclass(slots=True)
class Decided:
    """Round by round. `fleets` are by the number of anchors; the others' times are in µs for each device."""

    fleets: dict[int, OfFleet] = field(default_factory=dict)
    bare: list[Answered] = field(default_factory=list)
    signature: list[float] = field(default_factory=list)
    library: list[float] = field(default_factory=list)
    openssl: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Asking:
    """An account, and its devices' requests: `first` is one before all rounds, then a list for each round."""

    anchors: int
    fleet: Fleet
    first: bytes
    rounds: Sequence[Sequence[bytes]]
    devices: Sequence[Sequence[Device]]


async def measure(
    folder: Path, url: str, *, anchors: Sequence[int], devices: int, rounds: int, seconds: float
) -> Decided:
    """Of accounts with so many anchors; `devices` is how many ask in each round that needs decisions."""
    decided = Decided(fleets={count: OfFleet() for count in anchors})
    async with opened(url) as door:
        asking = [_asking(count, await found(door, count), devices, rounds) for count in anchors]
    async with serving(folder, url) as server:
        for each in asking:
            await _until_let_in(server, each.first)
            decided.fleets[each.anchors].new += [await _once(server, requests) for requests in each.rounds]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(folder, url))
        other = await stack.enter_async_context(bare(folder, b""))
        for each in asking:
            decided.fleets[each.anchors].load_seconds = await _until_let_in(server, each.first)
        for number in range(rounds):
            await _round(decided, asking, number, (server, other), seconds)
            _others(decided, asking[0], number, folder)
    return decided


def _asking(anchors: int, fleet: Fleet, devices: int, rounds: int) -> _Asking:
    first, *made = fleet.devices(1 + devices * rounds)
    parts = [made[at * devices : (at + 1) * devices] for at in range(rounds)]
    return _Asking(anchors, fleet, fleet.asking(first), [[fleet.asking(one) for one in part] for part in parts], parts)


async def _round(
    decided: Decided, asking: Sequence[_Asking], number: int, servers: tuple[Server, Server], seconds: float
) -> None:
    server, other = servers
    for each in asking:
        # What was confirmed a second ago is confirmed again by whoever asks first, at whichever account.
        await _until_let_in(server, each.first)
        decided.fleets[each.anchors].uncached.append(await _once(server, each.rounds[number]))
    for each in asking:
        same = [repeat(request) for request in each.rounds[number][:CALLERS]]
        decided.fleets[each.anchors].cached.append((await ask(server, same, seconds)).only(200))
    same = [repeat(request) for request in asking[0].rounds[number][:CALLERS]]
    decided.bare.append((await ask(other, same, seconds)).only(200))


def _others(decided: Decided, asking: _Asking, number: int, folder: Path) -> None:
    devices = asking.devices[number]
    decided.signature.append(signature_micros(devices))
    decided.library.append(library_micros(devices, list(dict.fromkeys(device.issuer for device in devices))))
    openssl = openssl_micros(devices[:PROCESSES], folder)
    decided.openssl += [] if openssl is None else [openssl]


async def _once(server: Server, requests: Sequence[bytes]) -> Answered:
    shared = iter(requests)
    return (await ask(server, [shared] * CALLERS)).only(200)


async def _until_let_in(server: Server, request: bytes) -> float:
    """Seconds until the answer is 200: while what the account trusts is being read, nobody is let in."""
    start = perf_counter()
    while (await ask(server, [iter([request])])).statuses[200] == 0:
        if perf_counter() - start > LOADING_SECONDS:
            raise RuntimeError("the server lets nobody in")
    return perf_counter() - start
