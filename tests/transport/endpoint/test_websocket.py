"""graphql-transport-ws, spoken to frame by frame over a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from app.transport.graphql.websocket import SocketLimits
from tests.transport.endpoint.small_house import RIGHT, ServedHouse, served_house
from tests.transport.endpoint.small_schema import SECRET_OF_A_BUG, STREAMS

pytestmark = pytest.mark.once

SUBPROTOCOL = Subprotocol("graphql-transport-ws")


@pytest.fixture
async def house() -> AsyncIterator[ServedHouse]:
    """The endpoint behind a server."""
    async with served_house() as house:
        yield house


class Talk:
    """A client that says exactly what a test wants."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, message: object) -> None:
        """Send a message as JSON, or a text as it is."""
        await self.connection.send(message if isinstance(message, str) else json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.connection.recv(), 10))
        return message

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server closes, whatever it says before."""
        await asyncio.wait_for(self.connection.wait_closed(), 10)
        code, reason = self.connection.close_code, self.connection.close_reason
        assert code is not None
        assert reason is not None
        return code, reason

    async def subscribe(self, operation_id: str, query: str, **more: object) -> None:
        """Begin an operation."""
        await self.say({"type": "subscribe", "id": operation_id, "payload": {"query": query, **more}})


@asynccontextmanager
async def talk(house: ServedHouse, *, init: object = None, **headers: str) -> AsyncIterator[Talk]:
    """A connection; with `init` as its first payload, unless that is False."""
    async with connect(
        house.ws_url,
        subprotocols=[SUBPROTOCOL],
        additional_headers=headers,
        compression=None,
        proxy=None,
    ) as connection:
        talking = Talk(connection)
        if init is not False:
            await talking.say({"type": "connection_init", "payload": init})
            assert await talking.hear() == {"type": "connection_ack"}
        yield talking


async def test_answers_queries_and_subscriptions_side_by_side(house: ServedHouse) -> None:
    async with talk(house) as client:
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
async def test_a_malformed_frame_closes_with_4400(house: ServedHouse, frame: str) -> None:
    async with talk(house) as client:
        await client.say(frame)
        assert (await client.closed())[0] == 4400


@pytest.mark.parametrize("payload", [5, "x", [], {"Authorization": 5}, {"authorization": []}])
async def test_a_malformed_first_payload_closes_with_4400(house: ServedHouse, payload: object) -> None:
    async with talk(house, init=False) as client:
        await client.say({"type": "connection_init", "payload": payload})
        assert (await client.closed())[0] == 4400


async def test_a_binary_frame_closes_with_4400(house: ServedHouse) -> None:
    async with talk(house) as client:
        await client.connection.send(b'{"type":"ping"}')
        assert (await client.closed())[0] == 4400


async def test_a_frame_over_64_kib_closes_with_1009(house: ServedHouse) -> None:
    async with talk(house) as client:
        await client.say({"type": "ping", "payload": {"a": "x" * 65_536}})
        assert (await client.closed())[0] == 1009


async def test_an_operation_before_the_acknowledgement_closes_with_4401(house: ServedHouse) -> None:
    async with talk(house, init=False) as client:
        await client.subscribe("a", "{hello}")
        assert (await client.closed()) == (4401, "Unauthorized")


async def test_a_wrong_key_closes_with_4403(house: ServedHouse) -> None:
    for spelling in ("Authorization", "authorization"):
        async with talk(house, init=False) as client:
            await client.say({"type": "connection_init", "payload": {spelling: "Bearer wrong"}})
            assert (await client.closed()) == (4403, "The key is not valid.")


async def test_silence_closes_with_4408() -> None:
    async with served_house(socket_limits=SocketLimits(init_seconds=0.05)) as house, talk(house, init=False) as client:
        assert (await client.closed())[0] == 4408


async def test_an_id_in_use_closes_with_4409(house: ServedHouse) -> None:
    async with talk(house) as client:
        await client.subscribe("a", "subscription{count(to:3,pause:10)}")
        await client.subscribe("a", "{hello}")
        assert (await client.closed()) == (4409, "Subscriber for a already exists")


async def test_an_id_can_be_used_again_once_it_is_complete(house: ServedHouse) -> None:
    async with talk(house) as client:
        for _ in range(100):
            await client.subscribe("a", "{hello}")
            assert (await client.hear())["type"] == "next"
            assert (await client.hear())["type"] == "complete"
            await client.subscribe("a", "subscription{count(to:3,pause:10)}")
            await client.say({"type": "complete", "id": "a"})


async def test_a_second_initialisation_closes_with_4429(house: ServedHouse) -> None:
    async with talk(house) as client:
        await client.say({"type": "connection_init"})
        assert (await client.closed())[0] == 4429


async def test_another_subprotocol_closes_with_4406(house: ServedHouse) -> None:
    for offered in (None, [Subprotocol("graphql-ws")]):
        async with connect(house.ws_url, subprotocols=offered, proxy=None) as connection:
            assert (await Talk(connection).closed())[0] == 4406


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://127.0.0.1:1", "file://"])
async def test_a_page_of_another_origin_is_403(house: ServedHouse, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talk(house, Origin=origin):
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


async def test_a_mutation_is_refused_with_a_clear_error(house: ServedHouse) -> None:
    async with talk(house) as client:
        await client.subscribe("a", 'mutation{note(text:"x")}')
        message = await client.hear()
        assert (message["type"], message["id"]) == ("error", "a")
        assert message["payload"][0]["message"] == "A mutation is sent by POST, not over a WebSocket."
        assert house.gate.refused == ["OPERATION_RESOLUTION_FAILURE"]


async def test_a_stranger_may_not_watch_what_needs_a_scope(house: ServedHouse) -> None:
    async with talk(house) as client:
        await client.subscribe("a", "subscription{scopedCount(to:1)}")
        assert (await client.hear())["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert house.gate.refused == ["UNAUTHENTICATED"]
    async with talk(house, init={"Authorization": RIGHT}) as client:
        await client.subscribe("a", "subscription{scopedCount(to:1)}")
        assert (await client.hear())["payload"]["data"] == {"scopedCount": 1}


async def test_the_handshakes_own_authorization_counts(house: ServedHouse) -> None:
    async with talk(house, Authorization=RIGHT) as client:
        await client.subscribe("a", "{scoped}")
        assert (await client.hear())["payload"]["data"] == {"scoped": "seen"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{unknown}", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n:Int!){half(number:$n)}", "BAD_USER_INPUT"),
        ("subscription($n:Int!){count(to:$n)}", "BAD_USER_INPUT"),
    ],
)
async def test_a_refused_operation_is_an_error_message_and_the_socket_lives(
    house: ServedHouse, query: str, code: str
) -> None:
    async with talk(house) as client:
        await client.subscribe("a", query)
        message = await client.hear()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == code
        await client.subscribe("a", "{hello}")
        assert (await client.hear())["type"] == "next"


async def test_every_event_of_a_subscription_has_a_context_of_its_own(house: ServedHouse) -> None:
    async with talk(house) as client:
        await client.subscribe("a", "subscription{contexts(to:3){number}}")
        numbers = {(await client.hear())["payload"]["data"]["contexts"]["number"] for _ in range(3)}
        assert len(numbers) == 3


async def test_a_bug_in_a_subscription_is_masked(house: ServedHouse) -> None:
    async with talk(house) as client:
        await client.subscribe("a", "subscription{breaks}")
        assert (await client.hear())["payload"]["data"] == {"breaks": 1}
        message = await client.hear()
        assert message["payload"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert SECRET_OF_A_BUG not in json.dumps(message)


@pytest.mark.parametrize("way", ["complete", "close", "abort"])
async def test_a_subscription_that_nobody_reads_is_closed_at_once(house: ServedHouse, way: str) -> None:
    STREAMS.closed = asyncio.Event()
    async with talk(house) as client:
        await client.subscribe("a", "subscription{count(to:1000000,pause:0.001)}")
        assert (await client.hear())["type"] == "next"
        assert STREAMS.open == 1
        if way == "complete":
            await client.say({"type": "complete", "id": "a"})
        elif way == "close":
            await client.connection.close()
        else:
            client.connection.transport.abort()
        await asyncio.wait_for(STREAMS.closed.wait(), 10)
        assert STREAMS.open == 0


async def test_a_client_that_does_not_read_stops_its_subscription_and_no_other(house: ServedHouse) -> None:
    async with talk(house) as slow, talk(house) as quick:
        slow.connection.transport.pause_reading()
        STREAMS.produced = 0
        await slow.subscribe("a", "subscription{count(to:1000000,padding:10000)}")
        produced = -1
        while produced != STREAMS.produced:
            produced = STREAMS.produced
            await asyncio.sleep(0.2)
        # What fits between two sockets of one machine is a few megabytes.
        assert 0 < produced < 3_000
        await quick.subscribe("a", "{hello}")
        assert (await quick.hear())["type"] == "next"
        slow.connection.transport.abort()


async def test_more_operations_than_a_socket_may_have_are_refused() -> None:
    async with served_house(socket_limits=SocketLimits(operations=2)) as house, talk(house) as client:
        for operation_id in ("a", "b", "c"):
            await client.subscribe(operation_id, "subscription{count(to:1,pause:10)}")
        message = await client.hear()
        assert (message["type"], message["id"]) == ("error", "c")
        assert message["payload"][0]["extensions"]["reason"] == "TOO_MANY_OPERATIONS"


async def test_sockets_of_strangers_leave_room_for_those_with_a_key() -> None:
    async with served_house(socket_limits=SocketLimits(sockets=8)) as house:
        async with talk(house), talk(house):
            with pytest.raises(InvalidStatus) as refused:
                async with talk(house):
                    pass
            assert refused.value.response.status_code == 503
        # Those that showed a key no longer count as strangers.
        async with (
            talk(house, init={"Authorization": RIGHT}),
            talk(house, init={"Authorization": RIGHT}),
            talk(house, init={"Authorization": RIGHT}),
        ):
            pass


async def test_a_key_that_is_revoked_ends_its_sockets() -> None:
    limits = SocketLimits(look_again_seconds=0.05)
    async with served_house(socket_limits=limits) as house, talk(house, init={"Authorization": RIGHT}) as client:
        await client.subscribe("a", "subscription{scopedCount(to:1)}")
        assert (await client.hear())["type"] == "next"
        house.gate.keys.clear()
        assert (await client.closed())[0] == 4403


async def test_a_revoked_key_can_begin_no_operation_before_it_is_looked_at_again(house: ServedHouse) -> None:
    async with talk(house, init={"Authorization": RIGHT}) as client:
        house.gate.keys.clear()
        await client.subscribe("a", "{scoped}")
        assert (await client.closed())[0] == 4403


async def test_a_server_that_closes_says_1012_and_waits_for_nobody(house: ServedHouse) -> None:
    async with talk(house) as client:
        await client.subscribe("a", "subscription{count(to:1000,pause:1)}")
        await client.say({"type": "ping"})
        assert await client.hear() == {"type": "pong"}
        house.endpoint.close()
        assert (await client.closed()) == (1012, "Service restart")
