"""What an operation costs."""

import pytest
from graphql import parse

from app.transport.graphql.cost import FieldRules, cost_of
from app.transport.graphql.documents import Document, Documents
from app.transport.graphql.limits import Limits
from app.transport.graphql.schema import schema
from tests.transport.endpoint.small_schema import CORE

pytestmark = pytest.mark.once

RULES = FieldRules(CORE)


def cost(source: str, variables: dict[str, object] | None = None, name: str | None = None) -> int:
    """What an operation of a document costs."""
    document: Document = Documents(CORE, Limits()).ready(source, may_introspect=True)
    return cost_of(RULES, document.ast, document.operation(name), variables or {})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{hello}", 0),
        ("{__typename}", 0),
        ("{hello a:hello}", 0),
        ("{thing{name}}", 1),
        ("{thing{thing{name}}}", 2),
        ("{a:thing{name}b:thing{name}}", 2),
        # 1 for the thing, 2.5 for its dear field, rounded up once at the end.
        ("{thing{dear}}", 4),
        ("{a:thing{dear}b:thing{dear}}", 7),
        ('mutation{note(text:"")}', 0),
        ("subscription{contexts(to:1){number}}", 1),
        # The page itself, then each edge and its node.
        ("{things(first:10){edges{node{name}}}}", 1 + 10 * 2),
        ("{things(last:10){edges{node{name}}}}", 1 + 10 * 2),
        ("{things{edges{node{name}}}}", 1 + 20 * 2),
        ("{things(first:null){edges{cursor}}}", 1 + 20),
        ("{things(first:0){edges{cursor}}}", 1),
        ("{things(first:-5){edges{cursor}}}", 1),
        ("{things(first:10){total}}", 1),
        ("{things(first:10){edges{node{dear}}}}", 1 + 45),
        ("{things(first:10){...e}}fragment e on Page{edges{node{name}}}", 1 + 10 * 2),
        ("{things(first:10){...{edges{node{name}}}}}", 1 + 10 * 2),
        ("{things(first:10){edges{node{things(first:5){edges{cursor}}}}}}", 1 + 10 * (2 + 1 + 5)),
        ("{a:things(first:10){...e}b:things(first:1){...e}}fragment e on Page{edges{cursor}}", 1 + 10 + 1 + 1),
        ("{__schema{queryType{name}}}", 101),
    ],
)
def test_fields_add_up_and_pages_multiply(source: str, expected: int) -> None:
    assert cost(source) == expected


@pytest.mark.parametrize(
    ("declared", "variables", "page"),
    [
        ("$n:Int", {"n": 7}, 7),
        ("$n:Int", {}, 20),
        ("$n:Int", {"n": None}, 20),
        ("$n:Int=9", {}, 9),
        ("$n:Int=9", {"n": 3}, 3),
        ("$n:Int=9", {"n": None}, 20),
        # Coercion will refuse these.
        ("$n:Int", {"n": "7"}, 20),
        ("$n:Int", {"n": True}, 20),
        ("$n:Int", {"n": -1}, 0),
    ],
)
def test_a_pages_size_may_be_a_variable(declared: str, variables: dict[str, object], page: int) -> None:
    assert cost(f"query({declared}){{things(first:$n){{edges{{cursor}}}}}}", variables) == 1 + page


PRODUCT = FieldRules(schema._schema)  # noqa: SLF001  # Strawberry has no public way to its graphql-core schema


