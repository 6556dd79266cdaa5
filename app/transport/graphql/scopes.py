"""Who may read what: a rule on every field that does more than hand on a value; a test sees to it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from inspect import isawaitable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location

from app.actor import Actor, Scope
from app.rules import access
from app.transport.graphql import enums  # noqa: F401  # defines ApiScope, which the directive's argument is of
from app.transport.graphql.context import Info
from app.transport.graphql.described import description_of


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requiresScope",
    description="The scope that an API key or session must hold. Without it the field fails with `extensions.code ="
    ' "FORBIDDEN"`, and nothing of it is executed.',
)
class RequiresScope:
    """Marks a field with the scope that it needs."""

    scope: Scope


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.ARGUMENT_DEFINITION, Location.INPUT_FIELD_DEFINITION],
    name="cost",
    description="What a field adds to the cost of an operation, as a non-negative decimal number. A field without it"
    " costs 1 when it is an object and 0 when it is a leaf; lists multiply by `first` or `last`. On an argument, or a"
    " field of an input: what it adds where it is given and not null.",
)
class Cost:
    """Marks a field, or what a field is given, with what it costs."""

    weight: str


class Enforcement(Enum):
    """Who sees to a rule."""

    GUARD = "guard"
    """The field itself, before its resolver runs."""
    DOOR = "door"
    """The door, which also records the refusal."""
    PARENT = "parent"
    """Whoever was let to the object may see this of it."""
    NOBODY = "nobody"
    """Anyone may ask."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may read a field. Guarded without a scope means: anyone who is signed in."""

    enforcement: Enforcement
    scope: Scope | None = None

    def require(self, actor: Actor) -> None:
        """Raises Unauthenticated or Forbidden."""
        if self.scope is None:
            access.require_signed_in(actor)
        else:
            access.require_scope(actor, self.scope)


OPEN = Rule(Enforcement.NOBODY)
SIGNED_IN = Rule(Enforcement.GUARD)
PARENT = Rule(Enforcement.PARENT)


def needs(scope: Scope) -> Rule:
    """The scope, checked before the field runs."""
    return Rule(Enforcement.GUARD, scope)


def by_the_door(scope: Scope) -> Rule:
    """The scope, checked by the door, so that a refusal is recorded too."""
    return Rule(Enforcement.DOOR, scope)


class Guard(FieldExtension):
    """Asks the rule before the resolver runs."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def resolve(self, next_: Callable[..., object], source: object, info: Info, **kwargs: object) -> object:
        """See FieldExtension."""
        self.rule.require(info.context.actor)
        return next_(source, info, **kwargs)

    async def resolve_async(self, next_: Callable[..., object], source: object, info: Info, **kwargs: object) -> object:
        """See FieldExtension."""
        self.rule.require(info.context.actor)
        answer = next_(source, info, **kwargs)
        # A subscription's answer is its events, which nobody waits for here.
        return await answer if isawaitable(answer) else answer


def field(
    rule: Rule,
    *,
    cost: int | None = None,
    returns: Any = None,  # noqa: ANN401  # any type form
    extensions: tuple[FieldExtension, ...] = (),
    subscription: bool = False,
) -> Callable[[Callable[..., Any]], Any]:
    """A field with a resolver, whose docstring is its description.

    `returns` is the field's type where the resolver's own says more: that it may answer now or later.
    """

    def decorate(resolver: Callable[..., Any]) -> Any:  # noqa: ANN401
        guards = (Guard(rule),) if rule.enforcement is Enforcement.GUARD else ()
        return strawberry.field(
            resolver=resolver,
            is_subscription=subscription,
            description=description_of(resolver),
            directives=directives(rule, cost),
            extensions=[*guards, *extensions],
            metadata={Rule: rule},
            graphql_type=returns,
        )

    return decorate


def directives(rule: Rule, cost: int | None) -> list[object]:
    """The rule and the cost as the schema shows them."""
    shown: list[object] = []
    if rule.scope is not None:
        shown.append(RequiresScope(scope=rule.scope))
    if cost is not None:
        shown.append(Cost(weight=str(cost)))
    return shown
