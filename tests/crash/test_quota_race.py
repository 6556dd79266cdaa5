"""T3: fifty writers at quota minus one, half of them uploads and half developer certificates.

Exactly one is let in, and everybody has an entry.

Seen to fail without `require_room` (the table's CHECK stops the writers instead, as a fault of ours), and on PostgreSQL
with four processes where the stream's head is read without its lock (entries no longer follow the head, and writers end
in AUDIT_UNAVAILABLE).
"""

import asyncio
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest

from app.actor import command_line
from app.services.accounts import SetAccountLimit
from app.services.developer_certificates import developer_key
from app.store import reads
from tests.house import House

WRITERS = 50


@pytest.mark.parametrize("processes", [1, 4])
async def test_the_last_place_is_given_once(
    house: House, migrated_url: str, processes: int, pytestconfig: pytest.Config
) -> None:
    rounds = 20 if pytestconfig.getoption("--full") else 3
    account = await house.account()
    for number in range(rounds):
        await house.perform(command_line(account.id, "root"), SetAccountLimit(account.id, number + 1))
        before = len(await house.log_of(account.id))

        ended = await _round(migrated_url, account.id, house.secrets_file, number, processes)

        assert ended == {"accepted": 1, "QUOTA_EXCEEDED": WRITERS - 1}
        assert len(await house.log_of(account.id)) == before + WRITERS
        after = await reads.account(house.database.reads, account.id)
        assert after is not None
        assert after.certificate_used == number + 1
    kept = await house.database.reads.fetch("SELECT 1 AS one FROM developer_key")
    made = await house.database.reads.fetch("SELECT id FROM certificate WHERE is_developer")
    assert len(kept) == len(made)
    for row in made:
        await developer_key(house.database.reads, house.secrets_file, account.id, row["id"])


async def _round(url: str, account_id: str, secrets_file: Path, number: int, processes: int) -> Counter[str]:
    racers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.crash.racing",
            url,
            account_id,
            str(secrets_file),
            str(number * WRITERS + WRITERS * place // processes),
            str(WRITERS * (place + 1) // processes - WRITERS * place // processes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for place in range(processes)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert await racer.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(racer.communicate(b"go\n") for racer in racers))
    ended: Counter[str] = Counter()
    for output, _ in answers:
        ended.update(orjson.loads(output))
    return ended
