"""What a document may ask for: every limit, at it and over it, and the attacks that they are there for."""

import sys
from collections import Counter
from types import FrameType

import pytest
from graphql import get_introspection_query, parse

from app.settings import Settings
from app.transport.graphql.documents import Documents
from app.transport.graphql.errors import RequestError
from app.transport.graphql.limits import Limits, require_within
from tests.transport.endpoint.small_house import small_house
from tests.transport.endpoint.small_schema import CORE

pytestmark = pytest.mark.once


def reason(source: str, limits: Limits | None = None) -> str | None:
    """Why a document is refused, by the reason or else by the code; None when it is valid."""
    try:
        Documents(CORE, limits or Limits()).ready(source, may_introspect=True)
    except RequestError as error:
        extensions = error.errors[0]["extensions"]
        return str(extensions.get("reason") or extensions["code"])
    return None


def nested(depth: int) -> str:
    """A document whose fields are nested so deep."""
    return "{" + "thing{" * (depth - 1) + "name" + "}" * depth


def doubling(levels: int) -> str:
    """Fragments that each spread the next one twice, under two names: 2 to the power of `levels` fields."""
    fragments = "".join(
        f"fragment f{n} on Thing{{a:thing{{...f{n + 1}}}b:thing{{...f{n + 1}}}}}" for n in range(levels)
    )
    return f"{{thing{{...f0}}}}{fragments}fragment f{levels} on Thing{{name}}"


def aliased(field: str, times: int) -> str:
    """A selection set of one field under many names."""
    return "{" + "".join(f"a{n}:{field} " for n in range(times)) + "}"


def in_three_things(times: int) -> str:
    """Three aliases, and a fragment with more of them spread below each."""
    return "{a:thing{...f}b:thing{...f}c:thing{...f}}fragment f on Thing" + aliased("name", times)


NOTE = 'note(text:"")'


@pytest.mark.parametrize(
    ("at", "over", "expected"),
    [
        (nested(15), nested(16), "QUERY_TOO_DEEP"),
        ("{...f}fragment f on Query" + nested(15), "{...f}fragment f on Query" + nested(16), "QUERY_TOO_DEEP"),
        (
            "{thing{...f}}fragment f on Thing" + nested(14),
            "{thing{...f}}fragment f on Thing" + nested(15),
            "QUERY_TOO_DEEP",
        ),
        ("{...{..." + nested(15) + "}}", "{...{..." + nested(16) + "}}", "QUERY_TOO_DEEP"),
        (aliased("hello", 30), aliased("hello", 31), "TOO_MANY_ALIASES"),
        (in_three_things(9), in_three_things(10), "TOO_MANY_ALIASES"),
        ("mutation" + aliased(NOTE, 10), "mutation" + aliased(NOTE, 11), "TOO_MANY_MUTATION_FIELDS"),
        (
            "mutation{...f}fragment f on Mutation" + aliased(NOTE, 10),
            "mutation{...f}fragment f on Mutation" + aliased(NOTE, 11),
            "TOO_MANY_MUTATION_FIELDS",
        ),
        (
            "".join(f"query a{n}{{hello}}" for n in range(98)) + "query z{...f}fragment f on Query{hello}",
            "".join(f"query a{n}{{hello}}" for n in range(99)) + "query z{...f}fragment f on Query{hello}",
            "TOO_MANY_DEFINITIONS",
        ),
        # The n-th field of one name is compared with the n - 1 before it.
        ("{" + "hello " * 77 + "}", "{" + "hello " * 78 + "}", "TOO_MANY_COMPARISONS"),
        ("{" + "...{hello}" * 77 + "}", "{" + "...{hello}" * 78 + "}", "TOO_MANY_COMPARISONS"),
        (
            "{a:thing{" + "name " * 55 + "}b:thing{" + "name " * 55 + "}}",
            "{a:thing{" + "name " * 55 + "}b:thing{" + "name " * 56 + "}}",
            "TOO_MANY_COMPARISONS",
        ),
        (
            "{" + "...f " * 77 + "}fragment f on Query{hello}",
            "{" + "...f " * 78 + "}fragment f on Query{hello}",
            "TOO_MANY_COMPARISONS",
        ),
    ],
)
def test_every_limit_holds_at_its_edge(at: str, over: str, expected: str) -> None:
    assert reason(at) is None
    assert reason(over) == expected


def test_the_number_of_root_fields_is_limited() -> None:
    limits = Limits(root_fields=3, aliases=100)
    assert reason("{hello thing{name} x:hello}", limits) is None
    assert reason("{hello thing{name} x:hello ...{y:hello}}", limits) == "TOO_MANY_ROOT_FIELDS"


