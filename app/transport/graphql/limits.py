"""How much one document may ask for, measured in one walk before it is validated.

Every fragment is measured once, however often it is spread, so the walk is linear in the document: 685 bytes of
fragments that each spread the next one twice describe a million fields, and cost the walk microseconds. It comes before
validation because validation itself compares fields of one name pair by pair, and takes a second for 4,000 tokens.
"""

from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from app.settings import Settings
from app.transport.graphql.errors import over_limit


@dataclass(frozen=True, slots=True)
class Limits:
    """What one operation may ask for, and how long it may take."""

    body_bytes: int = 1024 * 1024
    tokens: int = 4_000
    depth: int = 15
    aliases: int = 30
    cost: int = 5_000
    definitions: int = 100
    """Operations and fragments."""
    root_fields: int = 30
    mutation_fields: int = 10
    """Each field of a mutation is a unit of work of its own."""
    fields: int = 2_000
    """With every fragment counted as often as it is spread."""
    comparisons: int = 3_000
    """Between fields that answer under one name, and what is selected of them: what validation has to compare."""
    seconds: float = 30.0
    """For a query or a mutation; a subscription has no end."""

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that the settings name, and the defaults of the rest."""
        return cls(
            body_bytes=settings.max_body_bytes,
            tokens=settings.max_query_tokens,
            depth=settings.max_query_depth,
            aliases=settings.max_aliases,
            cost=settings.max_query_cost,
        )


@dataclass(frozen=True, slots=True)
class _Uses:
    """How often a selection set answers under one name, and how many fields are selected below those."""

    times: int
    below: int


@dataclass(slots=True)
class Shape:
    """What a selection set amounts to. `depth` counts fields from the outermost, which is 1."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    comparisons: int = 0
    names: dict[str, _Uses] = field(default_factory=dict)

    def answer(self, name: str, uses: _Uses) -> None:
        """Answer under a name, once more where it is taken."""
        known = self.names.get(name)
        if known is not None:
            self.comparisons += known.times * (uses.times + uses.below) + known.below * uses.times
            uses = _Uses(known.times + uses.times, known.below + uses.below)
        self.names[name] = uses


def require_within(document: DocumentNode, limits: Limits) -> None:
    """Refuse a document whose shape is over a limit.

    The document need not be valid: unknown fragments and cycles count as nothing, for validation refuses them. Raises
    RequestError with one of the reasons TOO_MANY_DEFINITIONS, QUERY_TOO_DEEP, TOO_MANY_ALIASES, TOO_MANY_FIELDS,
    TOO_MANY_COMPARISONS, TOO_MANY_ROOT_FIELDS, TOO_MANY_MUTATION_FIELDS.
    """
    if len(document.definitions) > limits.definitions:
        sentence = f"A document may have {limits.definitions} operations and fragments."
        raise over_limit("TOO_MANY_DEFINITIONS", sentence, limit=limits.definitions)
    measurer = _Measurer(document, limits)
    try:
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                _require_roots(definition, measurer.shape(definition.selection_set), limits)
        for name in measurer.fragments:
            # A fragment that no operation spreads is still validated.
            measurer.fragment(name)
    except RecursionError:
        # Inline fragments in inline fragments: no deeper than one field perhaps, but nothing that anyone means.
        raise over_limit("QUERY_TOO_DEEP", "The selections are nested too deeply.", limit=limits.depth) from None


def _require_shape(shape: Shape, limits: Limits) -> None:
    measures = (
        ("QUERY_TOO_DEEP", shape.depth, limits.depth, "Fields may be nested {} deep"),
        ("TOO_MANY_ALIASES", shape.aliases, limits.aliases, "An operation may use {} aliases"),
        ("TOO_MANY_FIELDS", shape.fields, limits.fields, "An operation may select {} fields"),
        ("TOO_MANY_COMPARISONS", shape.comparisons, limits.comparisons, "Fields of one name may be compared {} times"),
    )
    for reason, measured, limit, sentence in measures:
        if measured > limit:
            raise over_limit(reason, f"{sentence.format(limit)}, and this document goes over it.", limit=limit)


def _require_roots(operation: OperationDefinitionNode, shape: Shape, limits: Limits) -> None:
    roots = len(shape.names)
    if operation.operation is OperationType.MUTATION and roots > limits.mutation_fields:
        sentence = f"A mutation may have {limits.mutation_fields} fields, and this one has {roots}."
        raise over_limit("TOO_MANY_MUTATION_FIELDS", sentence, limit=limits.mutation_fields)
    if roots > limits.root_fields:
        sentence = f"An operation may have {limits.root_fields} fields at its root, and this one has {roots}."
        raise over_limit("TOO_MANY_ROOT_FIELDS", sentence, limit=limits.root_fields)


class _Measurer:
    """Measures the selection sets of one document, each fragment once, and stops at the first that is over a limit."""

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        definitions = document.definitions
        self.fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
        self._limits = limits
        self._measured: dict[str, Shape] = {}

    def fragment(self, name: str) -> Shape:
        """What a fragment amounts to. Nothing while it is being measured: a cycle adds nothing and is refused later."""
        known = self._measured.get(name)
        if known is None:
            self._measured[name] = Shape()
            definition = self.fragments.get(name)
            known = self._measured[name] = self.shape(definition.selection_set if definition else None)
        return known

    def shape(self, selection_set: SelectionSetNode | None) -> Shape:
        """What a selection set amounts to, with the fragments that it spreads."""
        shape = Shape()
        for node in selection_set.selections if selection_set else ():
            if isinstance(node, FieldNode):
                self._add_field(shape, node)
            elif isinstance(node, FragmentSpreadNode):
                self._add(shape, self.fragment(node.name.value))
            elif isinstance(node, InlineFragmentNode):
                self._add(shape, self.shape(node.selection_set))
        _require_shape(shape, self._limits)
        return shape

    def _add_field(self, shape: Shape, node: FieldNode) -> None:
        inner = self.shape(node.selection_set)
        # The reference rule MaxIntrospectionDepth bounds introspection, whose usual document is 15 deep.
        inner_depth = 0 if node.name.value.startswith("__") else inner.depth
        shape.depth = max(shape.depth, 1 + inner_depth)
        shape.aliases += inner.aliases + (node.alias is not None)
        shape.fields += inner.fields + 1
        shape.comparisons += inner.comparisons
        shape.answer(node.alias.value if node.alias else node.name.value, _Uses(1, inner.fields))

    def _add(self, shape: Shape, fragment: Shape) -> None:
        """Merge a fragment's selection set into the one that spreads it."""
        shape.depth = max(shape.depth, fragment.depth)
        shape.aliases += fragment.aliases
        shape.fields += fragment.fields
        shape.comparisons += fragment.comparisons
        for name, uses in fragment.names.items():
            shape.answer(name, uses)
        _require_shape(shape, self._limits)
