"""What a look at the certificates of many accounts takes: `python -m scripts.benchmarks.looking [--url URL]`.

The first round of all records what is found, the second finds nothing new. Both are told in milliseconds an account, of
wall time and of this process's own; the figures are for comparing releases on one machine.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

from cryptography.hazmat.primitives.asymmetric import ec

from app.actor import SCOPES, Actor, ActorType, Role, command_line
from app.clock import Clock, system_clock
from app.demo import YEAR, Authority
from app.services.accounts import CreateAccount
from app.services.certificates import SetCertificateStatus
from app.services.door import Door
from app.services.standing import LEAD, StandingFindings
from app.services.submission import Submission
from app.store.database import Database, open_database
from app.store.migrate import migrate
from app.terms import Status, Tier
from scripts.benchmarks.houses import ORIGIN, create, upload_of

UNUSED_AFTER = timedelta(days=90)


async def _furnish(door: Door, accounts: int, certificates: int) -> None:
    """Accounts with chains of two, each its own; the first certificate of each is blacklisted."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    for number in range(accounts):
        made = await door.perform(
            command_line(None, "bench"), CreateAccount(f"account {number}", Tier.COMMERCIAL), ORIGIN
        )
        actor = Actor(ActorType.API_KEY, f"{number:032x}", made.value.id, "plant", SCOPES[Role.ADMIN])
        root = Authority.root(f"Root {number}", key, start=now - YEAR, end=now + 9 * YEAR)
        for plant in range(certificates):
            ca = root.issue(f"Plant {number}-{plant}", key, start=now - YEAR, end=now + YEAR)
            record = (await door.perform(actor, upload_of(Submission.of(ca.pem, at=now)), ORIGIN)).value
            if plant == 0:
                await door.perform(actor, SetCertificateStatus(record.id, Status.INACTIVE), ORIGIN)


async def _round_of_all(database: Database, door: Door, clock: Clock) -> tuple[float, float]:
    """Seconds of wall time and of this process's own."""
    looking = StandingFindings(database, door, clock, database.leadership(LEAD), UNUSED_AFTER)
    start, cpu = perf_counter(), process_time()
    while await looking.round():
        pass
    return perf_counter() - start, process_time() - cpu


def _told(name: str, accounts: int, taken: tuple[float, float]) -> str:
    wall, cpu = (seconds / accounts * 1000 for seconds in taken)
    return f"{name}: {wall:.2f} ms an account ({cpu:.2f} ms of this process)"


async def measure(url: str, accounts: int, certificates: int) -> Sequence[str]:
    """The lines to print."""
    await create(url)
    await migrate(url)
    database = open_database(url)
    await database.start()
    try:
        door = Door(database, clock=system_clock, node="bench-1", software="anchorage/bench")
        await _furnish(door, accounts, certificates)
        first = await _round_of_all(database, door, system_clock)
        again = await _round_of_all(database, door, lambda: system_clock() + timedelta(hours=2))
    finally:
        await database.close()
    return [_told("what is found is recorded", accounts, first), _told("nothing new is found", accounts, again)]


def main() -> None:
    """Measure on a new database, of SQLite in a folder of its own unless a URL says otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of a database that is not there yet")
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--certificates", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite://{Path(folder) / 'looking.db'}"
        for line in asyncio.run(measure(url, given.accounts, given.certificates)):
            print(line)


if __name__ == "__main__":
    main()
