"""The endpoint with the product's own schema: its documents are within the limits, and a private key stays away."""

import base64
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from app.transport.graphql.cost import FieldRules, cost_of
from app.transport.graphql.documents import Documents
from app.transport.graphql.limits import Limits
from app.transport.graphql.schema import schema
from tests.serving import serving
from tests.transport.endpoint.talk import SUBPROTOCOL, Talk

pytestmark = pytest.mark.once

WEB = Path(__file__).parents[3] / "app" / "web" / "src"
CORE = schema._schema  # noqa: SLF001  # Strawberry offers no other way to its core

# Base64 of random bytes protects nothing, and looks like what it is taken for.
KEY_LINES = [base64.b64encode(random.Random(n).randbytes(48)).decode() for n in range(20)]  # noqa: S311
KEY = "\n".join(["-----BEGIN PRIVATE KEY-----", *KEY_LINES, "-----END PRIVATE KEY-----", ""])
LITERAL = json.dumps(KEY)
WINDOW = 12
REACHED = {"CERTIFICATE_REJECTED", "PRIVATE_KEY_PRESENT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
"""Codes that show that the documents came as far as they were meant to."""

CERTIFICATE = "name:{},service:BOOTSTRAP,usage:CREDENTIALS,source:{{pem:{}}}"
DOCUMENTS = [
    f"mutation{{uploadCertificate(input:{{{CERTIFICATE.format(name, source)}}})"
    "{auditEntry{id code} errors{...on UserError{code message path}}}}"
    for name, source in (('"a"', LITERAL), (LITERAL, '"x"'), (LITERAL, LITERAL), (LITERAL, "5"), ("5", LITERAL))
] + [
    place.replace("KEY", LITERAL)
    for place in (
        "{previewCertificate(input:{source:{pem:KEY}}){__typename}}",
        "{previewCertificate(input:{source:{der:KEY}}){__typename}}",
        "{certificate(by:{id:KEY}){id}}",
        "{certificates(after:KEY){edges{cursor}}}",
        "{certificates(filterBy:{nameContains:KEY}){edges{cursor}}}",
        "{node(id:KEY){id}}",
        "{nodes(ids:[KEY]){id}}",
        "{auditEvents(after:KEY){edges{cursor}}}",
        "{auditEvents(filterBy:{codes:[KEY]}){edges{cursor}}}",
        "mutation{createApiKey(input:{name:KEY,role:VIEWER}){errors{...on UserError{code message}}}}",
        'mutation{createApiKey(input:{name:"a",role:KEY}){errors{...on UserError{code message path}}}}',
        'mutation{createApiKey(input:{name:"a",role:VIEWER,expiresAt:KEY}){errors{...on UserError{code message}}}}',
        'mutation{createApiKey(input:{name:"a",role:VIEWER,idempotencyKey:KEY}){errors{...on UserError{code}}}}',
        "mutation{revokeApiKey(input:{id:KEY}){errors{...on UserError{code message path}}}}",
        "query($k:String=KEY){viewer{scopes}}",
        "{viewer{scopes} KEY}",
        "KEY",
    )
]


@pytest.mark.parametrize("path", sorted(WEB.rglob("*.graphql")), ids=lambda path: path.name)
def test_the_portals_own_documents_are_within_the_limits(path: Path) -> None:
    limits = Limits()
    document = Documents(CORE, limits).ready(path.read_text(encoding="utf-8"), may_introspect=False)
    for operation in document.operations.values():
        assert cost_of(FieldRules(CORE), document.ast, operation, {}) <= limits.cost


def windows(text: str) -> set[str]:
    """Everything of a certain length in a text."""
    return {text[start : start + WINDOW] for start in range(len(text) - WINDOW + 1)}


def kept_in(place: Path) -> str:
    """What lies in the files of a place."""
    return "\n".join(file.read_bytes().decode("latin-1") for file in place.rglob("*") if file.is_file())


@asynccontextmanager
async def conversation(url: str, headers: dict[str, str]) -> AsyncIterator[Talk]:
    """A WebSocket of the product that is initialised."""
    url = url.replace("http", "ws")
    async with connect(url, subprotocols=[SUBPROTOCOL], additional_headers=headers, proxy=None) as connection:
        talk = Talk(connection)
        await talk.say({"type": "connection_init"})
        await talk.hear()
        yield talk


async def test_a_private_key_in_a_document_reaches_no_answer_no_log_and_no_row(tmp_path: Path) -> None:
    secret = {window for line in KEY_LINES for window in windows(line)}
    async with serving(f"sqlite://{tmp_path}/anchorage.db", tmp_path / "data", log_format="json") as served:
        headers = {"Authorization": f"Bearer {served.admin_key}"}
        url = f"{served.url}/graphql"
        async with httpx.AsyncClient(headers=headers) as client:
            codes: set[str] = set()
            for document in DOCUMENTS:
                for accept in ("application/json", "application/graphql-response+json", "text/event-stream"):
                    answer = await client.post(url, json={"query": document}, headers={"Accept": accept})
                    assert answer.status_code in {200, 400}, answer.text
                    assert not secret & windows(answer.text), (document, answer.text)
                    codes.update(re.findall('"code":"([A-Z_]+)"', answer.text))
        assert codes >= {
            "CERTIFICATE_REJECTED",
            "PRIVATE_KEY_PRESENT",
            "GRAPHQL_PARSE_FAILED",
            "GRAPHQL_VALIDATION_FAILED",
        }
        async with conversation(url, headers) as talk:
            for number, document in enumerate(DOCUMENTS):
                await talk.subscribe(str(number), document)
                message = {"type": "next"}
                while message["type"] == "next":
                    message = await talk.hear()
                    assert not secret & windows(json.dumps(message)), document
    said = "".join(served.said)
    assert '"request"' in said
    assert not secret & windows(said)
    assert not secret & windows(kept_in(tmp_path))


async def test_a_feed_refuses_a_cursor_in_the_words_of_a_list_over_either_transport(tmp_path: Path) -> None:
    feeds = [
        f'subscription {{ {name}(after: "{after}") {{ cursor }} }}'
        for name in ("auditEvents", "certificateChanged", "findingChanged")
        for after in ("nonsense", "")
    ]
    async with serving(f"sqlite://{tmp_path}/anchorage.db", tmp_path / "data") as served:
        (expected,) = (await served.ask('{ auditEvents(after: "nonsense") { edges { cursor } } }'))["errors"]
        said = {name: expected[name] for name in ("message", "extensions")}
        headers = {"Authorization": f"Bearer {served.admin_key}"}
        url = f"{served.url}/graphql"
        async with httpx.AsyncClient(headers=headers | {"Accept": "text/event-stream"}) as client:
            for feed in feeds:
                answer = await client.post(url, json={"query": feed})
                _, following, complete, _ = answer.text.split("\n\n")
                assert json.loads(following.removeprefix("event: next\ndata: ")) == {"errors": [said]}
                assert complete.startswith("event: complete\n")
        async with conversation(url, headers) as talk:
            for feed in feeds:
                await talk.subscribe("a", feed)
                assert await talk.hear() == {"id": "a", "type": "error", "payload": [said]}
    assert said["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "ERROR" not in "".join(served.said)
