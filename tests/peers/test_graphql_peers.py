"""Other people's clients and judges of GraphQL against the running product."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from tests.peers.conftest import Peers, Said
from tests.serving import Served, serving

pytestmark = [pytest.mark.once, pytest.mark.asyncio(loop_scope="module")]

CREATE = (
    "mutation($name:String!){createApiKey(input:{name:$name,role:VIEWER}){apiKey{name} errors{...on UserError{code}}}}"
)
NEWEST = "{auditEvents(first:1){edges{cursor}}}"
FEED = (
    "subscription($after:String!){auditEvents(after:$after,filterBy:{action:API_KEY_CREATE})"
    "{cursor node{action outcome targetName}}}"
)


async def feed(peers: Peers, kind: str, served: Served, key: str, query: str, **more: str) -> list[Said]:
    """What a client says about one operation."""
    arguments = (kind, f"{served.url}/graphql", key, query, more.get("variables", "{}"), more.get("enough", "0"))
    return await asyncio.to_thread(partial(peers.answers, "feed.js", *arguments))


async def test_the_audits_of_graphql_http_pass_whole(peers: Peers, served: Served) -> None:
    arguments = (f"{served.url}/graphql", served.admin_key)
    (found,) = await asyncio.to_thread(partial(peers.answers, "audit.js", *arguments))
    assert found == {"passed": {"MUST": 13, "SHOULD": 23, "MAY": 25}, "failed": []}


@pytest.mark.parametrize("kind", ["ws", "sse"])
async def test_a_feed_is_resumed_after_a_cursor_and_misses_nothing(peers: Peers, served: Served, kind: str) -> None:
    before = (await served.operate(NEWEST))["auditEvents"]["edges"][0]["cursor"]
    for name in ("first", "second"):
        assert (await served.operate(CREATE, {"name": name}))["createApiKey"]["errors"] == []
    reading = asyncio.create_task(
        feed(peers, kind, served, served.admin_key, FEED, variables=json.dumps({"after": before}), enough="3")
    )
    # The third comes live, or at least after the client was started.
    assert (await served.operate(CREATE, {"name": "third"}))["createApiKey"]["errors"] == []
    opened, *results = await reading
    assert "opened" in opened
    edges = [said["result"]["data"]["auditEvents"] for said in results if "result" in said]
    assert [edge["node"]["targetName"] for edge in edges] == ["first", "second", "third"]
    variables = json.dumps({"after": edges[1]["cursor"]})
    resumed = await feed(peers, kind, served, served.admin_key, FEED, variables=variables, enough="1")
    assert resumed[1]["result"]["data"]["auditEvents"]["node"]["targetName"] == "third"


@pytest.mark.parametrize("kind", ["ws", "sse"])
async def test_a_query_is_one_result_and_complete(peers: Peers, served: Served, kind: str) -> None:
    _, result, complete = await feed(peers, kind, served, served.admin_key, "{viewer{account{id}}}")
    assert result["result"]["data"]["viewer"]["account"]["id"].startswith("acc_")
    assert "complete" in complete


async def test_a_mutation_is_refused_over_websockets_and_done_over_server_sent_events(
    peers: Peers, served: Served
) -> None:
    variables = json.dumps({"name": "made by a client"})
    _, refused = await feed(peers, "ws", served, served.admin_key, CREATE, variables=variables)
    assert refused["failed"]["errors"][0]["message"] == "A mutation is sent by POST, not over a WebSocket."
    _, result, _ = await feed(peers, "sse", served, served.admin_key, CREATE, variables=variables)
    assert result["result"]["data"]["createApiKey"]["apiKey"] == {"name": "made by a client"}


@pytest.mark.parametrize("kind", ["ws", "sse"])
async def test_a_document_that_is_not_valid_reaches_the_client_as_graphqls_errors(
    peers: Peers, served: Served, kind: str
) -> None:
    said = await feed(peers, kind, served, served.admin_key, "{viewer{unknown}}")
    errors = said[1]["failed"]["errors"] if kind == "ws" else said[1]["result"]["errors"]
    assert errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_wrong_key_ends_the_socket_with_4403_and_the_stream_with_401(peers: Peers, served: Served) -> None:
    (refused,) = await feed(peers, "ws", served, "wrong", "{viewer{account{id}}}")
    assert refused["failed"]["code"] == 4403
    _, failed = await feed(peers, "sse", served, "wrong", "{viewer{account{id}}}")
    assert "401" in failed["failed"]["message"] or "Unauthorized" in failed["failed"]["message"]


@pytest.mark.parametrize("kind", ["ws", "sse"])
async def test_a_server_that_stops_ends_its_feeds_and_waits_for_none(peers: Peers, tmp_path: Path, kind: str) -> None:
    # Longer than a test waits for the server's end.
    async with serving(f"sqlite://{tmp_path}/anchorage.db", tmp_path / "data", drain_seconds="120") as served:
        before = (await served.operate(NEWEST))["auditEvents"]["edges"][0]["cursor"]
        await served.operate(CREATE, {"name": "seen before the end"})
        variables = json.dumps({"after": before})
        async with peers.saying("feed.js", kind, f"{served.url}/graphql", served.admin_key, FEED, variables) as say:
            assert "opened" in await anext(say)
            assert "result" in await anext(say)
            await served.stop()
            said = [each async for each in say]
        assert "failed" in said[-1]
        if kind == "ws":
            assert said[-1]["failed"]["code"] == 1012


async def test_the_schema_passes_the_rules_of_graphql_eslint(peers: Peers) -> None:
    eslint = "tests/peers/node/node_modules/eslint/bin/eslint.js"
    judged = await asyncio.to_thread(
        partial(
            peers.run, eslint, "--config", "tests/peers/node/eslint.config.js", "--max-warnings", "0", "schema.graphql"
        )
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
