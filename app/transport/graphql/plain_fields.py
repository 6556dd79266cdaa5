"""Plain values, the quick way: most fields of an answer are attributes that are there already.

graphql-core prepares a description of every field for its resolver, asks whether the result must be waited for, and
walks through its type. For an attribute with a scalar value all of that finds nothing; a page has thousands of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    is_leaf_type,
)
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

_PLAIN = "anchorage-plain"

Write = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Plain:
    """A field whose value is an attribute: its name, and how it is written into the answer."""

    attribute: str
    write: Write
    is_nullable: bool


class PlainFirst(StrawberryGraphQLCoreExecutionContext):
    """Answers plain fields itself, and leaves to graphql-core the others and whatever is wrong with one."""

    def execute_field(  # noqa: D102  # graphql-core's own method
        self,
        parent_type: GraphQLObjectType,
        source: Any,  # noqa: ANN401
        field_details_list: Any,  # noqa: ANN401
        path: Path,
        position_context: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        field = parent_type.fields.get(field_details_list[0].node.name.value)
        plain: Plain | None = None if field is None else field.extensions.get(_PLAIN)
        if plain is not None and not (self.middleware_manager and self.middleware_manager.middlewares):
            try:
                value = getattr(source, plain.attribute)
                if value is not None:
                    return plain.write(value)
                if plain.is_nullable:
                    return None
            except (AttributeError, GraphQLError, KeyError, TypeError, ValueError):
                # A value that cannot be written is a bug of ours; graphql-core says where it is.
                pass
        return super().execute_field(parent_type, source, field_details_list, path, position_context)


def mark_plain_fields(schema: GraphQLSchema) -> None:
    """Find the plain fields of a schema, once."""
    for named in schema.type_map.values():
        if isinstance(named, GraphQLObjectType) and not named.name.startswith("__"):
            for field in named.fields.values():
                plain = _plain(field)
                if plain is not None:
                    field.extensions[_PLAIN] = plain


def _plain(field: GraphQLField) -> Plain | None:
    definition = field.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryField) or not definition.is_basic_field:
        return None
    kind = field.type
    write = _writer(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)
    if write is None:
        return None
    return Plain(definition.python_name, write, is_nullable=not isinstance(kind, GraphQLNonNull))


def _writer(kind: GraphQLOutputType) -> Write | None:
    if isinstance(kind, GraphQLList):
        inner = kind.of_type
        item = _writer(inner.of_type) if isinstance(inner, GraphQLNonNull) else None
        return None if item is None else _list_writer(item)
    if isinstance(kind, GraphQLEnumType):
        # Equal values have equal hashes, and a member of ours equals its value.
        return {value.value: name for name, value in kind.values.items()}.__getitem__
    if kind is GraphQLString:
        return _write_text
    return kind.coerce_output_value if is_leaf_type(kind) else None


def _list_writer(item: Write) -> Write:
    def write(values: object) -> object:
        if not isinstance(values, list | tuple):
            # A text can be iterated too, and is no list.
            raise TypeError("not a list")
        return [item(value) for value in values]

    return write


def _write_text(value: object) -> object:
    return value if type(value) is str else GraphQLString.coerce_output_value(value)
