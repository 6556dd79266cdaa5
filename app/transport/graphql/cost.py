"""What an operation costs: the weights of its fields, times the sizes of the pages that it asks for.

The rules, which the schema's description of `@cost` repeats: a field adds its `@cost(weight:)`, else 1 when it is an
object and 0 when it is a leaf. A field that takes `first` or `last` multiplies the lists of what it answers (`edges`,
`nodes`) by the one that is given, by 20 when neither is. An argument, or a field of an input, adds its own weight where
it is given. Fragments are measured once.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from app.transport.graphql.scopes import Enforcement, Rule

DEFAULT_PAGE = 20
_LARGEST_PAGE = 1_000_000
_LARGEST_COST = 10**12
_INTROSPECTION_WEIGHT = 100.0
"""Reading the whole schema answers some thousand objects from memory."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What the schema says about one field."""

    weight: float
    is_open: bool
    """Whether anyone may select it: no scope is asked for, nor that the caller is known."""
    is_list: bool
    is_paged: bool
    default_page: int
    inputs: Mapping[tuple[str, ...], float]
    """What is added where an input is given: by the argument's name and the way into it."""


class FieldRules:
    """The rules of a schema's fields, read from its directives once each.

    Strawberry keeps the directives that are applied to a field beside it, in its own definition of the field.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._known: dict[tuple[str, str], FieldRule | None] = {}

    def of(self, parent: GraphQLCompositeType, name: str) -> FieldRule | None:
        """The rule of a field; None for a field that does not exist."""
        key = (parent.name, name)
        try:
            return self._known[key]
        except KeyError:
            definition = self.schema.get_field(parent, name)
            if definition is None:
                return None  # Not kept: a name that does not exist is the caller's, and there are endlessly many.
            rule = self._known[key] = _read(name, definition)
            return rule


def _read(name: str, definition: GraphQLField) -> FieldRule:
    applied = _applied(definition)
    composite = is_composite_type(get_named_type(definition.type))
    default = definition.args["first"].default_value if "first" in definition.args else None
    weight = float(applied["cost"]["weight"]) if "cost" in applied else float(composite)
    return FieldRule(
        weight=_INTROSPECTION_WEIGHT if name in {"__schema", "__type"} else weight,
        is_open="requiresScope" not in applied and not _asks_who(definition),
        is_list=is_list_type(get_nullable_type(definition.type)),
        is_paged="first" in definition.args or "last" in definition.args,
        default_page=default if isinstance(default, int) else DEFAULT_PAGE,
        inputs=_weighted_inputs(definition),
    )


def _weighted_inputs(definition: GraphQLField) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for name, argument in definition.args.items():
        found |= _weighted((name,), argument, ())
    return found


def _weighted(
    path: tuple[str, ...], given: GraphQLArgument | GraphQLInputField, seen: tuple[object, ...]
) -> dict[tuple[str, ...], float]:
    """The weights of an input and of what is below it, no input object entered again below itself."""
    applied = _applied(given)
    found = {path: float(applied["cost"]["weight"])} if "cost" in applied else {}
    named = get_named_type(given.type)
    if isinstance(named, GraphQLInputObjectType) and named not in seen:
        for name, below in named.fields.items():
            found |= _weighted((*path, name), below, (*seen, named))
    return found


def _asks_who(definition: GraphQLField) -> bool:
    """Whether a rule is asked before the field runs; one without a scope has no directive that shows it."""
    rule = getattr(definition.extensions.get("strawberry-definition"), "metadata", {}).get(Rule)
    return isinstance(rule, Rule) and rule.enforcement in {Enforcement.GUARD, Enforcement.DOOR}


def _applied(definition: GraphQLField | GraphQLArgument | GraphQLInputField) -> dict[str, dict[str, Any]]:
    directives = getattr(definition.extensions.get("strawberry-definition"), "directives", ())
    applied: dict[str, dict[str, Any]] = {}
    for directive in directives:
        meaning = type(directive).__strawberry_directive__
        name = meaning.graphql_name or meaning.python_name[:1].lower() + meaning.python_name[1:]
        applied[name] = vars(directive)
    return applied


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a selection set costs once, and what it costs for each item of the page around it."""

    once: float = 0.0
    each: float = 0.0


