"""Operations over graphql-transport-ws: what they answer, what they may not, and how they end."""

import asyncio
import json
import logging

import pytest
from websockets.exceptions import InvalidStatus

from app.transport.graphql.websocket import SocketLimits
from tests.transport.endpoint.small_house import RIGHT, ServedHouse, served_house
from tests.transport.endpoint.small_schema import REFUSALS, SECRET_OF_A_BUG, STREAMS
from tests.transport.endpoint.talk import talk

pytestmark = pytest.mark.once


async def test_a_mutation_is_refused_with_a_clear_error(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.subscribe("a", 'mutation{note(text:"x")}')
        message = await client.hear()
        assert (message["type"], message["id"]) == ("error", "a")
        assert message["payload"][0]["message"] == "A mutation is sent by POST, not over a WebSocket."
        assert served.gate.refused == ["OPERATION_RESOLUTION_FAILURE"]


async def test_a_stranger_may_not_watch_what_needs_a_scope(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.subscribe("a", "subscription{scopedCount(to:1)}")
        assert (await client.hear())["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert served.gate.refused == ["UNAUTHENTICATED"]
    async with talk(served, init={"Authorization": RIGHT}) as client:
        await client.subscribe("a", "subscription{scopedCount(to:1)}")
        assert (await client.hear())["payload"]["data"] == {"scopedCount": 1}


async def test_the_handshakes_own_authorization_counts(served: ServedHouse) -> None:
    async with talk(served, Authorization=RIGHT) as client:
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
    served: ServedHouse, query: str, code: str
) -> None:
    async with talk(served) as client:
        await client.subscribe("a", query)
        message = await client.hear()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == code
        await client.subscribe("a", "{hello}")
        assert (await client.hear())["type"] == "next"


async def test_every_event_of_a_subscription_has_a_context_of_its_own(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.subscribe("a", "subscription{contexts(to:3){number}}")
        numbers = {(await client.hear())["payload"]["data"]["contexts"]["number"] for _ in range(3)}
        assert len(numbers) == 3


async def test_a_bug_in_a_subscription_is_masked(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.subscribe("a", "subscription{breaks}")
        assert (await client.hear())["payload"]["data"] == {"breaks": 1}
        message = await client.hear()
        assert message["payload"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert SECRET_OF_A_BUG not in json.dumps(message)


@pytest.mark.parametrize("field", REFUSALS)
async def test_a_subscription_that_is_refused_ends_with_the_refusal_and_is_no_bug(
    served: ServedHouse, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    async with talk(served) as client:
        await client.subscribe("a", f"subscription{{{field}}}")
        message = await client.hear()
        if message["type"] == "next":
            assert message["payload"]["data"] == {"misses": 1}
            message = await client.hear()
        assert (message["type"], message["id"]) == ("error", "a")
        (error,) = message["payload"]
        assert {name: error[name] for name in ("message", "extensions")} == REFUSALS[field]
        await client.subscribe("a", "{hello}")
        assert (await client.hear())["type"] == "next"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("way", ["complete", "close", "abort"])
async def test_a_subscription_that_nobody_reads_is_closed_at_once(served: ServedHouse, way: str) -> None:
    STREAMS.closed = asyncio.Event()
    async with talk(served) as client:
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


async def test_a_client_that_does_not_read_stops_its_subscription_and_no_other(served: ServedHouse) -> None:
    async with talk(served) as slow, talk(served) as quick:
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


async def test_a_revoked_key_can_begin_no_operation_before_it_is_looked_at_again(served: ServedHouse) -> None:
    async with talk(served, init={"Authorization": RIGHT}) as client:
        served.gate.keys.clear()
        await client.subscribe("a", "{scoped}")
        assert (await client.closed())[0] == 4403


async def test_a_server_that_closes_says_1012_and_waits_for_nobody(served: ServedHouse) -> None:
    async with talk(served) as client:
        await client.subscribe("a", "subscription{count(to:1000,pause:1)}")
        await client.say({"type": "ping"})
        assert await client.hear() == {"type": "pong"}
        served.endpoint.close()
        assert (await client.closed()) == (1012, "Service restart")
