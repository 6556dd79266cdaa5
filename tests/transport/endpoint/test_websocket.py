"""graphql-transport-ws over a real server: who may connect, and which frame ends a connection how."""

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from app.transport.graphql.websocket import SocketLimits
from tests.transport.endpoint.small_house import ServedHouse, served_house
from tests.transport.endpoint.talk import Talk, talk

pytestmark = pytest.mark.once


async def test_answers_queries_and_subscriptions_side_by_side(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.subscribe("a", "subscription($to:Int!){count(to:$to,pause:0.01)}", variables={"to": 3})
        await client.subscribe("b", "query Q{hello}", operationName="Q")
        heard = [await client.hear() for _ in range(6)]
    of_a = [message for message in heard if message["id"] == "a"]
    of_b = [message for message in heard if message["id"] == "b"]
    assert [message["type"] for message in of_a] == ["next", "next", "next", "complete"]
    assert [message["payload"]["data"]["count"] for message in of_a[:3]] == ["1", "2", "3"]
    assert [message["type"] for message in of_b] == ["next", "complete"]
    assert of_b[0]["payload"]["data"] == {"hello": "Hello, world!"}
    assert of_b[0]["payload"]["extensions"]["cost"]["requested"] == 0


@pytest.mark.parametrize(
    "frame",
    [
        "5",
        "null",
        "[1]",
        "{",
        '"x"',
        "{}",
        '{"type":"start"}',
        '{"type":5}',
        '{"type":"subscribe","id":"a"}',
        '{"type":"subscribe","payload":{"query":"{hello}"}}',
        '{"type":"subscribe","id":"","payload":{"query":"{hello}"}}',
        '{"type":"subscribe","id":5,"payload":{"query":"{hello}"}}',
        '{"type":"subscribe","id":"a","payload":{"query":5}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{hello}","variables":[]}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{hello}","variables":"x"}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{hello}","operationName":[]}}',
        '{"type":"subscribe","id":"a","payload":{"query":"{hello}","extensions":5}}',
        '{"type":"subscribe","id":"a","payload":[]}',
        '{"type":"ping","payload":5}',
        '{"type":"complete"}',
        "[" * 60_000,
    ],
)
async def test_a_malformed_frame_closes_with_4400(served: ServedHouse, frame: str) -> None:
    async with talk(served) as client:
        await client.say(frame)
        assert (await client.closed())[0] == 4400


@pytest.mark.parametrize("payload", [5, "x", [], {"Authorization": 5}, {"authorization": []}])
async def test_a_malformed_first_payload_closes_with_4400(served: ServedHouse, payload: object) -> None:
    async with talk(served, init=False) as client:
        await client.say({"type": "connection_init", "payload": payload})
        assert (await client.closed())[0] == 4400


async def test_a_binary_frame_closes_with_4400(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.connection.send(b'{"type":"ping"}')
        assert (await client.closed())[0] == 4400


async def test_a_frame_over_64_kib_closes_with_1009(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.say({"type": "ping", "payload": {"a": "x" * 65_536}})
        assert (await client.closed())[0] == 1009


async def test_an_operation_before_the_acknowledgement_closes_with_4401(served: ServedHouse) -> None:
    async with talk(served, init=False) as client:
        await client.subscribe("a", "{hello}")
        assert (await client.closed()) == (4401, "Unauthorized")


async def test_a_wrong_key_closes_with_4403(served: ServedHouse) -> None:
    for spelling in ("Authorization", "authorization"):
        async with talk(served, init=False) as client:
            await client.say({"type": "connection_init", "payload": {spelling: "Bearer wrong"}})
            assert (await client.closed()) == (4403, "The key is not valid.")


async def test_silence_closes_with_4408() -> None:
    async with served_house(socket_limits=SocketLimits(init_seconds=0.05)) as house, talk(house, init=False) as client:
        assert (await client.closed())[0] == 4408


async def test_an_id_in_use_closes_with_4409(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.subscribe("a", "subscription{count(to:3,pause:10)}")
        await client.subscribe("a", "{hello}")
        assert (await client.closed()) == (4409, "Subscriber for a already exists")


async def test_an_id_can_be_used_again_once_it_is_complete(served: ServedHouse) -> None:
    async with talk(served) as client:
        for _ in range(100):
            await client.subscribe("a", "{hello}")
            assert (await client.hear())["type"] == "next"
            assert (await client.hear())["type"] == "complete"
            await client.subscribe("a", "subscription{count(to:3,pause:10)}")
            await client.say({"type": "complete", "id": "a"})


async def test_a_second_initialisation_closes_with_4429(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.say({"type": "connection_init"})
        assert (await client.closed())[0] == 4429


async def test_another_subprotocol_closes_with_4406(served: ServedHouse) -> None:
    for offered in (None, [Subprotocol("graphql-ws")]):
        async with connect(served.ws_url, subprotocols=offered, proxy=None) as connection:
            assert (await Talk(connection).closed())[0] == 4406


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://127.0.0.1:1", "file://"])
async def test_a_page_of_another_origin_is_403(served: ServedHouse, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talk(served, Origin=origin):
            pass
    assert refused.value.response.status_code == 403


async def test_a_page_of_our_own_or_of_the_public_address_may_connect() -> None:
    async with served_house(public_url="https://anchorage.example/") as house:
        for origin in (f"http://127.0.0.1:{house.port}", "https://anchorage.example"):
            async with talk(house, Origin=origin) as client:
                await client.say({"type": "ping"})
                assert await client.hear() == {"type": "pong"}
        with pytest.raises(InvalidStatus):
            async with talk(house, Origin="http://anchorage.example"):
                pass
