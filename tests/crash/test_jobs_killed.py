"""A server that is killed in the middle of a job goes on with it after its restart: nothing twice, nothing lost.

Seen to fail with the job's progress written in a transaction of its own, after that of the claims.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.services.bulk import CHUNK_LINES
from app.services.verification import verify_database
from app.store.database import Database, Role, open_database
from tests.enrolling import csv_of, fingerprint, identities
from tests.serving import Served, start

LINES = 20_000
DEADLINE_SECONDS = 120
JOB = "query($id: ID!) { job(id: $id) { status totalCount processedCount errorsCount } }"


@asynccontextmanager
async def beside(database_url: str) -> AsyncIterator[Database]:
    """The database, beside whatever serves it."""
    database = open_database(database_url, role=Role.BESIDE)
    await database.start()
    try:
        yield database
    finally:
        await database.close()


async def send(served: Served, operation: str, data: bytes) -> str:
    """A job's id, of a file that was sent."""
    async with httpx.AsyncClient(timeout=60) as client:
        response = await client.post(
            f"{served.url}/enrollments/bulk?operation={operation}",
            content=data,
            headers={"authorization": f"Bearer {served.admin_key}", "content-type": "text/csv"},
        )
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def progress(served: Served, job_id: str) -> dict[str, object]:
    """How far a job is."""
    job: dict[str, object] = (await served.operate(JOB, {"id": job_id}))["job"]
    return job


async def completed(served: Served, job_id: str) -> dict[str, object]:
    """The job, once it is."""
    while True:
        job = await progress(served, job_id)
        if job["status"] == "DONE":
            return job
        await asyncio.sleep(0.1)


async def killed_within(served: Served, job_id: str, chance: random.Random) -> int:
    """Kill the server once the job has come some further; how far it was."""
    before = int(str((await progress(served, job_id))["processedCount"]))
    while True:
        job = await progress(served, job_id)
        done = int(str(job["processedCount"]))
        if done > before or job["status"] == "DONE":
            await asyncio.sleep(chance.uniform(0, 0.03))
            await served.kill()
            return done


async def test_a_job_goes_on_after_every_kill_and_claims_each_identity_once(
    database_url: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    rounds = 30 if pytestconfig.getoption("--full") else 3
    chance = random.Random(20261130)  # noqa: S311  # when to kill is no secret
    served = await start(database_url, tmp_path / "data")
    try:
        job_id = await send(served, "claim", csv_of([*identities(LINES), "none"]))
        places = []
        for _ in range(rounds):
            places.append(await killed_within(served, job_id, chance))
            await check(database_url, at_least=places[-1])
            served = await start(database_url, tmp_path / "data")
        assert 0 < places[0] < LINES, "it was not killed in the middle"
        async with asyncio.timeout(DEADLINE_SECONDS):
            job = await completed(served, job_id)
        assert job == {"status": "DONE", "totalCount": LINES + 1, "processedCount": LINES + 1, "errorsCount": 1}
    finally:
        await served.stop()
    await check(database_url, at_least=LINES)


async def check(database_url: str, *, at_least: int) -> None:
    """The claims are those of whole batches from the file's beginning, each once; the log tells all of them."""
    async with beside(database_url) as database:
        rows = await database.reads.fetch("SELECT fingerprint FROM enrollment")
        count = len(rows)
        assert count >= min(at_least, LINES)
        assert count % CHUNK_LINES == 0
        assert {bytes(row["fingerprint"]) for row in rows} == {fingerprint(number) for number in range(count)}
        batches = await database.reads.fetch_one(
            "SELECT count(*) AS n FROM audit_entry WHERE action = 'enrollment.claim_batch' AND result = 'success'"
        )
        assert batches is not None
        assert batches["n"] in (count // CHUNK_LINES, count // CHUNK_LINES + 1)
        verification = await verify_database(database)
        assert not verification.findings