def test_fields_are_counted_as_often_as_their_fragment_is_spread() -> None:
    limits = Limits(fields=8)
    twice = "{{a:thing{{...f}}b:thing{{...f}}}}fragment f on Thing{{{}}}"
    assert reason(twice.format("name x:name y:name"), limits) is None
    assert reason(twice.format("name x:name y:name z:name"), limits) == "TOO_MANY_FIELDS"


def test_tokens_are_counted_before_anything_is_parsed() -> None:
    assert reason("{hello}", Limits(tokens=3)) is None
    assert reason("{hello x:hello}", Limits(tokens=3)) == "GRAPHQL_PARSE_FAILED"
    assert reason("{hello}" + "#\n" * 4_001) == "GRAPHQL_PARSE_FAILED"


@pytest.mark.parametrize(
    "source",
    [
        "{" + "".join(f"a{n}:hello " for n in range(10_000)) + "}",
        nested(1_500),
        doubling(12),
        doubling(40),
        "{" + "thing{name}" * 900 + "}",
        "{" + "...{" * 1_900 + "hello" + "}" * 1_901,
        "".join(f"query a{n}{{...f0}}" for n in range(100))
        + "".join(f"fragment f{n} on Query{{...f{n + 1}}}" for n in range(300)),
        "{thing{...f0}}" + "".join(f"fragment f{n} on Thing{{{f'...f{n + 1} ' * 20}}}" for n in range(90)),
    ],
)
def test_an_attack_is_refused_before_it_is_validated(source: str) -> None:
    assert reason(source) in {
        "GRAPHQL_PARSE_FAILED",
        "QUERY_TOO_DEEP",
        "TOO_MANY_ALIASES",
        "TOO_MANY_COMPARISONS",
        "TOO_MANY_DEFINITIONS",
    }


def test_the_walk_is_linear_in_a_document_of_doubling_fragments() -> None:
    """Counts the walk's own calls, not its time: a second per twenty levels is what other limiters need."""
    generous = Limits(depth=10**6, aliases=10**40, fields=10**40, comparisons=10**40)

    def calls(levels: int) -> int:
        counted: Counter[str] = Counter()

        def count(frame: FrameType, event: str, _: object) -> None:
            if event == "call":
                counted[frame.f_code.co_name] += 1

        document = parse(doubling(levels))
        sys.setprofile(count)
        try:
            require_within(document, generous)
        finally:
            sys.setprofile(None)
        return counted["shape"]

    assert calls(8) - calls(4) == calls(4) - calls(0)
    assert calls(80) - calls(40) == calls(40) - calls(0)
    assert calls(80) < 500


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{...a}fragment a on Query{...b}fragment b on Query{...a}", "GRAPHQL_VALIDATION_FAILED"),
        ("{...a}fragment a on Query{hello ...a}", "GRAPHQL_VALIDATION_FAILED"),
        ("{...unknown}", "GRAPHQL_VALIDATION_FAILED"),
        ("{hello}fragment unused on Thing" + nested(16), "QUERY_TOO_DEEP"),
        ("type A{a:Int}", "GRAPHQL_VALIDATION_FAILED"),
        ("{thing{}}", "GRAPHQL_PARSE_FAILED"),
    ],
)
def test_a_document_that_is_not_valid_is_measured_all_the_same(source: str, expected: str) -> None:
    assert reason(source) == expected


def test_introspection_as_tools_do_it_is_within_the_limits() -> None:
    assert (
        reason(get_introspection_query(descriptions=True, specified_by_url=True, input_value_deprecation=True)) is None
    )
    looping = "{__schema{types{" + "fields{type{" * 3 + "name" + "}}" * 3 + "}}}"
    assert reason(looping) == "GRAPHQL_VALIDATION_FAILED"


def test_the_limits_of_the_settings_are_taken() -> None:
    settings = Settings(max_body_bytes=2048, max_query_tokens=50, max_query_depth=3, max_aliases=4, max_query_cost=5)
    limits = Limits.of(settings)
    assert (limits.body_bytes, limits.tokens, limits.depth, limits.aliases, limits.cost) == (2048, 50, 3, 4, 5)


async def test_what_is_refused_over_a_limit_says_so_and_is_recorded() -> None:
    async with small_house(limits=Limits(depth=2, cost=3)) as house:
        deep = await house.post("{thing{thing{name}}}")
        assert deep.status_code == 400
        assert deep.json() == {
            "errors": [
                {
                    "message": "Fields may be nested 2 deep, and this document goes over it.",
                    "extensions": {"code": "GRAPHQL_VALIDATION_FAILED", "reason": "QUERY_TOO_DEEP", "limit": 2},
                }
            ]
        }
        dear = await house.post("{a:thing{dear}b:thing{dear}}")
        assert dear.json()["errors"][0]["extensions"]["reason"] == "QUERY_TOO_COSTLY"
        assert house.gate.refused == ["QUERY_TOO_DEEP", "QUERY_TOO_COSTLY"]
