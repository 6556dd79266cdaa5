"""A small schema with one field for everything that the endpoint promises something about."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from enum import Enum

import strawberry
from strawberry.schema_directive import Location

from app.errors import Forbidden, NotFound
from app.transport.graphql.gate import Caller
from app.transport.graphql.wrong_input import BadUserInput

SECRET_OF_A_BUG = "password-of-the-database"


@strawberry.schema_directive(locations=[Location.FIELD_DEFINITION], name="requiresScope")
class RequiresScope:
    """As the product's."""

    scope: str


@strawberry.schema_directive(locations=[Location.FIELD_DEFINITION], name="cost")
class Cost:
    """As the product's."""

    weight: str


@dataclass(eq=False)
class SmallContext:
    """What resolvers get."""

    caller: Caller
    number: int


@strawberry.enum
class Colour(Enum):
    """A choice."""

    RED = "red"
    GREEN = "green"


@strawberry.input
class Wish:
    """An input object."""

    text: str
    colour: Colour = Colour.RED


@strawberry.input(one_of=True)
class Source:
    """An input of which exactly one field is given."""

    pem: strawberry.Maybe[str]
    der: strawberry.Maybe[str]


@strawberry.type
class Thing:
    """An object that leads to others of its kind."""

    name: str = "thing"

    @strawberry.field
    def thing(self) -> "Thing":
        """Another."""
        return Thing()

    @strawberry.field(directives=[Cost(weight="2.5")])  # type: ignore[untyped-decorator]
    def dear(self) -> str:
        """Costs more than it looks."""
        return "dear"

    @strawberry.field
    def things(self, first: int | None = None, last: int | None = None) -> "Page":
        """A page of others."""
        del first, last
        return Page()


@strawberry.type
class Edge:
    """A thing's place."""

    cursor: str = "c"
    node: Thing = strawberry.field(default_factory=Thing)


@strawberry.type
class Page:
    """A page."""

    total: int = 1
    edges: list[Edge] = strawberry.field(default_factory=lambda: [Edge()])


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    def hello(self, name: str = "world") -> str | None:
        """Open to anyone."""
        return f"Hello, {name}!"

    @strawberry.field(directives=[RequiresScope(scope="certificates:read")])  # type: ignore[untyped-decorator]
    def scoped(self) -> str | None:
        """Not open to anyone."""
        return "seen"

    @strawberry.field
    def thing(self) -> Thing | None:
        """Leads to endless things."""
        return Thing()

    @strawberry.field
    def things(self, first: int | None = None, last: int | None = None) -> Page | None:
        """A page of things."""
        del first, last
        return Page()

    @strawberry.field
    def wish(self, wish: Wish) -> str | None:
        """Takes an input object."""
        return wish.text

    @strawberry.field
    def from_source(self, source: Source) -> str | None:
        """Takes one of two."""
        return "pem" if source.pem else "der"

    @strawberry.field
    def half(self, number: int) -> int | None:
        """Takes a number."""
        return number // 2

    @strawberry.field
    def broken(self) -> str | None:
        """A bug."""
        raise RuntimeError(SECRET_OF_A_BUG)

    @strawberry.field
    def too_large(self) -> int | None:
        """Another bug: no Int holds this."""
        return 2**40

    @strawberry.field
    def missing(self) -> str | None:
        """A refusal."""
        raise NotFound("There is no such thing.")

    @strawberry.field
    async def slow(self, seconds: float) -> str | None:
        """Takes its time."""
        await asyncio.sleep(seconds)
        return "at last"

    @strawberry.field
    def context_number(self, info: strawberry.Info[SmallContext]) -> int | None:
        """Which context this operation has."""
        return info.context.number


@strawberry.type
class Mutation:
    """What can be changed."""

    @strawberry.mutation
    def note(self, text: str) -> str | None:
        """Changes nothing, in truth."""
        return text

    @strawberry.mutation
    async def slow_note(self, seconds: float) -> str | None:
        """Takes its time."""
        await asyncio.sleep(seconds)
        return "noted"


@dataclass
class Streams:
    """How many sources of subscriptions are open, and how far they got."""

    open: int = 0
    produced: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)


STREAMS = Streams()


@strawberry.type
class Watched:
    """An event."""

    @strawberry.field
    def number(self, info: strawberry.Info[SmallContext]) -> int:
        """Which context this event has."""
        return info.context.number


@strawberry.type
class Subscription:
    """What can be watched."""

    @strawberry.subscription
    async def count(self, to: int, pause: float = 0.0, padding: int = 0) -> AsyncGenerator[str, None]:
        """Counts from 1."""
        STREAMS.open += 1
        try:
            for number in range(1, to + 1):
                await asyncio.sleep(pause)
                STREAMS.produced += 1
                yield f"{number}{'.' * padding}"
        finally:
            STREAMS.open -= 1
            STREAMS.closed.set()

    @strawberry.subscription(directives=[RequiresScope(scope="audit:read")])  # type: ignore[untyped-decorator]
    async def scoped_count(self, to: int) -> AsyncGenerator[int, None]:
        """Not open to anyone."""
        for number in range(1, to + 1):
            yield number

    @strawberry.subscription
    async def contexts(self, info: strawberry.Info[SmallContext], to: int) -> AsyncGenerator[Watched, None]:
        """Events that look at their context."""
        del info
        for _ in range(to):
            yield Watched()

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        """One event, and then a bug."""
        yield 1
        raise RuntimeError(SECRET_OF_A_BUG)

    @strawberry.subscription
    async def misses(self) -> AsyncGenerator[int, None]:
        """One event, and then a refusal."""
        yield 1
        raise NotFound("There is no such thing.")

    @strawberry.subscription
    async def mistaken(self, after: str) -> AsyncGenerator[int, None]:
        """Finds the caller's mistake when it begins."""
        if after != "1":
            raise BadUserInput("That is no cursor.")
        yield 2

    @strawberry.subscription
    async def denied(self) -> AsyncIterator[int]:
        """Finds it before there is anything to wait for."""
        raise Forbidden("The scope is missing.")


REFUSALS = {
    "misses": {"message": "There is no such thing.", "extensions": {"code": "NOT_FOUND"}},
    'mistaken(after:"nonsense")': {
        "message": "That is no cursor.",
        "extensions": {"code": "BAD_USER_INPUT"},
    },
    "denied": {"message": "The scope is missing.", "extensions": {"code": "FORBIDDEN"}},
}
"""What the subscriptions end with that are refused."""

SCHEMA = strawberry.Schema(Query, Mutation, Subscription)
CORE = SCHEMA._schema  # noqa: SLF001  # Strawberry offers no other way to its core
