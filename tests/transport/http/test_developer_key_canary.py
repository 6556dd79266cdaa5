"""A key that the service makes stands in the answer to its creation, and nowhere else: T11's search turned around.

Seen to fail with the key's DER stored beside the ciphertext, and with a line of log that shows the answer.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx

from app.store.connection import Engine
from app.store.database import Role, open_database
from tests.checks import check_log
from tests.developed import scalar_of
from tests.serving import Served
from tests.transport.http.canary import WINDOW, Searched, pieces_of, stored

CREATE = """
mutation($name: String!, $key: ID) {
  createDeveloperCertificate(input: {name: $name, idempotencyKey: $key}) {
    certificate { id } privateKey credentialsFile errors { __typename } auditEntry { receipt canonicalJson }
  }
}
"""
DELETE = "mutation($id: ID!) { deleteCertificate(input: {id: $id}) { errors { __typename } } }"
READ = """
{
  certificates { edges { node { pem chain { subject } } } }
  auditEvents(first: 50) { edges { node { canonicalJson } } }
}
"""


@dataclass(frozen=True)
class Shown:
    """A key as it was shown."""

    pem: str
    source: str

    @cached_property
    def pieces(self) -> frozenset[bytes]:
        """What must stand nowhere: pieces of the secret number alone, for the rest stands in the certificate."""
        secret = scalar_of(self.pem)
        found = pieces_of(secret[at : at + WINDOW] for at in range(len(secret) - WINDOW + 1))
        written = [", ".join(f"0x{octet:02x}" for octet in secret[at : at + 4]) for at in range(29)]
        return found | {piece.encode() for piece in written}


async def _make_three(client: httpx.AsyncClient, heard: Searched) -> list[Shown]:
    """Three certificates, each asked for twice; the last one is deleted. What is said beside the keys is kept."""

    async def ask(query: str, **variables: str) -> httpx.Response:
        return await client.post("/graphql", json={"query": query, "variables": variables})

    shown = []
    for number in range(3):
        answer = await ask(CREATE, name=f"Bench {number}", key=f"key {number}")
        made = answer.json()["data"]["createDeveloperCertificate"]
        shown.append(Shown(made["privateKey"], made["credentialsFile"]))
        assert answer.headers["cache-control"] == "no-store"
        heard.add("the entry", made["auditEntry"]["receipt"] + made["auditEntry"]["canonicalJson"])
        heard.add("a repetition", (await ask(CREATE, name=f"Bench {number}", key=f"key {number}")).content)
    heard.add("a refusal", (await ask(CREATE, name="Bench 0")).content)
    await ask(DELETE, id=made["certificate"]["id"])
    heard.add("what is read later", (await ask(READ)).content)
    heard.add("metrics", (await client.get("/metrics", headers={"accept": "text/plain"})).content)
    heard.add("the log", (await client.get("/log/checkpoint")).content)
    return shown


async def test_a_key_that_the_service_made_is_in_its_answer_and_nowhere_else(
    served: Served, database_url: str, engine: Engine, tmp_path: Path
) -> None:
    heard = Searched()
    headers = {"authorization": f"Bearer {served.admin_key}"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
        shown = await _make_three(client, heard)
    while_it_runs = await stored(engine, database_url)
    await served.stop()
    at_rest = await stored(engine, database_url)
    heard.add("the log of the process", "".join(served.said))
    for path in tmp_path.glob("data/*"):  # noqa: ASYNC240  # nothing else runs
        heard.add(path.name, path.read_bytes())

    assert "secrets-key" in heard.places
    assert {len(searched.places) > 1 for searched in (while_it_runs, at_rest, heard)} == {True}
    for one in shown:
        # The search finds what is there: as PEM, and as the C file writes it.
        assert len(Searched({"the answer": [one.pem.encode(), one.source.encode()]}).found(one)) == 2
        assert while_it_runs.found(one) + at_rest.found(one) + heard.found(one) == []
    database = open_database(database_url, role=Role.BESIDE)
    await database.start()
    assert len(await database.reads.fetch("SELECT 1 AS one FROM developer_key")) == 2
    await check_log(database)
    await database.close()
