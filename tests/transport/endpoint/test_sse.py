"""Server-sent events in the distinct connections mode of graphql-sse, over a real server."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.transport.endpoint.small_house import RIGHT, ServedHouse, served_house
from tests.transport.endpoint.small_schema import REFUSALS, SECRET_OF_A_BUG, STREAMS

pytestmark = pytest.mark.once

COMPLETE = "event: complete\ndata: \n\n"


@asynccontextmanager
async def stream(house: ServedHouse, query: str, **more: object) -> AsyncIterator[httpx.Response]:
    """The answer to one operation, unread."""
    headers = {"Accept": "text/event-stream"}
    async with (
        httpx.AsyncClient() as client,
        client.stream("POST", house.url, json={"query": query, **more}, headers=headers) as response,
    ):
        yield response


def results(text: str) -> list[object]:
    """What the `next` events of a whole stream hold."""
    events = [block for block in text.split("\n\n") if block.startswith("event: next\n")]
    return [json.loads(event.removeprefix("event: next\ndata: ")) for event in events]


async def test_a_subscription_is_a_stream_of_its_results_and_ends_with_complete(served: ServedHouse) -> None:
    async with stream(served, "subscription($to:Int!){count(to:$to)}", variables={"to": 3}) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        text = (await response.aread()).decode()
    assert text.startswith(":\n\n")
    assert text.endswith(COMPLETE)
    assert [result["data"] for result in results(text)] == [{"count": str(n)} for n in (1, 2, 3)]  # type: ignore[index]


async def test_a_query_and_a_mutation_are_streams_of_one_result(served: ServedHouse) -> None:
    for query, data in (("{hello}", {"hello": "Hello, world!"}), ('mutation{note(text:"a")}', {"note": "a"})):
        async with stream(served, query) as response:
            text = (await response.aread()).decode()
        (result,) = results(text)
        assert isinstance(result, dict)
        assert result["data"] == data
        assert text.endswith(COMPLETE)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{unknown}", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription($n:Int!){count(to:$n)}", "BAD_USER_INPUT"),
        ("subscription{breaks}", "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_what_is_refused_is_the_streams_last_result(served: ServedHouse, query: str, code: str) -> None:
    async with stream(served, query) as response:
        assert response.status_code == 200
        text = (await response.aread()).decode()
    last = results(text)[-1]
    assert isinstance(last, dict)
    assert last["errors"][0]["extensions"]["code"] == code
    assert SECRET_OF_A_BUG not in text
    assert text.endswith(COMPLETE)


@pytest.mark.parametrize("field", REFUSALS)
async def test_a_subscription_that_is_refused_ends_with_the_refusal_and_is_no_bug(
    served: ServedHouse, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    async with stream(served, f"subscription{{{field}}}") as response:
        text = (await response.aread()).decode()
    last = results(text)[-1]
    assert isinstance(last, dict)
    (error,) = last["errors"]
    assert "data" not in last
    assert {name: error[name] for name in ("message", "extensions")} == REFUSALS[field]
    assert text.endswith(COMPLETE)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_stranger_is_401_and_gets_no_stream(served: ServedHouse) -> None:
    async with stream(served, "subscription{scopedCount(to:1)}") as response:
        assert response.status_code == 401
        assert response.headers["Content-Type"].startswith("application/json")


async def test_get_reads_and_watches_and_changes_nothing(served: ServedHouse) -> None:
    headers = {"Accept": "text/event-stream", "Authorization": RIGHT}
    async with httpx.AsyncClient() as client:
        watched = await client.get(served.url, params={"query": "subscription{scopedCount(to:2)}"}, headers=headers)
        assert len(results(watched.text)) == 2
        changed = await client.get(served.url, params={"query": 'mutation{note(text:"a")}'}, headers=headers)
        assert changed.status_code == 405


async def test_a_client_that_leaves_closes_its_subscription(served: ServedHouse) -> None:
    STREAMS.closed = asyncio.Event()
    async with stream(served, "subscription{count(to:1000000,pause:0.001)}") as response:
        async for _ in response.aiter_bytes():
            break
        assert STREAMS.open == 1
    await asyncio.wait_for(STREAMS.closed.wait(), 10)
    assert STREAMS.open == 0


async def test_a_server_that_closes_ends_the_stream_without_complete(served: ServedHouse) -> None:
    STREAMS.closed = asyncio.Event()
    async with stream(served, "subscription{count(to:1000000,pause:0.001)}") as response:
        text = ""
        async for chunk in response.aiter_text():
            text += chunk
            served.endpoint.close()
    assert "complete" not in text
    await asyncio.wait_for(STREAMS.closed.wait(), 10)


async def test_silence_is_broken_by_comments_until_the_key_is_revoked() -> None:
    async with served_house(keep_alive_seconds=0.02) as house:
        headers = {"Accept": "text/event-stream", "Authorization": RIGHT}
        body = {"query": "subscription{count(to:1,pause:1000)}"}
        async with (
            httpx.AsyncClient() as client,
            client.stream("POST", house.url, json=body, headers=headers) as response,
        ):
            text = ""
            async for chunk in response.aiter_text():
                text += chunk
                if text.count(":\n\n") == 4:
                    house.gate.keys.clear()
    assert text.count(":\n\n") >= 4
    assert "complete" not in text
