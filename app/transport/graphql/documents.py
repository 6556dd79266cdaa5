"""Documents made ready: parsed, measured and validated, and kept for the next request that sends the same."""

from collections import OrderedDict
from dataclasses import dataclass

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    StringValueNode,
    ValidationRule,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.transport.graphql.errors import Code, RequestError, formatted
from app.transport.graphql.limits import Limits, require_within
from app.transport.graphql.masking import request_errors

_KEPT_CHARACTERS = 500_000
"""A parsed document takes some hundred times the memory of its text."""
_KEPT_LITERAL = 256
"""A longer string in a document is no constant of a program: it may be a key, and it will not come twice."""


class NoIntrospection(ValidationRule):
    """Refuses the fields that describe the schema; `__typename` stays."""

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Report a field that describes the schema."""
        if node.name.value in {"__schema", "__type"}:
            sentence = "The schema cannot be read here: sign in, or read schema.graphql, which comes with the release."
            self.report_error(GraphQLError(sentence, node))


_RULES: tuple[type[ASTValidationRule], ...] = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document within the limits."""

    ast: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    """By name; the operation without a name under the empty one."""
    fragments: dict[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to execute. Raises RequestError when the name is missing or unknown."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name) if name else None
        if found is not None:
            return found
        sentence = (
            "The document has more than one operation: say which in `operationName`."
            if name is None
            else "The document has no operation of the name in `operationName`."
        )
        raise RequestError(
            [formatted(sentence, Code.OPERATION_RESOLUTION_FAILURE)], recorded=Code.OPERATION_RESOLUTION_FAILURE
        )

    def root_names(self, operation: OperationDefinitionNode) -> frozenset[str]:
        """The names of the fields at an operation's root, those in fragments included."""
        names: set[str] = set()
        seen: set[str] = set()
        waiting = [operation.selection_set]
        while waiting:
            for node in waiting.pop().selections:
                if isinstance(node, FieldNode):
                    names.add(node.name.value)
                elif isinstance(node, InlineFragmentNode):
                    waiting.append(node.selection_set)
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                    seen.add(node.name.value)
                    waiting.append(self.fragments[node.name.value].selection_set)
        return frozenset(names)


class Documents:
    """Parses, measures and validates; keeps what was found valid, the least recently used going first."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, kept_characters: int = _KEPT_CHARACTERS) -> None:
        self._schema = schema
        self._limits = limits
        self._kept: OrderedDict[tuple[str, bool], Document] = OrderedDict()
        self._kept_characters = 0
        self._may_keep_characters = kept_characters

    def ready(self, source: str, *, may_introspect: bool) -> Document:
        """The document of a source.

        Raises RequestError with GRAPHQL_PARSE_FAILED, with GRAPHQL_VALIDATION_FAILED or with a limit's reason.
        """
        key = (source, may_introspect)
        document = self._kept.get(key)
        if document is not None:
            self._kept.move_to_end(key)
            return document
        ast = self._parse(source)
        require_within(ast, self._limits)
        strings = _Strings()
        visit(ast, strings)
        document = self._validated(ast, strings, may_introspect=may_introspect)
        if strings.longest <= _KEPT_LITERAL:
            self._keep(key, document)
        return document

    def _parse(self, source: str) -> DocumentNode:
        limits = self._limits
        try:
            return parse(
                source,
                max_lexical_tokens=limits.tokens,
                max_comments=limits.tokens,
                max_source_length=limits.body_bytes,
                allow_empty_selection_sets=False,
            )
        except GraphQLError as error:
            code = Code.GRAPHQL_PARSE_FAILED
            raise RequestError(request_errors([error], code), recorded=code) from None

    def _validated(self, ast: DocumentNode, strings: "_Strings", *, may_introspect: bool) -> Document:
        # Suggestions ("Did you mean") are a way to read the schema name by name.
        rules: tuple[type[ASTValidationRule], ...] = _RULES if may_introspect else (NoIntrospection, *_RULES)
        errors = validate(self._schema, ast, rules, max_errors=20, hide_suggestions=not may_introspect)
        errors.extend(GraphQLError("A string may not hold U+0000.", node) for node in strings.with_nul)
        if errors:
            code = Code.GRAPHQL_VALIDATION_FAILED
            raise RequestError(request_errors(errors, code), recorded=code)
        operations = {
            node.name.value if node.name else "": node
            for node in ast.definitions
            if isinstance(node, OperationDefinitionNode)
        }
        fragments = {node.name.value: node for node in ast.definitions if isinstance(node, FragmentDefinitionNode)}
        return Document(ast, operations, fragments)

    def _keep(self, key: tuple[str, bool], document: Document) -> None:
        size = len(key[0])
        if size > self._may_keep_characters // 16:
            return
        self._kept[key] = document
        self._kept_characters += size
        while self._kept_characters > self._may_keep_characters:
            (dropped, _), _ = self._kept.popitem(last=False)
            self._kept_characters -= len(dropped)


class _Strings(Visitor):
    """Looks at the strings that are written in a document."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0
        self.with_nul: list[StringValueNode] = []

    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        self.longest = max(self.longest, len(node.value))
        if "\0" in node.value:
            # PostgreSQL refuses it in text, so no field of ours can mean it.
            self.with_nul.append(node)
