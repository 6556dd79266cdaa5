"""Every refusal that the code of a command can raise is a member of its mutation's union of errors.

What can be raised is read from the code: every refusal that is made in a command, in the functions that it calls, and
in those that they call.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any, get_args, get_type_hints

import pytest

from app.errors import NotFound, Refusal
from app.rules import chain
from app.services.command import Command
from app.transport.graphql import mutations
from app.transport.graphql.refusals import AS_DATA, AnswersRefusals

_MUTATION: Any = mutations.Mutation
MUTATIONS = {field.name: field for field in _MUTATION.__strawberry_definition__.fields}


def raised(function: Callable[..., object], seen: set[object]) -> set[type[Refusal]]:
    """The refusals that a function makes, or one of ours that it calls."""
    if function in seen:
        return set()
    seen.add(function)
    found = set[type[Refusal]]()
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = meant(call.func, inspect.unwrap(function).__globals__)
        if isinstance(called, type) and issubclass(called, Refusal):
            # What names no field of the input is the account, and a caller's own account is always there.
            if called is not NotFound or call.keywords:
                found.add(called)
        elif isinstance(called, FunctionType) and called.__module__.startswith("app."):
            found |= raised(called, seen)
    return found


def meant(node: ast.expr, known: dict[str, Any]) -> object:
    """What a name, or a name in a module, stands for in a function's module; None for anything else."""
    match node:
        case ast.Name(id=name):
            return known.get(name)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if isinstance(known.get(name), ModuleType):
            return getattr(known[name], attribute, None)
        case _:
            return None


def command_of(field: Any) -> type[Command[object]]:
    """The command that a mutation's input makes."""
    (given,) = field.arguments
    made: type[Command[object]] = get_type_hints(given.type_annotation.annotation.command)["return"]
    return made


def payload_of(field: Any) -> type:
    """The payload that a mutation refuses with."""
    payload: type = next(each.payload for each in field.extensions if isinstance(each, AnswersRefusals))
    return payload


def members(payload: type) -> Iterator[type]:
    """The members of its union of errors."""
    (union,) = get_args(get_type_hints(payload, include_extras=True)["errors"])
    return iter(get_args(get_args(union)[0]))


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_what_a_command_can_raise_is_in_the_union_of_its_mutation(name: str) -> None:
    """Seen to fail where an upload could be refused for what it would do, and its union knew no such error."""
    command = command_of(MUTATIONS[name])
    # What is stored was accepted, and is read again without a refusal.
    found = {AS_DATA[each] for each in raised(command.__call__, {chain.stored}) if each in AS_DATA}
    assert found
    assert found <= set(members(payload_of(MUTATIONS[name]))), command.__name__