def cost_of(
    rules: FieldRules, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> int:
    """What an operation of a valid document costs, rounded up. Never below 0, and never above 10**12."""
    root = rules.schema.get_root_type(operation.operation)
    if root is None:
        return 0
    counted = _Counter(rules, document, operation, variables).cost(operation.selection_set, root)
    return math.ceil(min(counted.once + counted.each, _LARGEST_COST))


class _Counter:
    def __init__(
        self,
        rules: FieldRules,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self._rules = rules
        self._variables = variables
        self._defaults = {node.variable.name.value: node.default_value for node in operation.variable_definitions or ()}
        definitions = document.definitions
        self._fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
        self._counted: dict[str, _Cost] = {}

    def cost(self, selection_set: SelectionSetNode, parent: GraphQLCompositeType) -> _Cost:
        once = each = 0.0
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                rule = self._rules.of(parent, node.name.value)
                if rule is not None:
                    cost = self._field(node, rule, parent)
                    once, each = (once, each + cost) if rule.is_list and not rule.is_paged else (once + cost, each)
                continue
            if isinstance(node, FragmentSpreadNode):
                inner = self._fragment(node.name.value)
            else:
                inner = self._inline(node, parent)  # type: ignore[arg-type]
            once, each = once + inner.once, each + inner.each
        return _Cost(once, each)

    def _field(self, node: FieldNode, rule: FieldRule, parent: GraphQLCompositeType) -> float:
        weight = rule.weight + self._inputs(node, rule)
        if node.selection_set is None:
            return weight
        definition = self._rules.schema.get_field(parent, node.name.value)
        inner_type = get_named_type(definition.type) if definition else None
        inner = self.cost(node.selection_set, inner_type) if is_composite_type(inner_type) else _Cost()
        page = self._page(node, rule) if rule.is_paged else 1
        if rule.is_list:
            return weight + page * (inner.once + inner.each)
        return weight + inner.once + page * inner.each

    def _fragment(self, name: str) -> _Cost:
        known = self._counted.get(name)
        if known is None:
            definition = self._fragments[name]
            condition = self._rules.schema.get_type(definition.type_condition.name.value)
            known = self.cost(definition.selection_set, condition) if is_composite_type(condition) else _Cost()
            self._counted[name] = known
        return known

    def _inline(self, node: InlineFragmentNode, parent: GraphQLCompositeType) -> _Cost:
        condition = node.type_condition
        inner = self._rules.schema.get_type(condition.name.value) if condition else parent
        return self.cost(node.selection_set, inner) if is_composite_type(inner) else _Cost()

    def _page(self, node: FieldNode, rule: FieldRule) -> int:
        sizes = [
            size
            for argument in node.arguments or ()
            if argument.name.value in {"first", "last"} and (size := self._int(argument.value)) is not None
        ]
        return max(sizes, default=rule.default_page)

    def _inputs(self, node: FieldNode, rule: FieldRule) -> float:
        if not rule.inputs:
            return 0.0
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        return sum(weight for path, weight in rule.inputs.items() if self._is_given(given.get(path[0]), path[1:]))

    def _is_given(self, value: object, path: tuple[str, ...]) -> bool:
        """Whether there is anything but null at a path inside a value, which is a node or a variable's."""
        if isinstance(value, VariableNode):
            name = value.name.value
            return self._is_given(self._variables.get(name, self._defaults.get(name)), path)
        if isinstance(value, ListValueNode | list):
            return any(self._is_given(each, path) for each in (value if isinstance(value, list) else value.values))
        if path:
            return self._is_given(_below(value, path[0]), path[1:])
        return value is not None and not isinstance(value, NullValueNode)

    def _int(self, value: object) -> int | None:
        """An integer that is written or passed; None for null, and for what validation or coercion will refuse."""
        if isinstance(value, VariableNode):
            name = value.name.value
            if name not in self._variables:
                return self._int(self._defaults.get(name))
            passed = self._variables[name]
            return _clamped(passed) if isinstance(passed, int) and not isinstance(passed, bool) else None
        if isinstance(value, IntValueNode):
            # int() of thousands of digits raises ValueError.
            return _clamped(int(value.value)) if len(value.value) < 20 else _LARGEST_PAGE
        return None


def _below(value: object, name: str) -> object:
    """A field of an input object, which is a node or a variable's; None for what has none."""
    if isinstance(value, ObjectValueNode):
        return next((field.value for field in value.fields if field.name.value == name), None)
    return value.get(name) if isinstance(value, Mapping) else None


def _clamped(size: int) -> int:
    return min(max(size, 0), _LARGEST_PAGE)
