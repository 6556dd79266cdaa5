"""A blacklisted CA's devices come all at once: how fast they are refused, and whether every attempt is counted."""

from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from app.actor import command_line
from app.audit.entry import account_stream
from app.services.certificates import SetCertificateStatus
from app.store.connection import Connection
from app.store.database import Role, open_database
from app.terms import Status
from scripts.benchmarks.asking import Answered, ask
from scripts.benchmarks.fleets import found, opened
from scripts.benchmarks.houses import ORIGIN
from scripts.benchmarks.web import Server, serving

CONNECTIONS = 64
DEVICES = 2_000
"""How many of them there are, at most: each comes again and again."""

_COUNTED = "SELECT COALESCE(sum(attempts), 0) AS n FROM denial WHERE account_id = $1"
_ENTRIES = "SELECT count(*) AS n FROM audit_entry WHERE stream = $1"


@dataclass(frozen=True, slots=True)
class Storm:
    """What became of it. `counted_before_end` is what the table held while the server ran; memory is in MiB."""

    attempts: int
    answered: Answered
    counted_before_end: int
    counted: int
    entries: int
    memory_before: float
    memory_after: float


async def measure_storm(folder: Path, url: str, attempts: int) -> Storm:
    """So many attempts of devices whose CA is blacklisted. Raises RuntimeError where one is let in."""
    async with opened(url) as door:
        fleet = await found(door, 1)
        blacklist = SetCertificateStatus(fleet.records[0], Status.INACTIVE, "The plant's key left the building.")
        await door.perform(command_line(fleet.account_id, "bench"), blacklist, ORIGIN)
    requests = [fleet.asking(device) for device in fleet.devices(min(DEVICES, attempts))]
    stream = account_stream(fleet.account_id)
    entries_before = await _number(url, _ENTRIES, stream)
    async with serving(folder, url) as server:
        # The state is read, and the memory is what a server needs that has refused one device.
        (await ask(server, [iter(requests[:1])])).only(403)
        before, shared = peak_memory(server), islice(cycle(requests), attempts - 1)
        answered = (await ask(server, [shared] * CONNECTIONS)).only(403)
        after, counted_before_end = peak_memory(server), await _number(url, _COUNTED, fleet.account_id)
    # Its end writes what waits.
    counted = await _number(url, _COUNTED, fleet.account_id)
    entries = await _number(url, _ENTRIES, stream) - entries_before
    return Storm(attempts, answered, counted_before_end, counted, entries, before, after)


def peak_memory(server: Server) -> float:
    """The most that the server's process has held so far, in MiB."""
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


async def _number(url: str, statement: str, value: str) -> int:
    database = open_database(url, role=Role.BESIDE)
    await database.start()
    try:
        return await _read(database.reads, statement, value)
    finally:
        await database.close()


async def _read(connection: Connection, statement: str, value: str) -> int:
    row = await connection.fetch_one(statement, value)
    return 0 if row is None else int(row["n"])
