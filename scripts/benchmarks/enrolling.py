"""A long file of identities: whether memory stays as it was, and what a crash in the middle does to it."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import httpx

from app.rules.enrollment import render_identity
from app.store.connection import Engine
from app.store.database import Role, open_database
from scripts.benchmarks.figures import Report
from scripts.benchmarks.houses import create
from scripts.benchmarks.loops import in_loop
from scripts.benchmarks.storm import peak_memory
from scripts.benchmarks.web import Server, program

WRONG_EVERY = 10_000
"""Of so many lines one is no identity."""
PAUSE_SECONDS = 0.2
"""Between two looks at the job."""
_PIECE = 1_000

_JOB = "query($id: ID!) { job(id: $id) { status processedCount errorsCount } }"
_CLAIMS = "SELECT count(*) AS n, count(DISTINCT fingerprint) AS identities FROM enrollment"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of a file. Memory is in MiB: the most that a server held when it had started, and at its end.

    The first server takes the file in and is killed in the middle of the job, the second one goes on with it.
    """

    upload_seconds: float
    work_seconds: float
    killed_at: int
    refused: int
    claims: int
    identities: int
    memory: tuple[tuple[float, float], tuple[float, float]]


def report_enrollment(report: Report, engine: Engine, folder: Path, url: str, lines: int) -> None:
    """Measure on a new database of an engine."""
    folder.mkdir()
    found = in_loop(measure_file(folder, url, lines))
    group = f"{engine}: a file of {lines:,} identities, one in {WRONG_EVERY:,} wrong, the server killed in the middle"
    right = lines - lines // WRONG_EVERY
    report.add(group, "taken in", "s", [found.upload_seconds])
    report.add(group, "worked off, the restart included", "s", [found.work_seconds])
    report.add(group, "lines done when the server was killed", "lines", [found.killed_at])
    report.add(group, "lines refused", "lines", [found.refused], f"{lines // WRONG_EVERY:,}")
    report.add(group, "claims", "claims", [found.claims], f"{right:,}")
    report.add(group, "identities claimed", "identities", [found.identities], f"{right:,}")
    for name, (before, after) in zip(("first", "second"), found.memory, strict=True):
        report.add(group, f"the {name} server's peak memory when it had started", "MiB", [before])
        report.add(group, f"the {name} server's peak memory at its end", "MiB", [after])


async def measure_file(folder: Path, url: str, lines: int) -> Enrolled:
    """Have so many identities claimed by a file. Raises RuntimeError where it is refused."""
    await create(url)
    async with program(folder, url):
        # The first start makes a password's hash, which takes more memory than anything after it.
        pass
    async with program(folder, url) as (server, key), _client(server, key) as client:
        before, start = peak_memory(server), perf_counter()
        job_id = await _send(client, lines)
        taken_in = perf_counter()
        killed_at = (await _job_when(client, job_id, lambda job: job.done >= lines // 2)).done
        memory = (before, peak_memory(server))
        os.kill(server.pid, signal.SIGKILL)
    async with program(folder, url) as (server, key), _client(server, key) as client:
        before = peak_memory(server)
        job = await _job_when(client, job_id, lambda job: job.status not in {"QUEUED", "RUNNING"})
        done, memory_again = perf_counter(), (before, peak_memory(server))
    if (job.status, job.done) != ("DONE", lines):
        raise RuntimeError(f"the job did not come to its end: {job}")
    seconds, both = (taken_in - start, done - taken_in), (memory, memory_again)
    return Enrolled(*seconds, killed_at, job.refused, *await _claims(url), both)


def _client(server: Server, key: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=headers, timeout=60)


async def _send(client: httpx.AsyncClient, lines: int) -> str:
    async def file() -> AsyncIterator[bytes]:
        yield b"identity\n"
        for first in range(0, lines, _PIECE):
            yield "".join(_lines(first, min(first + _PIECE, lines))).encode()

    address, media_type = "/enrollments/bulk?operation=claim", {"content-type": "text/csv"}
    answer = await client.post(address, content=file(), headers=media_type)
    if answer.status_code != 201:
        raise RuntimeError(f"the file was refused: {answer.text}")
    return str(answer.json()["id"])


def _lines(first: int, end: int) -> Iterator[str]:
    for number in range(first, end):
        is_wrong = number % WRONG_EVERY == WRONG_EVERY - 1
        yield "wrong\n" if is_wrong else f"{render_identity(hashlib.sha256(str(number).encode()).digest())}\n"


class _Job(NamedTuple):
    status: str
    done: int
    refused: int


async def _job_when(client: httpx.AsyncClient, job_id: str, has_come: Callable[[_Job], bool]) -> _Job:
    while True:
        answer = await client.post("/graphql", json={"query": _JOB, "variables": {"id": job_id}})
        job = _Job(*answer.json()["data"]["job"].values())
        if has_come(job):
            return job
        await asyncio.sleep(PAUSE_SECONDS)


async def _claims(url: str) -> tuple[int, int]:
    database = open_database(url, role=Role.BESIDE)
    await database.start()
    try:
        row = await database.reads.fetch_one(_CLAIMS)
        return (0, 0) if row is None else (int(row["n"]), int(row["identities"]))
    finally:
        await database.close()
