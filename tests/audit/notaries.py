"""Logs to put into a tree, and notaries that do it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.actor import Origin, command_line
from app.audit import log
from app.audit.entry import Act, Result, Sealed, seal
from app.audit.kept import KeptCheckpoint
from app.audit.notary import Notary, Step
from app.audit.states import Target
from app.ids import new_id
from app.store.connection import Transaction
from app.store.database import Database
from app.store.tree import SignedTree

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "log.example/anchorage"

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
CALLER = Origin(request_id="req-1", operation="Test", path="field", address="192.0.2.7", agent="tests/1")

_ticks = count(1)


def tick() -> datetime:
    """A clock that is a millisecond later at every look."""
    return START + timedelta(milliseconds=next(_ticks))


def entries(stream: str, number: int = 1, at: datetime | None = None) -> Callable[[Transaction], Awaitable[str]]:
    """A unit of work that appends so many entries to a stream of the installation's own; the id of the last."""

    async def unit(transaction: Transaction) -> str:
        async with transaction.savepoint():
            for _ in range(number):
                head = await log.lock(transaction, stream, None)
                act, sealed = _act(at or tick())
                await log.append(transaction, head, act, sealed)
        return act.id

    return unit


async def add(database: Database, stream: str, number: int = 1) -> str:
    """Append entries to a stream, as a writer does; the id of the last."""
    return await database.write(stream, entries(stream, number))


def go_on(_: Step) -> None:
    """Stop nowhere."""


def notary_of(
    database: Database,
    folder: Path,
    *names: str,
    key: Ed25519PrivateKey = KEY,
    origin: str = ORIGIN,
    passed: Callable[[Step], None] = go_on,
) -> Notary:
    """A notary that keeps its checkpoints in files of these names; in `checkpoint` where none is given."""
    places = [KeptCheckpoint(folder / name) for name in names or ("checkpoint",)]
    return Notary(database, key, origin, places, tick, passed)


async def started(database: Database, folder: Path, *names: str) -> Notary:
    """A notary that has taken the tree over."""
    notary = notary_of(database, folder, *names)
    await notary.start()
    return notary


async def sign_all(notary: Notary) -> list[SignedTree]:
    """Cycles until nothing waits; what was signed."""
    signed = []
    while True:
        cycle = await notary.cycle()
        if cycle.signed is not None:
            signed.append(cycle.signed)
        if not cycle.more:
            return signed


def _act(now: datetime) -> tuple[Act, Sealed]:
    actor = command_line(None, "root")
    act = Act(new_id(now), now, actor, CALLER, "x", Result.REFUSED, "X", Target("installation", None))
    return act, seal(act, node="n", software="s", salt=lambda: bytes(16))