@pytest.mark.parametrize(
    ("source", "variables", "expected"),
    [
        ("{account{id}}", {}, 1),
        ("{account(asOf:null){id}}", {}, 1),
        ("{account(asOf:{treeSize:1}){id}}", {}, 21),
        ("query($p:AsOf){account(asOf:$p){id}}", {}, 1),
        ("query($p:AsOf){account(asOf:$p){id}}", {"p": None}, 1),
        ("query($p:AsOf){account(asOf:$p){id}}", {"p": {"treeSize": 1}}, 21),
        ("query($p:AsOf={treeSize:1}){account(asOf:$p){id}}", {}, 21),
        ("query($n:SafeInt!){account(asOf:{treeSize:$n}){id}}", {"n": 1}, 21),
        ("{certificates(first:5,asOf:{treeSize:1}){edges{cursor}}}", {}, 1 + 20 + 5),
        ("{auditEvents(first:5,filterBy:{codes:[]}){edges{cursor}}}", {}, 1 + 5),
        ("{auditEvents(first:5,filterBy:{text:null}){edges{cursor}}}", {}, 1 + 5),
        ('{auditEvents(first:5,filterBy:{text:"a"}){edges{cursor}}}', {}, 1 + 200 + 5),
        ("query($t:String){auditEvents(first:5,filterBy:{text:$t}){edges{cursor}}}", {"t": "a"}, 1 + 200 + 5),
        ("query($t:String){auditEvents(first:5,filterBy:{text:$t}){edges{cursor}}}", {}, 1 + 5),
        ("query($f:AuditEventFilter){auditEvents(first:5,filterBy:$f){edges{cursor}}}", {"f": {"text": "a"}}, 206),
        ("query($f:AuditEventFilter){auditEvents(first:5,filterBy:$f){edges{cursor}}}", {"f": "text"}, 6),
        ("query($f:AuditEventFilter){auditEvents(first:5,filterBy:$f){edges{cursor}}}", {"f": [{"text": "a"}]}, 206),
        ('subscription{auditEvents(filterBy:{text:"a"}){cursor}}', {}, 1 + 200),
    ],
)
def test_what_a_field_is_given_may_cost_too(source: str, variables: dict[str, object], expected: int) -> None:
    document = Documents(PRODUCT.schema, Limits()).ready(source, may_introspect=True)
    assert cost_of(PRODUCT, document.ast, document.operation(None), variables) == expected


@pytest.mark.parametrize(("arguments", "page"), [("", 20), ("(first: 3)", 3), ("(first: 100)", 100)])
def test_the_effects_of_a_preview_cost_by_their_number(arguments: str, page: int) -> None:
    """The preview and the list of its effects; of each the list of its devices, and of that each edge and its node."""
    source = (
        'query { previewCertificateChange(input: {delete: "x"}) {'
        f" effects{arguments} {{ devices(first: 5) {{ edges {{ node {{ id }} }} }} }} }} }}"
    )
    document = Documents(PRODUCT.schema, Limits()).ready(source, may_introspect=True)
    assert cost_of(PRODUCT, document.ast, document.operation(None), {}) == 20 + 1 + page * (2 + 5 * 2)


def test_a_page_of_any_size_is_counted_without_being_large_itself() -> None:
    assert cost("query($n:Int){things(first:$n){edges{cursor}}}", {"n": 10**300}) == 1 + 10**6
    document = parse("{things(first:" + "9" * 5_000 + "){edges{cursor}}}")
    ready = Documents(CORE, Limits()).ready("{hello}", may_introspect=True)
    operation = document.definitions[0]
    assert cost_of(RULES, document, operation, {}) == 1 + 10**6  # type: ignore[arg-type]
    assert ready.operation(None) is not operation


def test_only_the_chosen_operation_is_counted() -> None:
    source = "query a{thing{name}}query b{hello}"
    assert (cost(source, name="a"), cost(source, name="b")) == (1, 0)


def test_pages_in_pages_reach_the_ceiling_and_no_further() -> None:
    source = "{things(first:1000000)" + "{edges{node{things(first:1000000)" * 4 + "{total}" + "}}}" * 4 + "}"
    assert cost(source) == 10**12


@pytest.mark.parametrize(
    ("rules", "name", "is_open"),
    [
        (RULES, "hello", True),
        (RULES, "scoped", False),
        (FieldRules(schema._schema), "__schema", True),  # noqa: SLF001
        (FieldRules(schema._schema), "viewer", False),  # noqa: SLF001
        (FieldRules(schema._schema), "certificates", False),  # noqa: SLF001
    ],
)
def test_a_field_is_open_unless_it_asks_for_a_scope_or_a_caller(rules: FieldRules, name: str, *, is_open: bool) -> None:
    root = rules.schema.query_type
    assert root is not None
    rule = rules.of(root, name)
    assert rule is not None
    assert rule.is_open is is_open
    assert rules.of(root, "unknown") is None
