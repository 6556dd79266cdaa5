"""One request, one line; and no line holds a key, a query, a variable or a header."""

import asyncio
import json
import logging
from io import StringIO
from typing import Any

import structlog
from graphql import GraphQLError, Source
from websockets.asyncio.client import connect

from app.settings import LogFormat
from app.transport.log_lines import SERVER, configure, safe_traceback
from tests.transport.http.conftest import Customer
from tests.transport.http.running import Running

CANARY = "canary-7f3a"


def lines(logged: StringIO) -> list[dict[str, Any]]:
    """What was logged, line by line."""
    return [json.loads(line) for line in logged.getvalue().splitlines()]


async def test_a_request_is_one_line_that_says_who_what_and_how(
    running: Running, customer: Customer, logged: StringIO
) -> None:
    answer = await running.operate(customer.key, operationName="ListCertificates")
    (line,) = lines(logged)
    assert line.pop("milliseconds") >= 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "request_id": answer.headers["x-request-id"],
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "actor_type": "api_key",
        "actor_id": customer.key_id,
        "operation": "ListCertificates",
    }


async def test_no_line_holds_a_secret_wherever_it_was_put(
    running: Running, customer: Customer, logged: StringIO
) -> None:
    headers = {"authorization": f"Bearer {customer.key}", "x-canary": CANARY, "user-agent": CANARY, "cookie": CANARY}
    for operation in ("Bug", CANARY, f"Bug {CANARY}"):
        body = {"operationName": operation, "query": CANARY, "variables": {"pem": CANARY}}
        await running.client.post(f"/graphql?key={customer.key}&x={CANARY}", json=body, headers=headers)
    await running.client.get(f"/none/{customer.key}", headers=headers)
    await running.client.post("/graphql", content=f'{{"{CANARY}', headers=headers)
    await running.raw(f"GET /livez HTTP/1.1\r\nX-A: {CANARY} {customer.key}\r\n\r\n".encode())
    text = logged.getvalue()
    assert "ValueError" in text
    assert CANARY not in text
    assert "ak_canary" not in text
    assert customer.key[3:] not in text
    assert customer.key[35:67] not in text


async def test_a_bug_is_logged_with_its_place_and_answered_without_a_word_of_it(
    running: Running, logged: StringIO
) -> None:
    answer = await running.operate(operationName="Bug")
    assert answer.status_code == 500
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "requestId": answer.headers["x-request-id"],
    }
    (line,) = [line for line in lines(logged) if line["level"] == "error"]
    assert line["exception"][0] == "builtins.ValueError"
    assert "stub_api.py" in line["exception"][-1]


async def test_a_websocket_is_one_line_at_its_end(running: Running, customer: Customer, logged: StringIO) -> None:
    async with connect(f"ws://127.0.0.1:{running.port}/graphql") as socket:
        await socket.send(f'{{"authorization": "Bearer {customer.key}"}}')
        await socket.recv()
    async with asyncio.timeout(10):
        while "WEBSOCKET" not in logged.getvalue():
            await running.client.get("/livez")
    (line,) = [line for line in lines(logged) if line["method"] == "WEBSOCKET"]
    assert (line["status"], line["actor_id"]) == (101, customer.key_id)


async def test_a_path_cannot_pretend_to_be_another_line(running: Running, logged: StringIO) -> None:
    configure(LogFormat.CONSOLE, logged)
    await running.client.get("/a%0a2030-01-01T00:00:00Z%20info%20forged%1b[31m" + "x" * 1_000)
    text = logged.getvalue()
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert len(text) < 600


def test_a_library_s_message_with_a_query_in_it_is_not_repeated(logged: StringIO) -> None:
    error = GraphQLError(f"Variable $x got invalid value {CANARY}", source=Source(f"{{ field(x: {CANARY}) }}"))
    logging.getLogger("strawberry.execution").error(error, exc_info=error)
    logging.getLogger("asyncpg").error("failed with %s", CANARY)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=ValueError(CANARY))
    text = logged.getvalue()
    assert CANARY not in text
    assert text.count("\n") == 3
    assert "graphql.error.graphql_error.GraphQLError" in text


def test_only_messages_of_the_interpreter_and_ours_are_repeated() -> None:
    cause = KeyError(CANARY)
    error = AttributeError("'NoneType' object has no attribute 'name'")
    error.__cause__ = cause
    assert safe_traceback(error) == [
        "builtins.AttributeError: 'NoneType' object has no attribute 'name'",
        "builtins.KeyError",
    ]


async def test_a_request_does_not_fail_for_a_log_that_cannot_be_written(running: Running, logged: StringIO) -> None:
    logged.close()
    assert (await running.operate()).status_code == 200
    assert (await running.operate(operationName="Bug")).status_code == 500


def test_a_key_is_taken_out_of_whatever_is_logged(logged: StringIO) -> None:
    structlog.get_logger(SERVER).warning("told ak_0123abc", reason="ak_4567def was sent")
    text = logged.getvalue()
    assert "0123abc" not in text
    assert "4567def" not in text
