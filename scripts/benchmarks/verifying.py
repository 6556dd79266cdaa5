"""How fast a log is verified, beside the least that could be done with it: reading its rows and hashing its bodies."""

import hashlib
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import asyncpg

from app.audit.stored import Verdict
from app.services.verification import Sharing, verify_url
from app.store.url import sqlite_path
from scripts.benchmarks.long_log import build
from scripts.benchmarks.notarising import sign_all

SEVERAL = Sharing(worth=0)
ALONE = Sharing(processes=1)

_ROWS = (
    "SELECT e.*, b.body, d.subject_id, d.disclosures FROM audit_entry AS e"
    " JOIN audit_body AS b ON b.seq = e.seq LEFT JOIN audit_disclosure AS d ON d.seq = e.seq"
)
_SOME = 1_000


@dataclass(slots=True)
class Verified:
    """Entries a second, round by round: verified by a process for each processor or by one, and read by one."""

    several: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)


async def measure_verify(url: str, kept: Path, entries: int, rounds: int) -> Verified:
    """Build a log of so many entries, sign it with its checkpoint in `kept`, and verify it and its tree so often."""
    await build(url, entries)
    await sign_all(url, kept)
    rates = Verified()

    async def verified(sharing: Sharing) -> int:
        verification = await verify_url(url, sharing=sharing)
        assert verification.verdict is Verdict.VERIFIED  # noqa: S101  # else something else was measured
        assert verification.tree and verification.tree.size == verification.entries  # noqa: S101, PT018  # as above
        return verification.entries

    for _ in range(rounds):
        rates.raw.append(await _rate(lambda: _read(url)))
        rates.alone.append(await _rate(lambda: verified(ALONE)))
        rates.several.append(await _rate(lambda: verified(SEVERAL)))
    return rates


async def _rate(work: Callable[[], Awaitable[int]]) -> float:
    start = perf_counter()
    return await work() / (perf_counter() - start)


async def _read(url: str) -> int:
    path = sqlite_path(url)
    if path is None:
        return await _read_postgres(url)
    count = 0
    with closing(sqlite3.connect(path)) as connection:
        for row in connection.execute(_ROWS):
            hashlib.sha256(row[16]).digest()
            count += 1
    return count


async def _read_postgres(url: str) -> int:
    connection = await asyncpg.connect(url)
    count = 0
    try:
        async with connection.transaction(readonly=True):
            async for row in connection.cursor(_ROWS, prefetch=_SOME):
                hashlib.sha256(row[16]).digest()
                count += 1
    finally:
        await connection.close()
    return count
