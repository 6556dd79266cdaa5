"""T6: the disk is full under the running server. Writes are refused, reads go on, and room is all that it takes.

A limit on the size of the server's files stands for the disk: it can be set and lifted from outside, as root or not.

Seen to fail with a writer that was closed for good after a commit that failed, with uploads acknowledged whose commit
had failed, and with a `/readyz` that looked at the free bytes of the file system and not at what became of writes.
"""

import asyncio
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from app.rules import pem
from app.store.database import Role, open_database
from tests.checks import check_log
from tests.house import fresh_ca
from tests.rules.authority import AT
from tests.serving import Served, serving

UPLOAD = """
mutation Upload($input: UploadCertificateInput!) {
  uploadCertificate(input: $input) { certificate { name } errors { ... on UserError { code } } }
}
"""
READ = "{ certificates(first: 100) { totalCount edges { node { name chain { subject } } } } }"
LOG = "{ auditEvents(first: 100, filterBy: {action: [CERTIFICATE_UPLOAD]}) { edges { node { targetName outcome } } } }"
CALLERS = 6
HEALTHY_SECONDS = 10


@dataclass
class Uploads:
    """What was sent, by name, and what was told to be done."""

    served: Served
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def fresh(self) -> str:
        """The name of a new upload."""
        name = f"certificate {len(self.inputs) + 1}"
        source = {"pem": pem.encode([fresh_ca(not_before=AT.replace(year=2020)).der])}
        self.inputs[name] = {"name": name, "source": source, "usage": "ENROLLMENT", "idempotencyKey": f"key of {name}"}
        return name

    async def send(self, client: httpx.AsyncClient, name: str) -> str | None:
        """Send it once more; answers with the code where it was not done."""
        answer = await ask(client, self.served, UPLOAD, {"input": self.inputs[name]})
        if "errors" in answer:
            assert answer["data"] == {"uploadCertificate": None}
            (error,) = answer["errors"]
            assert error["path"] == ["uploadCertificate"]
            return str(error["extensions"]["code"])
        assert answer["data"]["uploadCertificate"] == {"certificate": {"name": name}, "errors": []}
        self.done.add(name)
        return None

    async def send_until_refused(self, client: httpx.AsyncClient) -> str:
        """Upload one after another until one is not done; answers with its code."""
        while (code := await self.send(client, self.fresh())) is None:
            assert len(self.inputs) < 2_000, "the disk is never full"
        return code


async def ask(client: httpx.AsyncClient, served: Served, query: str, variables: Any = None) -> dict[str, Any]:
    """The answer to an operation; what goes wrong in a field is no error of HTTP."""
    response = await client.post(f"{served.url}/graphql", json={"query": query, "variables": variables or {}})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = orjson.loads(response.content)
    return answer


@contextmanager
def disk_with_room_for(served: Served, size: int) -> Iterator[None]:
    """No file of the server may grow past so many bytes, until the end of the block."""
    pid = served.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_refuses_writes_serves_reads_and_is_over_once_there_is_room(
    database_url: str, tmp_path: Path
) -> None:
    async with serving(database_url, tmp_path / "data") as served:
        account = (await served.operate("{ viewer { account { id } } }"))["viewer"]["account"]["id"]
        await served.command("account", "set-limit", account, "1000")
        headers = {"authorization": f"Bearer {served.admin_key}"}
        async with httpx.AsyncClient(timeout=60, headers=headers) as client:
            uploads = Uploads(served)
            with disk_with_room_for(served, 1_500_000):
                filling = [uploads.send_until_refused(client) for _ in range(CALLERS)]
                assert set(await asyncio.gather(*filling)) == {"AUDIT_UNAVAILABLE"}
            assert len(uploads.done) > CALLERS

            with disk_with_room_for(served, 1):
                await _nothing_is_written_and_everything_is_read(client, uploads)

            assert await uploads.send(client, uploads.fresh()) is None
            await _becomes_ready(client, served)
            # What was refused was not done: its key is not remembered, and it is done once now.
            for name in uploads.inputs.keys() - uploads.done:
                assert await uploads.send(client, name) is None
        await _log_and_state_agree(database_url, uploads)
        assert await served.stop() == -signal.SIGTERM


async def _nothing_is_written_and_everything_is_read(client: httpx.AsyncClient, uploads: Uploads) -> None:
    served = uploads.served
    assert await uploads.send(client, uploads.fresh()) == "AUDIT_UNAVAILABLE"
    page = (await ask(client, served, READ))["data"]["certificates"]
    assert page["totalCount"] == len(uploads.done)
    # Looking into the log is an act: without its entry nobody may.
    look = await ask(client, served, LOG)
    assert look["data"] == {"auditEvents": None}
    assert look["errors"][0]["extensions"]["code"] == "AUDIT_UNAVAILABLE"
    stranger = await client.post(
        f"{served.url}/graphql", json={"query": READ}, headers={"authorization": "Bearer ak_0"}
    )
    assert stranger.status_code == 401
    assert (await client.get(f"{served.url}/livez")).status_code == 200
    ready = await client.get(f"{served.url}/readyz")
    assert ready.status_code == 503
    failed = [name for name, seen in ready.json()["checks"].items() if seen == "failed"]
    assert failed == ["writing"]


async def _becomes_ready(client: httpx.AsyncClient, served: Served) -> None:
    async with asyncio.timeout(HEALTHY_SECONDS):
        while (await client.get(f"{served.url}/readyz")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def _log_and_state_agree(database_url: str, uploads: Uploads) -> None:
    assert uploads.done == set(uploads.inputs)
    database = open_database(database_url, role=Role.BESIDE)
    await database.start()
    try:
        rows = await database.reads.fetch("SELECT name FROM certificate")
        assert sorted(row["name"] for row in rows) == sorted(uploads.done)
        entries = await database.reads.fetch("SELECT code FROM audit_entry WHERE action = 'certificate.upload'")
        assert [entry["code"] for entry in entries] == [None] * len(uploads.done)
        await check_log(database)
    finally:
        await database.close()
