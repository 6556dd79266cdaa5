"""One process of the quota race: fills one account by uploads and developer certificates, and says how each ended."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

import orjson

from app.actor import command_line
from app.clock import system_clock
from app.errors import Refusal
from app.services.command import Command
from app.services.developer_certificates import CreateDeveloperCertificate
from app.services.door import Door
from app.store.database import Role, open_database
from tests.house import ORIGIN, fresh_ca, upload_of


async def race(url: str, account_id: str, secrets_file: Path, start: int, count: int) -> Counter[str]:
    """Add `count` records at once, named from `start` on: every other one is made by the service, with its key.

    Answers how many ended how.
    """
    database = open_database(url, role=Role.BESIDE)
    await database.start()
    door = Door(database, clock=system_clock, node="racer", software="anchorage/test")
    actor = command_line(account_id, "racer")
    acts: list[Command[object]] = [
        upload_of(fresh_ca(), at=system_clock(), name=f"racer {number}")
        if number % 2
        else CreateDeveloperCertificate(f"racer {number}", None, secrets_file)
        for number in range(start, start + count)
    ]

    async def one(number: int) -> str:
        try:
            await door.perform(actor, acts[number], ORIGIN)
        except Refusal as refusal:
            return refusal.recorded_code
        return "accepted"

    # Everybody waits at the line until the parent has seen all of them ready.
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    ended = Counter(await asyncio.gather(*(one(number) for number in range(count))))
    await database.close()
    return ended


def main() -> None:
    """Run one process of the race with the arguments of the command line."""
    url, account_id, secrets_file, start, count = sys.argv[1:]
    ended = asyncio.run(race(url, account_id, Path(secrets_file), int(start), int(count)))
    sys.stdout.write(f"{orjson.dumps(ended).decode()}\n")


if __name__ == "__main__":
    main()
