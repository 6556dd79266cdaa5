"""GraphQL over HTTP: which answer a request gets, beyond what the audits of graphql-http look at."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.transport.graphql.limits import Limits
from tests.transport.endpoint.small_house import RIGHT, SmallHouse, small_house

pytestmark = pytest.mark.once

GRAPHQL = "application/graphql-response+json"


async def test_answers_with_the_cost_and_what_is_left(house: SmallHouse) -> None:
    response = await house.post("{hello thing{thing{name}}}")
    assert response.status_code == 200
    body = response.json()
    assert body["data"] == {"hello": "Hello, world!", "thing": {"thing": {"name": "thing"}}}
    cost = body["extensions"]["cost"]
    assert (cost["requested"], cost["limit"], cost["remaining"]) == (2, 1_000_000, 999_998)
    assert cost["resetAt"].endswith("Z")
    assert response.headers["RateLimit-Policy"] == '"cost";q=1000000;w=60'
    assert response.headers["RateLimit"].startswith('"cost";r=999998;t=')


@pytest.mark.parametrize(
    ("accept", "content_type", "status"),
    [
        (GRAPHQL, GRAPHQL, 400),
        (f"application/json;q=0.9, {GRAPHQL}", GRAPHQL, 400),
        (f"application/json, {GRAPHQL}", GRAPHQL, 400),
        (f"application/json, {GRAPHQL};q=0.9", "application/json", 200),
        ("application/*", "application/json", 200),
        ("*/*", "application/json", 200),
        ("text/html, */*;q=0.1", "application/json", 200),
        (f"{GRAPHQL};q=0, */*", "application/json", 200),
    ],
)
async def test_accept_decides_the_media_type_and_the_status_of_a_refused_document(
    house: SmallHouse, accept: str, content_type: str, status: int
) -> None:
    response = await house.post("{", accept=accept)
    assert response.headers["Content-Type"] == f"{content_type}; charset=utf-8"
    assert response.status_code == status
    assert "data" not in response.json()
    assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


@pytest.mark.parametrize(
    "accept", ["image/png", f"{GRAPHQL};q=0", f"{GRAPHQL}; charset=latin-1", "text/html", f"{GRAPHQL};q=x"]
)
async def test_an_accept_header_that_takes_nothing_of_ours_is_406(house: SmallHouse, accept: str) -> None:
    response = await house.post("{hello}", accept=accept)
    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_another_method_is_405_with_the_methods_that_are_allowed(house: SmallHouse, method: str) -> None:
    response = await house.client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json, text/plain"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
)
async def test_a_body_that_is_not_declared_as_plain_json_is_415(house: SmallHouse, headers: dict[str, str]) -> None:
    response = await house.client.post("/graphql", content=b'{"query":"{hello}"}', headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5",
        b"null",
        b'"x"',
        b"[]",
        b'[{"query":"{hello}"}]',
        b"{}",
        b'{"query":null}',
        b'{"query":""}',
        b'{"query":"{hello}","variables":"{}"}',
        b'{"query":"{hello}","operationName":5}',
        b'{"query":"{hello}","extensions":[]}',
        b'{"query":"\xff"}',
        b'{"query":"\\ud800"}',
        b'\xef\xbb\xbf{"query":"{hello}"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"query":"{hello}","variables":{"a":' + b"[" * 500 + b"]" * 500 + b"}}",
        b'{"query":"query($a:String!){hello(name:$a)}","variables":{"a":"\\u0000"}}',
        b'{"query":"{hello}","variables":{"a":NaN}}',
    ],
)
async def test_a_hostile_body_is_400_whatever_the_client_accepts(house: SmallHouse, body: bytes) -> None:
    for accept in (GRAPHQL, "application/json"):
        response = await house.client.post(
            "/graphql", content=body, headers={"Content-Type": "application/json", "Accept": accept}
        )
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert house.gate.refused == ["BAD_REQUEST"] * 2


async def test_a_body_over_the_limit_is_413_unread_and_recorded() -> None:
    async with small_house(limits=Limits(body_bytes=100)) as house:
        read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 1
                yield b" " * 60

        headers = {"Content-Type": "application/json"}
        declared = await house.client.post("/graphql", content=b" " * 101, headers=headers)
        assert declared.status_code == 413
        streamed = await house.client.post("/graphql", content=endless(), headers=headers)
        assert streamed.status_code == 413
        assert read <= 3
        assert house.gate.refused == ["BAD_REQUEST"] * 2


@pytest.mark.parametrize("name", [None, "C", ""])
async def test_two_operations_need_a_name_that_one_of_them_has(house: SmallHouse, name: str | None) -> None:
    response = await house.post("query A{hello} query B{hello}", operationName=name)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"
    named = await house.post("query A{hello} query B{x:hello}", operationName="B")
    assert named.json()["data"] == {"x": "Hello, world!"}


async def test_a_nul_in_a_literal_is_refused(house: SmallHouse) -> None:
    for literal in ('"a\\u0000b"', '"\\u{0}"'):
        response = await house.post(f"{{hello(name:{literal})}}")
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_subscription_over_plain_http_is_a_clear_400(house: SmallHouse) -> None:
    for accept in (GRAPHQL, "application/json"):
        response = await house.post("subscription{count(to:1)}", accept=accept)
        assert response.status_code == 400
        assert "text/event-stream" in response.json()["errors"][0]["message"]


async def test_get_is_safe(house: SmallHouse) -> None:
    read = await house.client.get(
        "/graphql", params={"query": "query($n:String!){hello(name:$n)}", "variables": '{"n":"a"}'}
    )
    assert read.json()["data"] == {"hello": "Hello, a!"}
    changed = await house.client.get("/graphql", params={"query": 'mutation{note(text:"a")}'})
    assert changed.status_code == 405
    assert changed.headers["Allow"] == "POST"
    for address in ("/graphql", "/graphql?query={hello}&query={hello}", "/graphql?query={hello}&variables={"):
        assert (await house.client.get(address)).status_code == 400


async def test_a_browser_gets_the_explorer_under_its_policy(tmp_path: Path) -> None:
    page = tmp_path / "explorer.html"
    page.write_text("<!doctype html>")
    async with small_house(explorer=page) as house:
        accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        response = await house.client.get("/graphql", headers={"Accept": accept})
        assert response.status_code == 200
        assert response.text == "<!doctype html>"
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("page", "reason"), [(None, "ANCHORAGE_EXPLORER"), (Path("/nowhere.html"), "npm run build")])
async def test_without_an_explorer_a_browser_is_told_why(page: Path | None, reason: str) -> None:
    async with small_house(explorer=page) as house:
        response = await house.client.get("/graphql", headers={"Accept": "text/html"})
        assert response.status_code == 404
        assert reason in response.text


async def test_a_wrong_key_is_401_in_graphqls_shape_before_the_body_is_read(house: SmallHouse) -> None:
    for accept in (GRAPHQL, "application/json"):
        response = await house.post("{", key="Bearer wrong", accept=accept)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.json() == {
            "errors": [{"message": "The key is not valid.", "extensions": {"code": "UNAUTHENTICATED"}}]
        }
    # The gate has recorded it itself.
    assert house.gate.refused == []


@pytest.mark.parametrize(
    "query",
    [
        "{scoped}",
        "{hello a:scoped}",
        "{...f} fragment f on Query{...{scoped}}",
        "query a{hello} query b{scoped}",
    ],
)
async def test_a_stranger_who_selects_a_scoped_root_field_is_401_and_recorded(house: SmallHouse, query: str) -> None:
    name = "b" if "query b" in query else None
    response = await house.post(query, operationName=name)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert house.gate.refused == ["UNAUTHENTICATED"]
    assert (await house.post(query, operationName=name, key=RIGHT)).status_code == 200


async def test_over_the_rate_is_429_and_says_when_to_come_back() -> None:
    async with small_house() as house:
        house.gate.rate = 1
        assert (await house.post("{thing{name}}")).status_code == 200
        response = await house.post("{thing{name}}", accept="application/json")
        assert response.status_code == 429
        assert response.headers["Retry-After"] == "7"
        error = response.json()["errors"][0]
        assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": 7}
        assert house.gate.refused == ["RATE_LIMITED"]


async def test_nonsense_is_charged_for() -> None:
    async with small_house() as house:
        house.gate.rate = 3
        statuses = [(await house.post("{")).status_code for _ in range(5)]
        assert statuses == [400, 400, 400, 429, 429]


async def test_every_operation_gets_a_context_of_its_own(house: SmallHouse) -> None:
    numbers = {(await house.post("{contextNumber}")).json()["data"]["contextNumber"] for _ in range(3)}
    assert len(numbers) == 3


async def test_an_operation_that_takes_too_long_is_ended() -> None:
    async with small_house(limits=Limits(seconds=0.05)) as house:
        read = await house.post("{slow(seconds:30)}")
        assert read.status_code == 503
        assert read.json()["errors"][0]["extensions"]["code"] == "TIMED_OUT"
        changed = await house.post("mutation{slowNote(seconds:30)}")
        assert changed.status_code == 503
        assert changed.json()["errors"][0]["extensions"]["code"] == "OUTCOME_UNKNOWN"


async def test_variables_of_the_wrong_type_are_a_request_error_without_data(house: SmallHouse) -> None:
    response = await house.post("query($n:Int!){half(number:$n)}", {"n": "many"})
    assert response.status_code == 400
    body = json.loads(response.text)
    assert "data" not in body
    assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert house.gate.refused == ["BAD_USER_INPUT"]
