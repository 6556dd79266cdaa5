"""T11: a private key that is sent in the wrong place is refused, and remains nowhere.

Seen to fail with a User-Agent, a request id, an operation's name and a path that were kept as they came, with a reason
that the entry of a refusal quoted, and with graphql-core's sentences handed on with the values that they quote.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.rules import pem
from app.store.connection import Engine
from app.store.database import Role, open_database
from tests.checks import check_log
from tests.house import fresh_ca
from tests.rules.authority import AT
from tests.serving import Served
from tests.transport.http.canary import Canary, Searched, stored

CODES = "errors { ... on UserError { code } ... on CertificateRejectedError { findings { code } } }"
UPLOAD = (
    f"mutation Upload($input: UploadCertificateInput!) {{ answer: uploadCertificate(input: $input) {{ {CODES} }} }}"
)
MADE = """
mutation($pem: PEM!) {
  uploadCertificate(input: {name: "fine", source: {pem: $pem}, usage: CREDENTIALS}) { certificate { id } }
  createApiKey(input: {name: "fine", role: VIEWER}) { apiKey { id } }
}
"""
OTHERS = {
    "CreateDeveloperCertificate": ("name", "description", "idempotencyKey"),
    "UpdateCertificate": ("name", "description", "idempotencyKey"),
    "SetCertificateStatus": ("reason", "idempotencyKey"),
    "DeleteCertificate": ("reason", "idempotencyKey"),
    "CreateApiKey": ("name", "idempotencyKey"),
    "RevokeApiKey": ("reason", "idempotencyKey"),
}
"""The other mutations, and their fields of text."""
ASKED = {
    "query($text: String) { certificates(filterBy: {text: $text}) { totalCount } }": None,
    "query($text: String!) { certificate(by: {name: $text}) { id } }": None,
    "query($text: ID!) { certificate(by: {id: $text}) { id } }": None,
    "query($text: ID!) { node(id: $text) { id } }": None,
    "query($text: String) { certificates(first: 1, after: $text) { totalCount } }": "BAD_USER_INPUT",
    "query($text: String!) { auditEvents(filterBy: {codes: [$text]}) { totalCount } }": None,
    "query($text: String) { auditEvents(before: $text, last: 1) { totalCount } }": "BAD_USER_INPUT",
    "query($text: Sha256!) { certificate(by: {fingerprint: $text}) { id } }": "BAD_USER_INPUT",
    "query($text: CertificateUsage!) { certificates(filterBy: {usage: [$text]}) { totalCount } }": "BAD_USER_INPUT",
    "query($text: Int) { certificates(first: $text) { totalCount } }": "BAD_USER_INPUT",
}
"""What is only looked for is not refused unless it cannot be meant; a text over 200 characters cannot."""


@dataclass
class Sender:
    """An administrator who pastes the key everywhere, and keeps everything that comes back."""

    served: Served
    client: httpx.AsyncClient
    heard: Searched = field(default_factory=Searched)
    uploads: int = 0

    async def post(self, body: object, **headers: str) -> dict[str, Any]:
        """The answer to a request, which is kept."""
        sent = body if isinstance(body, str) else json.dumps(body)
        response = await self.client.post("/graphql", content=sent, headers=headers)
        self.keep(response)
        assert response.status_code < 500, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def keep(self, response: httpx.Response) -> None:
        """Keep an answer to be searched."""
        self.heard.add(f"an answer to {response.request.method}", response.content + repr(response.headers).encode())

    async def code(self, query: str, variables: dict[str, Any]) -> str:
        """The code with which a mutation is refused."""
        answer = await self.post({"query": query, "variables": variables})
        assert "errors" not in answer, answer
        (error,) = answer["data"]["answer"]["errors"]
        if "findings" in error:
            return ",".join(finding["code"] for finding in error["findings"])
        return str(error["code"])

    async def upload(self, **words: object) -> str:
        """The code with which an upload of these words is refused."""
        self.uploads += 1
        given = {"name": f"upload {self.uploads}", "source": {"pem": ca_pem()}, "usage": "CREDENTIALS"}
        return await self.code(UPLOAD, {"input": given | words})


def ca_pem() -> str:
    """A CA that has nothing to do with the key."""
    return pem.encode([fresh_ca(not_before=AT.replace(year=2020)).der])


@pytest.fixture(params=["EC", "RSA", "Ed25519"])
def canary(request: pytest.FixtureRequest) -> Canary:
    """The key."""
    return Canary.of(request.param)


@pytest.fixture
async def sender(served: Served) -> AsyncIterator[Sender]:
    """Somebody with the administrator's key."""
    headers = {"authorization": f"Bearer {served.admin_key}", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
        yield Sender(served, client)


async def test_a_private_key_in_any_place_is_refused_and_remains_nowhere(
    sender: Sender, canary: Canary, database_url: str, engine: Engine, tmp_path: Path
) -> None:
    served = sender.served
    await _as_a_certificate_and_beside_one(sender, canary)
    await _in_every_other_mutation(sender, canary)
    await _in_what_is_asked(sender, canary)
    await _in_the_document_itself(sender, canary)
    await _in_headers_and_addresses(sender, canary)
    await _over_a_web_socket(sender, canary)

    log = await sender.post({"query": REFUSED})
    sender.heard.add("metrics", (await sender.client.get("/metrics", headers={"accept": "text/plain"})).content)
    while_it_runs = await stored(engine, database_url)
    await served.stop()
    at_rest = await stored(engine, database_url)
    sender.heard.add("the log of the process", "".join(served.said))

    entries = log["data"]["auditEvents"]["edges"]
    assert [entry["node"]["code"] for entry in entries] == ["PRIVATE_KEY_PRESENT"] * sender.uploads
    assert {len(searched.places) > 1 for searched in (while_it_runs, at_rest, sender.heard)} == {True}
    assert while_it_runs.found(canary) + at_rest.found(canary) + sender.heard.found(canary) == []
    for path in tmp_path.glob("data/*"):  # noqa: ASYNC240  # nothing else runs
        assert not any(piece in path.read_bytes() for piece in canary.pieces)
    database = open_database(database_url, role=Role.BESIDE)
    await database.start()
    await check_log(database)
    await database.close()


REFUSED = """
{ auditEvents(first: 100, filterBy: {action: [CERTIFICATE_UPLOAD], outcome: [REFUSED]}) { edges { node { code } } } }
"""


async def _as_a_certificate_and_beside_one(sender: Sender, canary: Canary) -> None:
    sources = [{"pem": text} for text in canary.texts]
    sources += [{"pem": ca_pem() + canary.pem}, {"pem": canary.pem.replace("PRIVATE KEY", "CERTIFICATE")}]
    for source in [*sources, {"der": canary.base64}]:
        assert await sender.upload(source=source) == "PRIVATE_KEY_PRESENT"
    for text in canary.texts:
        for place in ("name", "description", "idempotencyKey"):
            assert await sender.upload(**{place: text}) == "PRIVATE_KEY_PRESENT", (place, text)


async def _in_every_other_mutation(sender: Sender, canary: Canary) -> None:
    made = (await sender.post({"query": MADE, "variables": {"pem": ca_pem()}}))["data"]
    certificate = {"id": made["uploadCertificate"]["certificate"]["id"]}
    wanted = {
        "CreateDeveloperCertificate": {"name": "developer"},
        "UpdateCertificate": certificate,
        "SetCertificateStatus": certificate | {"status": "INACTIVE"},
        "DeleteCertificate": certificate,
        "CreateApiKey": {"name": "fine", "role": "VIEWER"},
        "RevokeApiKey": {"id": made["createApiKey"]["apiKey"]["id"]},
    }
    for name, places in OTHERS.items():
        query = f"mutation($input: {name}Input!) {{ answer: {name[0].lower()}{name[1:]}(input: $input) {{ {CODES} }} }}"
        query = query.replace(" ... on CertificateRejectedError { findings { code } }", "")
        words = wanted[name]
        for place in places:
            for text in canary.texts:
                code = await sender.code(query, {"input": words | {place: text}})
                assert code == "PRIVATE_KEY_PRESENT", (name, place, text)
        if "id" in words:
            assert await sender.code(query, {"input": words | {"id": canary.base64}}) == "NOT_FOUND"


async def _in_what_is_asked(sender: Sender, canary: Canary) -> None:
    for query, expected in ASKED.items():
        for text in canary.texts:
            answer = await sender.post({"query": query, "variables": {"text": text}})
            codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
            assert codes <= {"BAD_USER_INPUT"}, (query, answer)
            assert expected is None or codes == {expected}, (query, answer)


async def _in_the_document_itself(sender: Sender, canary: Canary) -> None:
    sent: list[object] = [
        {"query": canary.pem},
        {"query": "{ viewer { account { id } } }", "operationName": canary.pem},
    ]
    sent += [{"query": "{ __typename }", "variables": canary.pem}, {"query": "{ __typename }", canary.base64: 1}]
    sent += [{"query": "{ __typename }", "extensions": {"key": canary.pem}}, canary.pem, json.dumps(canary.pem)]
    for text in (canary.one_line, canary.base64):
        inline = f'(input: {{name: "{text}", usage: CREDENTIALS, source: {{pem: "{text}"}}}})'
        sent += [{"query": f"mutation {{ uploadCertificates{inline} {{ __typename }} }}"}]
        sent += [{"query": f'{{ certificates(first: "{text}") {{ totalCount }} }}'}, {"query": f"{{ {text} }}"}]
        sent += [{"query": f"query {text} {{ __typename }}"}, {"query": f"{{ viewer {{ {text}: account {{ id }} }} }}"}]
        sent += [{"query": f"{{ certificates(filterBy: {{usage: [{text}]}}) {{ totalCount }} }}"}]
        sent += [{"query": "query($a: Int) { certificates(first: $a) { totalCount } }", "variables": {text: text}}]
    sent += [{"query": f'query {{ certificates(filterBy: {{text: """{canary.pem}"""}}) {{ totalCount }} }}'}]
    for alias in (f"A{canary.base64.translate(str.maketrans('+/=', '___'))}", canary.base64):
        sent += [{"query": f"query {alias} {{ {alias}: auditEvents(first: 1) {{ totalCount }} }}"}]
    for body in sent:
        # Its answer is the sender's own document: an alias names a field of it.
        answer = await sender.client.post("/graphql", content=body if isinstance(body, str) else json.dumps(body))
        assert answer.status_code < 500, body
        if "data" not in answer.json():
            sender.keep(answer)


async def _in_headers_and_addresses(sender: Sender, canary: Canary) -> None:
    for text in (canary.one_line, canary.base64):
        for name in ("x-request-id", "user-agent", "traceparent", "x-forwarded-for", "accept", "cookie", "origin"):
            await sender.post({"query": "{ auditEvents(first: 1) { totalCount } }"}, **{name: text})
        await sender.post({"query": UPLOAD}, **{"user-agent": f"curl/8 {text} (pasted)"})
        refused = await sender.client.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"authorization": text}
        )
        assert refused.status_code == 401
        sender.keep(refused)
        for path in (f"/{quote(text, safe='')}", f"/graphql/{quote(text)}", f"/graphql?query={quote(text, safe='')}"):
            sender.keep(await sender.client.get(path, headers={"accept": "application/json"}))


