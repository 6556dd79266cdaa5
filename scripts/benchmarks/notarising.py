"""How fast the notary is beside the writers that it has to keep up with, and how long a receipt is waited for."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.kept import KeptCheckpoint
from app.audit.notary import Notary
from app.clock import system_clock
from app.services.audit_log import ReadAuditLog
from app.services.receipts import awaited_receipts
from app.services.signing import WANTED, Signing
from app.store import log_reads
from app.store.database import Database, open_database
from scripts.benchmarks.houses import ORIGIN, SEVERAL_ACCOUNTS, House, furnished
from scripts.benchmarks.long_log import build

CALLERS = 32
RECEIPTS = 20


@dataclass(slots=True)
class Notarised:
    """Round by round: leaves a second, commands a second of writers, and the waits for a receipt in milliseconds."""

    leaves: list[float] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


async def measure_notary(urls: tuple[str, str], folder: Path, entries: int, rounds: int, seconds: float) -> Notarised:
    """Sign a log of so many entries in as many parts as there are rounds, in turn with writers on another database.

    Then somebody acts and waits for the receipt, again and again, while nobody else does anything.
    """
    found = Notarised()
    folder.mkdir()  # noqa: ASYNC240  # nobody else waits for this loop yet
    await build(urls[0], entries, accounts=SEVERAL_ACCOUNTS)
    database = open_database(urls[0])
    await database.start()
    try:
        notary = notary_of(database, folder / "long")
        await notary.start()
        async with furnished(urls[1]) as house:
            for round_ in range(1, rounds + 1):
                rate = await house.change(CALLERS, seconds, accounts=SEVERAL_ACCOUNTS)
                found.commands.append(rate.per_second)
                found.leaves.append(await _leaves_per_second(notary, round_ * entries // rounds))
            found.waits = await _waits(house, folder / "busy", rounds * RECEIPTS)
    finally:
        await database.close()
    return found


async def sign_all(url: str, kept: Path) -> None:
    """Put every entry of a log into its tree, and sign it."""
    database = open_database(url)
    await database.start()
    try:
        notary = notary_of(database, kept)
        await notary.start()
        while (await notary.cycle()).more:
            pass
    finally:
        await database.close()


def notary_of(database: Database, kept: Path) -> Notary:
    """A notary with a key of its own."""
    return Notary(database, Ed25519PrivateKey.generate(), "log.example/bench", [KeptCheckpoint(kept)], system_clock)


async def _leaves_per_second(notary: Notary, upto: int) -> float:
    before, start = notary.size, perf_counter()
    while notary.size < upto and (await notary.cycle()).more:
        pass
    return (notary.size - before) / (perf_counter() - start)


async def _waits(house: House, kept: Path, count: int) -> list[float]:
    notary = notary_of(house.database, kept)

    async def enlist() -> Notary:
        return notary

    signing = Signing(house.database, house.database.leadership(WANTED), enlist)
    while await signing.turn():
        pass
    running = asyncio.create_task(signing.run())
    try:
        return [await _wait(house) for _ in range(count)]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _wait(house: House) -> float:
    actor = house.actors[0]
    done = await house.door.perform(actor, ReadAuditLog("bench"), ORIGIN)
    start = perf_counter()
    account_id = actor.account_id or ""
    entry = (await log_reads.entries(house.database.reads, account_id, [done.entry_id]))[done.entry_id]
    found = await awaited_receipts(house.database, {entry.seq: entry.hash})
    assert found  # noqa: S101  # else something else was measured
    return (perf_counter() - start) * 1000
