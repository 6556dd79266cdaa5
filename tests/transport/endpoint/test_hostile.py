"""Documents that nobody means well with, by the thousand, and a private key in every place that can hold it."""

import base64
import json
import logging
import random
from typing import Any

import pytest

from app.transport.graphql.limits import Limits
from tests.transport.endpoint.small_house import RIGHT, SmallHouse, small_house
from tests.transport.endpoint.small_schema import SECRET_OF_A_BUG

pytestmark = pytest.mark.once

_NAMES = """
    query mutation subscription fragment on true false null hello thing things name dear edges node cursor total wish
    half number text colour RED note broken tooLarge missing fromSource pem der scoped first last contextNumber
    __typename __schema __type types fields f g Query Thing Page Wish Int String ID Boolean include skip if
"""
_SIGNS = """
    { } ( ) [ ] ! : = @ $ $n $w ... | & 1 -1 1.5 99999999999999999999 1e999 "" "x" "\\u0000" "\\ud800" # , é 🏃
"""
_WORDS = [*_NAMES.split(), *_SIGNS.split(), '"""b"""', "\ufeff", "\0"]
_VALID = (
    '{hello(name:"x") thing{...f}}fragment f on Thing{name dear things(first:3){edges{node{name}}}}',
    'query Q($n:Int!=1,$w:Wish){half(number:$n) wish(wish:{text:"a",colour:RED}) a:hello @include(if:true)}',
    'mutation{note(text:"a")}',
    "subscription{count(to:1)}",
    "{scoped hello}",
    '{broken tooLarge missing fromSource(source:{pem:"a"}) __typename}',
    "{__schema{types{name fields{name type{name ofType{name}}}}}}",
)


def hostile_document(chance: random.Random) -> str:
    """A valid document with some words exchanged, or words without sense."""
    if chance.random() < 0.3:
        return " ".join(chance.choices(_WORDS, k=chance.randrange(60)))
    document = chance.choice(_VALID)
    for _ in range(chance.randrange(6)):
        start = chance.randrange(len(document))
        end = start + chance.randrange(8)
        document = document[:start] + chance.choice([*_WORDS, document[start:end] * 3, ""]) + document[end:]
    return document


