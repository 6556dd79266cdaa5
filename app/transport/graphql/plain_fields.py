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

# A value that cannot be written is a bug of ours; graphql-core then says which, and where.
_CANNOT_BE_WRITTEN = (AttributeError, GraphQLError, KeyError, TypeError, ValueError)

Write = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Plain:
    """A field whose value is an attribute: its name, and how it is written into the answer."""

    attribute: str
    write: Write
    is_nullable: bool

    def of(self, source: object) -> object:
        """The field's value in the answer. Raises one of `_CANNOT_BE_WRITTEN`."""
        value = getattr(source, self.attribute)
        if value is not None:
            return self.write(value)
        if self.is_nullable:
            return None
        raise TypeError("a field that is never null is null")


_PlainSet = list[tuple[str, Plain]]


class PlainFirst(StrawberryGraphQLCoreExecutionContext):
    """Answers plain fields itself, and leaves to graphql-core the others and whatever is wrong with one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # graphql-core's own arguments
        super().__init__(*args, **kwargs)
        self._wholly_plain: dict[tuple[int, str], tuple[object, _PlainSet | None]] = {}
        self._is_watched = bool(self.middleware_manager and self.middleware_manager.middlewares)

    def execute_fields(  # noqa: D102  # graphql-core's own method
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,  # noqa: ANN401
        path: Path | None,
        grouped_field_set: Any,  # noqa: ANN401
        position_context: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        key = (id(grouped_field_set), parent_type.name)
        if key not in self._wholly_plain:
            found = None if self._is_watched else _plain_set(parent_type, grouped_field_set)
            # Kept with the selection itself: while it lives, no other can have its identity.
            self._wholly_plain[key] = grouped_field_set, found
        _, plain = self._wholly_plain[key]
        if plain is not None:
            try:
                return {name: field.of(source_value) for name, field in plain}
            except _CANNOT_BE_WRITTEN:
                pass
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)

    def build_per_event_executor(self, payload: Any) -> Any:  # noqa: ANN401, D102  # graphql-core's own method
        executor: Any = super().build_per_event_executor(payload)
        # Every event collects its selections anew; what was found for one is of no use to the next, and would pile up.
        executor._wholly_plain = {}  # noqa: SLF001  # it is a copy of this one
        return executor

    def execute_field(  # noqa: D102  # graphql-core's own method
        self,
        parent_type: GraphQLObjectType,
        source: Any,  # noqa: ANN401
        field_details_list: Any,  # noqa: ANN401
        path: Path,
        position_context: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        plain = None if self._is_watched else _plain_field(parent_type, field_details_list)
        if plain is not None:
            try:
                return plain.of(source)
            except _CANNOT_BE_WRITTEN:
                pass
        return super().execute_field(parent_type, source, field_details_list, path, position_context)


def _plain_field(parent_type: GraphQLObjectType, field_details_list: Any) -> Plain | None:  # noqa: ANN401
    name = field_details_list[0].node.name.value
    if name == "__typename":
        return Plain("__class__", lambda _: parent_type.name, is_nullable=False)
    field = parent_type.fields.get(name)
    found: Plain | None = None if field is None else field.extensions.get(_PLAIN)
    return found


def _plain_set(parent_type: GraphQLObjectType, grouped_field_set: Any) -> _PlainSet | None:  # noqa: ANN401
    """The fields of a selection, if all of them are plain."""
    found: _PlainSet = []
    for name, field_details_list in grouped_field_set.items():
        plain = _plain_field(parent_type, field_details_list)
        if plain is None:
            return None
        found.append((name, plain))
    return found


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
