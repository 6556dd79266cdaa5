"""Documents made from the schema itself, so that a new field or argument is tested before anyone thinks of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    get_named_type,
)

from app.transport.graphql.schema import schema

SCHEMA = schema._schema  # noqa: SLF001  # Strawberry has no public way to its graphql-core schema


def root(name: str) -> dict[str, GraphQLField]:
    """The fields of `Query`, `Mutation` or `Subscription`."""
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return dict(kind.fields)


def object_types() -> Iterator[GraphQLObjectType]:
    """Our own object types."""
    for name, kind in SCHEMA.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            yield kind


def everything(kind: GraphQLOutputType, depth: int, *, seen: tuple[str, ...] = ()) -> str:
    """A selection of every field of a type, down to a depth; no type is entered again below itself."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLUnionType | GraphQLInterfaceType):
        possible = SCHEMA.get_possible_types(named)
        parts = [
            f"... on {each.name} {everything(each, depth, seen=seen)}" for each in possible if each.name not in seen
        ]
        return f"{{ __typename {' '.join(parts)} }}"
    if not isinstance(named, GraphQLObjectType):
        return ""
    fields = ["__typename"]
    for name, field in named.fields.items():
        below = get_named_type(field.type)
        is_leaf = not isinstance(below, GraphQLObjectType | GraphQLUnionType | GraphQLInterfaceType)
        if is_leaf:
            fields.append(f"{_alias(named.name, name, field)}{name}")
        elif depth > 1 and below.name not in seen:
            fields.append(
                f"{_alias(named.name, name, field)}{name} {everything(below, depth - 1, seen=(*seen, named.name))}"
            )
    return f"{{ {' '.join(fields)} }}"


def _alias(parent: str, name: str, field: GraphQLField) -> str:
    # Members of a union may have fields of one name and different types.
    del field
    return f"{parent}_{name}: "


@dataclass(frozen=True)
class IdInput:
    """One place in the schema that takes an id: a root field's argument, and the way into it."""

    operation: str
    field: str
    path: tuple[str, ...]
    is_list: bool

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.field}.{'.'.join(self.path)}"


def id_inputs() -> Iterator[IdInput]:
    """Every place in the schema that takes an id of an object."""
    for operation in ("Query", "Mutation", "Subscription"):
        for name, field in root(operation).items():
            for argument, given in field.args.items():
                for path, kind in _leaves((argument,), given.type):
                    if get_named_type(kind).name == "ID" and path[-1] != "idempotencyKey":
                        yield IdInput(operation, name, path, "[" in str(kind))


def _leaves(path: tuple[str, ...], kind: GraphQLInputType) -> Iterator[tuple[tuple[str, ...], GraphQLInputType]]:
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from _leaves((*path, name), field.type)
        return
    yield path, kind