def hostile_value(chance: random.Random, depth: int = 0) -> object:
    """Something that JSON can hold."""
    kind = chance.randrange(9 if depth < 6 else 7)
    if kind < 7:
        return (None, True, -1, 2**53, 1e300, "x\u0000", "REDD")[kind]
    values = [hostile_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return values if kind == 7 else dict(zip(("text", "colour", "n", "w"), values, strict=False))


async def test_two_thousand_hostile_documents_never_break_the_server(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(20_261_124)  # noqa: S311  # the same documents every time
    async with small_house(limits=Limits(seconds=5)) as house:
        seen: set[int] = set()
        for _ in range(2_000):
            body = {
                "query": hostile_document(chance),
                "variables": chance.choice([None, {"n": hostile_value(chance), "w": hostile_value(chance)}]),
                "operationName": chance.choice([None, None, None, "Q", ""]),
            }
            headers = {
                "Accept": chance.choice(["application/json", "application/graphql-response+json", "text/event-stream"]),
                **chance.choice([{}, {"Authorization": RIGHT}]),
            }
            response = await house.client.post("/graphql", json=body, headers=headers)
            seen.add(response.status_code)
            assert response.status_code in {200, 400, 401}, body
            assert "Traceback" not in response.text
            assert SECRET_OF_A_BUG not in response.text
            if response.status_code != 200:
                assert set(response.json()) == {"errors"}
        assert seen == {200, 400, 401}
    # The only bugs are the two that the schema has on purpose.
    assert {record.getMessage().split(" failed: ")[1].split(" | ")[0] for record in caplog.records} == {
        "builtins.RuntimeError",
        "graphql.error.graphql_error.GraphQLError",
    }


async def test_two_thousand_hostile_bodies_never_break_the_server(house: SmallHouse) -> None:
    chance = random.Random(7)  # noqa: S311  # the same bodies every time
    good = json.dumps({"query": _VALID[1], "variables": {"n": 1, "w": {"text": "a"}}, "extensions": {"a": []}}).encode()
    for _ in range(2_000):
        body = bytearray(good)
        for _ in range(chance.randrange(1, 5)):
            start = chance.randrange(len(body))
            body[start : start + chance.randrange(5)] = chance.randbytes(chance.randrange(4))
        response = await house.client.post(
            "/graphql", content=bytes(body), headers={"Content-Type": "application/json"}
        )
        assert response.status_code in {200, 400}, body


_KEY = base64.b64encode(random.Random(1).randbytes(1_200)).decode()  # noqa: S311  # it protects nothing
_LINES = [_KEY[start : start + 64] for start in range(0, len(_KEY), 64)]
_PEM = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(_LINES) + "\n-----END PRIVATE KEY-----\n"
_LITERAL = json.dumps(_PEM)
_BLOCK = f'"""{_PEM}"""'
_WINDOW = 12

_PLACES: list[dict[str, Any]] = [
    *[
        {"query": place.replace("KEY", literal)}
        for literal in (_LITERAL, _BLOCK)
        for place in (
            "{half(number:KEY)}",
            "{half(number:[KEY,KEY])}",
            "{half(number:{a:KEY})}",
            "{wish(wish:KEY)}",
            "{wish(wish:{text:KEY,unknown:KEY})}",
            '{wish(wish:{text:"a",colour:KEY})}',
            '{wish(wish:{text:"a",KEY:1})}',
            "{fromSource(source:{pem:KEY,der:KEY})}",
            "{fromSource(source:{pem:KEY})}",
            "{hello(unknown:KEY)}",
            "{hello(name:KEY)",
            "{hello(name KEY)}",
            "{KEY}",
            "KEY",
            "KEY {hello}",
            "{hello @include(if:KEY)}",
            "{hello @unknown(a:KEY)}",
            "query($n:Int=KEY){half(number:$n)}",
            "query($n:String=KEY){half(number:$n)}",
            "mutation{note(text:KEY,text:KEY)}",
            "{broken hello @skip(if:true) @unknown}#KEY",
            "{broken a:fromSource(source:{der:KEY})}",
            "{missing a:fromSource(source:{der:KEY})}",
            "{tooLarge a:fromSource(source:{der:KEY})}",
            "subscription{breaks @include(if:KEY)}",
        )
    ],
    {"query": _PEM},
    {"query": "{" + _LINES[0].replace("+", "a").replace("/", "b") + "}"},
    {"query": "{hello}", "operationName": _PEM},
    {"query": "{hello}", "operationName": [_PEM]},
    {"query": "{hello}", "extensions": _PEM},
    {"query": "{hello}", "variables": _PEM},
    {"query": {"a": _PEM}},
    {"query": _LITERAL[:-1]},
    *[
        {"query": query, "variables": {"v": value}}
        for query in (
            "query($v:Int!){half(number:$v)}",
            "query($v:Wish!){wish(wish:$v)}",
            "query($v:Source!){fromSource(source:$v)}",
            "query($v:Boolean!){hello @include(if:$v)}",
            "query($v:Unknown!){hello}",
        )
        for value in (
            _PEM,
            [_PEM],
            {"text": [_PEM]},
            {"text": {_PEM: _PEM}},
            {"text": "", "colour": _PEM},
            {"pem": _PEM, "der": _PEM},
            {_PEM: 1},
            _PEM + "\u0000",
        )
    ],
]


def _windows(text: str) -> set[str]:
    return {text[start : start + _WINDOW] for start in range(len(text) - _WINDOW + 1)}


async def test_a_private_key_comes_back_in_no_answer_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """No twelve characters of it, wherever in a request it was put."""
    secret = {window for line in _LINES for window in _windows(line)}
    caplog.set_level(logging.DEBUG)
    async with small_house() as house:
        for place in _PLACES:
            for accept in ("application/json", "application/graphql-response+json", "text/event-stream"):
                response = await house.client.post("/graphql", json=place, headers={"Accept": accept})
                assert not secret & _windows(response.text), (place, response.text)
        address = await house.client.get("/graphql", params={"query": "{half(number:" + _LITERAL + ")}"})
        assert not secret & _windows(address.text)
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert ours
    for record in ours:
        assert not secret & _windows(record.getMessage() + str(record.exc_text) + str(record.stack_info))
