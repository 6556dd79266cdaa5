"""Plain fields are answered as graphql-core would have answered them, also when they are wrong."""

from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult
from strawberry.schema.config import StrawberryConfig

from app.transport.graphql.plain_fields import PlainFirst, mark_plain_fields

pytestmark = pytest.mark.once


@strawberry.enum
class Colour(Enum):
    """Two colours."""

    RED = "r"
    BLUE = "b"


@strawberry.type
class Thing:
    """One field of every plain kind, and one of another."""

    word: str = "word"
    no_word: str | None = None
    number: int = 5
    share: float = 0.5
    is_good: bool = True
    colour: Colour = Colour.RED
    colours: list[Colour] = strawberry.field(default_factory=lambda: [Colour.RED, Colour.BLUE])
    words: list[str] = strawberry.field(default_factory=lambda: ["a", "b"])
    perhaps: list[str | None] | None = strawberry.field(default_factory=lambda: ["a", None])
    lists: list[list[int]] = strawberry.field(default_factory=lambda: [[1], [2, 3]])

    @strawberry.field
    def slow(self) -> str:
        """A field that is not plain."""
        return "slow"


@strawberry.type
class Query:
    """Two things."""

    thing: Thing | None
    must: Thing


FIELDS = "__typename word noWord number share isGood colour colours words perhaps lists again: word"
DOCUMENT = f"{{ thing {{ {FIELDS} }} must {{ {FIELDS} }} }}"
WITH_THE_SAME_TWICE = """{
  thing { ...Words word @skip(if: true) number number inner: colour slow } must { ...Words word slow }
}
fragment Words on Thing { word words perhaps ... @include(if: true) { colours } }"""


def answer(document: str, thing: Thing, *, quickly: bool) -> ExecutionResult:
    schema = strawberry.Schema(
        query=Query,
        config=StrawberryConfig(),
        execution_context_class=PlainFirst if quickly else None,
    )
    if quickly:
        mark_plain_fields(schema._schema)  # noqa: SLF001  # Strawberry has no public way to it
    result: Any = schema.execute_sync(document, root_value=Query(thing=thing, must=Thing()))
    return ExecutionResult(result.data, result.errors)


WRONG: list[dict[str, Any]] = [
    {"word": None},
    {"word": object()},
    {"word": 5},
    {"number": 2**40},
    {"number": "five"},
    {"number": True},
    {"share": float("nan")},
    {"is_good": "yes"},
    {"colour": "GREEN"},
    {"colour": "b"},
    {"colour": None},
    {"colours": None},
    {"colours": [Colour.RED, None]},
    {"colours": 5},
    {"words": ("a", "b")},
    {"words": ["a", None]},
    {"words": "ab"},
    {"perhaps": None},
    {"no_word": ""},
    {"lists": [[1], None]},
]


@pytest.mark.parametrize("document", [DOCUMENT, WITH_THE_SAME_TWICE])
@pytest.mark.parametrize("wrong", [{}, *WRONG], ids=str)
def test_a_plain_field_is_answered_as_any_other(wrong: dict[str, Any], document: str) -> None:
    thing = Thing()
    for name, value in wrong.items():
        setattr(thing, name, value)
    quick, slow = answer(document, thing, quickly=True), answer(document, thing, quickly=False)
    assert quick.data == slow.data
    assert [(error.message, error.path) for error in quick.errors or ()] == [
        (error.message, error.path) for error in slow.errors or ()
    ]


def test_the_quick_way_is_taken() -> None:
    asked: list[str] = []

    class Seen(Thing):
        """Says which of its attributes were asked for."""

        def __getattribute__(self, name: str) -> Any:
            asked.append(name)
            return super().__getattribute__(name)

    schema = strawberry.Schema(query=Query, execution_context_class=PlainFirst)
    mark_plain_fields(schema._schema)  # noqa: SLF001  # as above
    thing: Any = schema._schema.type_map["Thing"]  # noqa: SLF001  # as above
    for field in thing.fields.values():
        # The slow way would now look for attributes by the fields' own names, `isGood`.
        field.resolve = None
    result: Any = schema.execute_sync("{ must { isGood colours } }", root_value=Query(thing=None, must=Seen()))
    assert result.data == {"must": {"isGood": True, "colours": ["RED", "BLUE"]}}
    assert "is_good" in asked
