"""What an error says, and what it must never say."""

import json
import logging

import pytest
from graphql import located_error

from app.settings import Introspection
from app.transport.graphql.masking import field_errors, without_values
from app.transport.graphql.wrong_input import BadUserInput
from tests.transport.endpoint.small_house import RIGHT, SmallHouse, small_house
from tests.transport.endpoint.small_schema import SECRET_OF_A_BUG

pytestmark = pytest.mark.once


async def test_a_bug_is_masked_with_the_request_id_and_its_siblings_live(
    house: SmallHouse, caplog: pytest.LogCaptureFixture
) -> None:
    response = await house.post('{broken hello(name:"in-the-document")}')
    assert response.status_code == 200
    body = response.json()
    assert body["data"] == {"broken": None, "hello": "Hello, in-the-document!"}
    (error,) = body["errors"]
    assert error["path"] == ["broken"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["requestId"] == "request-0"
    assert SECRET_OF_A_BUG not in response.text
    (record,) = caplog.records
    said = record.getMessage()
    assert record.levelno == logging.ERROR
    assert "request-0" in said
    assert "RuntimeError" in said
    assert "small_schema.py" in said
    assert record.exc_info is None
    for secret in (SECRET_OF_A_BUG, "in-the-document"):
        assert secret not in said


async def test_a_resolver_that_answers_what_its_type_cannot_hold_is_a_bug(house: SmallHouse) -> None:
    (error,) = (await house.post("{tooLarge}")).json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert str(2**40) not in json.dumps(error)


async def test_a_refusal_keeps_its_code_its_sentence_and_its_path(
    house: SmallHouse, caplog: pytest.LogCaptureFixture
) -> None:
    response = await house.post("{missing a:missing}")
    assert response.json()["errors"] == [
        {
            "message": "There is no such thing.",
            "locations": [{"line": 1, "column": column}],
            "path": [path],
            "extensions": {"code": "NOT_FOUND"},
        }
        for column, path in ((2, "missing"), (10, "a"))
    ]
    assert caplog.records == []


def test_what_a_resolver_calls_the_callers_mistake_is_told_as_that(caplog: pytest.LogCaptureFixture) -> None:
    error = located_error(BadUserInput("A page has 1 to 100 items."), None, ["certificates"])
    assert field_errors([error], "request-0") == [
        {
            "message": "A page has 1 to 100 items.",
            "path": ["certificates"],
            "extensions": {"code": "BAD_USER_INPUT"},
        }
    ]
    assert caplog.records == []


async def test_an_argument_that_turns_out_null_is_the_callers_mistake(house: SmallHouse) -> None:
    response = await house.post("query($n:Int=1){half(number:$n)}", {"n": None})
    (error,) = response.json()["errors"]
    assert error["path"] == ["half"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("introspection", "key", "may"),
    [
        (Introspection.ON, None, True),
        (Introspection.ON, RIGHT, True),
        (Introspection.SIGNED_IN, None, False),
        (Introspection.SIGNED_IN, RIGHT, True),
        (Introspection.OFF, None, False),
        (Introspection.OFF, RIGHT, False),
    ],
)
async def test_who_may_read_the_schema_also_gets_suggestions(
    introspection: Introspection, key: str | None, *, may: bool
) -> None:
    async with small_house(introspection=introspection) as house:
        for query in (
            "{__schema{queryType{name}}}",
            '{__type(name:"Query"){name}}',
            "{...f}fragment f on Query{__schema{__typename}}",
        ):
            response = await house.post(query, key=key)
            assert (response.status_code == 200) is may
            assert "schema.graphql" in response.text or may
        assert (await house.post("{__typename}", key=key)).json()["data"] == {"__typename": "Query"}
        documents = (
            ("{hallo}", None),
            ("{hello(nane:1)}", None),
            ('{wish(wish:{text:"",color:RED})}', None),
            ('{wish(wish:{text:"",colour:REDD})}', None),
            ("{thing{...on Thin{name}}}", None),
            ("query($w:Wish!){wish(wish:$w)}", {"w": {"text": "", "colour": "REDD"}}),
            ("query($w:Wish!){wish(wish:$w)}", {"w": {"text": "", "color": "RED"}}),
        )
        for query, variables in documents:
            response = await house.post(query, variables, key=key)
            assert response.status_code == 400
            assert ("Did you mean" in response.text) is may, query


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Cannot query field 'hallo' on type 'Query'.", "Cannot query field 'hallo' on type 'Query'."),
        ("Variable '$n' of type '[Int!]!' used.", "Variable '$n' of type '[Int!]!' used."),
        ('Int cannot represent non-integer value: "a secret"', 'Int cannot represent non-integer value: "…"'),
        ("Int cannot represent non-integer value: 'a secret'", "Int cannot represent non-integer value: '…'"),
        ('found {text: "a \\" secret", n: 5}.', 'found {text: "…", n: 5}.'),
        ('found """a\nsecret""".', 'found "…".'),
        ("found 'it never ends", "found '…'"),
        ('found "it never ends', 'found "…"'),
        ("Unexpected Name '" + "a" * 41 + "'.", "Unexpected Name '…'."),
        ("Unexpected Name '" + "a" * 40 + "'.", "Unexpected Name '" + "a" * 40 + "'."),
        ("PRIVATE KEY here", "The document or a variable holds a value that does not belong there."),
        ("1 " * 400, "1 " * 150 + "…"),
    ],
)
def test_values_go_and_names_stay(said: str, kept: str) -> None:
    assert without_values(said) == kept