async def _over_a_web_socket(sender: Sender, canary: Canary) -> None:
    subscribe = {"type": "subscribe", "id": "1"}
    payloads: list[dict[str, Any]] = [{"query": canary.pem}, {"query": "subscription { auditEvents { cursor } }"}]
    payloads[1]["operationName"] = canary.base64
    feed = "subscription($after: String) { auditEvents(after: $after) { cursor } }"
    payloads += [{"query": feed, "variables": {"after": canary.base64}}, {"query": feed, "variables": canary.pem}]
    authorized = {"Authorization": f"Bearer {sender.served.admin_key}"}
    frames: list[list[object]] = [
        [{"type": "connection_init", "payload": authorized}, {**subscribe, "payload": one}] for one in payloads
    ]
    frames += [[{"type": "connection_init", "payload": {"Authorization": text}}] for text in canary.texts]
    frames += [[{"type": "connection_init", "payload": canary.pem}], [canary.pem], [{"type": canary.base64}]]
    address = sender.served.url.replace("http:", "ws:") + "/graphql"
    for said in frames:
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as connection:
            for frame in said:
                await connection.send(json.dumps(frame))
            try:
                while json.loads(message := await connection.recv())["type"] == "connection_ack":
                    sender.heard.add("a WebSocket", message)
                sender.heard.add("a WebSocket", message)
            except ConnectionClosed as closed:
                sender.heard.add("a WebSocket", str(closed))
