"""T6 and T5: the database goes away under the running server, and comes back.

Everything that asks for it is refused with a code meanwhile, the process lives, and nothing has to be started again but
the database. A postmaster that is killed takes with it no acknowledged upload, and a repetition is done once.

Seen to fail where asyncpg's stuck protocol, which the server's last words leave behind, was answered as a bug of ours;
with uploads that were done without their idempotency keys; and with a read's loss that was not told from a bug.
"""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.rules import pem
from app.store.database import Role, open_database
from tests.checks import check_log
from tests.house import fresh_ca
from tests.rules.authority import AT
from tests.serving import Served, serving
from tests.store.cluster import Cluster

UPLOAD = """
mutation Upload($input: UploadCertificateInput!) {
  uploadCertificate(input: $input) { certificate { name } errors { ... on UserError { code } } }
}
"""
READ = "{ certificates(first: 1) { totalCount } }"
CALLERS = 8
HEALTHY_SECONDS = 15
NOT_DONE = {"AUDIT_UNAVAILABLE", "OUTCOME_UNKNOWN", "STORE_UNAVAILABLE"}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL for one test, to stop and to kill."""
    with Cluster.running() as cluster:
        yield cluster


@pytest.fixture
async def served(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Served]:
    """The real server on that PostgreSQL, with room for what is uploaded."""
    admin = await asyncpg.connect(cluster.url("postgres"))
    await admin.execute("CREATE DATABASE subject")
    await admin.close()
    async with serving(cluster.url("subject"), tmp_path / "data") as served:
        account = (await served.operate("{ viewer { account { id } } }"))["viewer"]["account"]["id"]
        await served.command("account", "set-limit", account, "10000")
        yield served


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator's client."""
    headers = {"authorization": f"Bearer {served.admin_key}"}
    async with httpx.AsyncClient(timeout=60, headers=headers, base_url=served.url) as client:
        yield client


@dataclass
class Uploads:
    """What was sent, by name, and what is told to be done."""

    client: httpx.AsyncClient
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def fresh(self) -> str:
        """The name of a new upload."""
        name = f"certificate {len(self.inputs) + 1}"
        source = {"pem": pem.encode([fresh_ca(not_before=AT.replace(year=2020)).der])}
        self.inputs[name] = {"name": name, "source": source, "usage": "ENROLLMENT", "idempotencyKey": f"key of {name}"}
        return name

    async def send(self, name: str) -> str | None:
        """Send it once more; answers with the code where it was not done."""
        _, answer = await ask(self.client, UPLOAD, {"input": self.inputs[name]})
        if "errors" in answer:
            return code_of(answer)
        assert answer["data"]["uploadCertificate"] == {"certificate": {"name": name}, "errors": []}
        self.done.add(name)
        return None

    async def send_until(self, stop: asyncio.Event) -> None:
        """Upload one after another. What is not done has a code that says so."""
        while not stop.is_set():
            code = await self.send(self.fresh())
            assert code is None or code in NOT_DONE, code


async def read_until(client: httpx.AsyncClient, stop: asyncio.Event) -> None:
    """Read again and again. What cannot be read has the code that says so."""
    while not stop.is_set():
        _, answer = await ask(client, READ)
        assert "errors" not in answer or code_of(answer) == "STORE_UNAVAILABLE", answer


async def ask(client: httpx.AsyncClient, query: str, variables: Any = None) -> tuple[int, dict[str, Any]]:
    """The status and the answer."""
    response = await client.post("/graphql", json={"query": query, "variables": variables or {}})
    answer: dict[str, Any] = response.json()
    return response.status_code, answer


def code_of(answer: dict[str, Any]) -> str:
    """The code of the one error."""
    (error,) = answer["errors"]
    return str(error["extensions"]["code"])


async def becomes_ready(client: httpx.AsyncClient) -> None:
    """Wait until the server says that it is ready."""
    async with asyncio.timeout(HEALTHY_SECONDS):
        while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def start_again(cluster: Cluster) -> None:
    """Start a PostgreSQL whose postmaster was killed: its last backends may still hold its memory for a moment."""
    async with asyncio.timeout(HEALTHY_SECONDS):
        while True:
            try:
                return await asyncio.to_thread(cluster.start)
            except subprocess.CalledProcessError:
                await asyncio.sleep(0.2)


async def check(cluster: Cluster, uploads: Uploads) -> None:
    """Every upload is there once, with its one entry, and the log tells the state."""
    assert uploads.done == set(uploads.inputs)
    database = open_database(cluster.url("subject"), role=Role.BESIDE)
    await database.start()
    try:
        rows = await database.reads.fetch("SELECT name FROM certificate")
        assert sorted(row["name"] for row in rows) == sorted(uploads.done)
        entries = await database.reads.fetch(
            "SELECT target_id FROM audit_entry WHERE action = 'certificate.upload' AND code IS NULL"
        )
        assert len(entries) == len(uploads.done)
        await check_log(database)
    finally:
        await database.close()


async def test_a_lost_database_is_said_with_a_code_and_its_return_is_all_that_it_takes(
    cluster: Cluster, served: Served, client: httpx.AsyncClient
) -> None:
    uploads = Uploads(client)
    for _ in range(5):
        assert await uploads.send(uploads.fresh()) is None

    await asyncio.to_thread(cluster.stop)

    # Whoever asks cannot even be recognised, so nothing of the operation runs.
    status, answer = await ask(client, UPLOAD, {"input": uploads.inputs[uploads.fresh()]})
    assert (status, code_of(answer)) == (503, "STORE_UNAVAILABLE")
    status, answer = await ask(client, READ)
    assert (status, code_of(answer)) == (503, "STORE_UNAVAILABLE")
    assert (await client.get("/livez")).status_code == 200
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "failed")

    await asyncio.to_thread(cluster.start)

    await becomes_ready(client)
    for name in uploads.inputs.keys() - uploads.done:
        assert await uploads.send(name) is None
    assert (await ask(client, READ))[1]["data"]["certificates"]["totalCount"] == len(uploads.done)
    await check(cluster, uploads)
    assert served.process.returncode is None


async def test_a_killed_postmaster_loses_nothing_acknowledged_and_a_repetition_is_done_once(
    cluster: Cluster, served: Served, client: httpx.AsyncClient, pytestconfig: pytest.Config
) -> None:
    chance = random.Random(20261124)  # noqa: S311  # when to kill is no secret
    uploads = Uploads(client)
    for _ in range(8 if pytestconfig.getoption("--full") else 2):
        before = len(uploads.done)
        stop = asyncio.Event()
        callers = [asyncio.create_task(uploads.send_until(stop)) for _ in range(CALLERS)]
        callers += [asyncio.create_task(read_until(client, stop)) for _ in range(CALLERS)]
        await asyncio.sleep(chance.uniform(0.5, 1.5))
        postmaster = int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        stop.set()
        answered = await asyncio.gather(*callers, return_exceptions=True)
        await start_again(cluster)
        assert answered == [None] * len(callers)
        assert len(uploads.done) > before

        await becomes_ready(client)
        # Nobody knows which of the unanswered are done; the answered are repeated as well, and nothing is done twice.
        for name in uploads.inputs:
            assert await uploads.send(name) is None
        await check(cluster, uploads)
    assert served.process.returncode is None
