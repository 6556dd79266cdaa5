"""What holds of the schema as a whole, whatever it contains."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_specified_scalar_type,
    validate_schema,
)
from strawberry.types.field import StrawberryField

from app.actor import Scope
from app.audit.events import EVENTS, REQUEST_REFUSED
from app.errors import Refusal
from app.findings import FindingCode
from app.services import accounts, audit_log, bulk, certificates, devices, enrollments, jobs, keys, possession, users
from app.transport.graphql.audit_actions import AuditAction
from app.transport.graphql.finding_codes import FINDING_DESCRIPTIONS
from app.transport.graphql.ids import Kind
from app.transport.graphql.refusals import AS_DATA, AS_TOP_LEVEL
from app.transport.graphql.schema import as_text
from app.transport.graphql.scopes import Cost, Enforcement, RequiresScope, Rule
from app.transport.graphql.types.errors import UserErrorCode
from app.transport.graphql.types.node import SOURCES
from tests.transport.graphql.documents import SCHEMA, object_types, root

pytestmark = pytest.mark.once

OURS = [
    kind for name, kind in SCHEMA.type_map.items() if not name.startswith("__") and not is_specified_scalar_type(kind)
]


KINDS = {
    "Certificate": Kind.CERTIFICATE,
    "PossessionChallenge": Kind.CHALLENGE,
    "Device": Kind.DEVICE,
    "Enrollment": Kind.ENROLLMENT,
    "Job": Kind.JOB,
    "ApiKey": Kind.API_KEY,
    "AuditEvent": Kind.EVENT,
}
BELOW = dict.fromkeys(("Certificate", "CertificateChange", "FindingChange", "StandingFinding"), Scope.CERTIFICATES_READ)
"""What is shown to nobody who has not this scope."""


def undescribed() -> Iterator[str]:
    for kind in OURS:
        if not kind.description:
            yield kind.name
        if isinstance(kind, GraphQLEnumType):
            yield from (f"{kind.name}.{name}" for name, value in kind.values.items() if not value.description)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            yield from (f"{kind.name}.{name}" for name, field in kind.fields.items() if not field.description)
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                yield from (f"{kind.name}.{name}({arg})" for arg, given in field.args.items() if not given.description)
    for directive in SCHEMA.directives:
        yield from (f"@{directive.name}({arg})" for arg, given in directive.args.items() if not given.description)


def test_everything_is_described() -> None:
    assert list(undescribed()) == []


def test_every_scalar_of_ours_says_where_it_is_specified() -> None:
    scalars = [kind for kind in OURS if isinstance(kind, GraphQLScalarType)]
    assert {kind.name for kind in scalars} == {"DateTime", "PEM", "Base64", "Sha256", "SafeInt"}
    assert all(kind.specified_by_url for kind in scalars)


def test_the_exported_text_is_a_schema_of_the_same_types() -> None:
    exported = build_schema(as_text())
    assert validate_schema(exported) == []
    assert set(exported.type_map) == set(SCHEMA.type_map)
    assert exported.description == SCHEMA.description


def test_the_exported_file_is_current() -> None:
    exported = Path(__file__).parents[3] / "schema.graphql"
    assert exported.read_text(encoding="utf-8") == as_text(), "run scripts/export_schema.py"


def test_every_page_holds_nodes_but_of_what_nobody_names_by_an_id() -> None:
    held = {kind.name: get_named_type(kind.fields["node"].type) for kind in object_types() if "node" in kind.fields}
    edges = {name: kind for name, kind in held.items() if name.endswith("Edge")}
    assert len(edges) > 3
    without = {name for name, kind in edges.items() if "id" not in getattr(kind, "fields", {})}
    assert without == {"DeviceDenialEdge", "JobErrorEdge", "StandingFindingEdge"}


def test_no_optional_input_has_a_default_of_null() -> None:
    assert "= null" not in as_text()


def test_root_fields_are_nullable() -> None:
    roots = {**root("Query"), **root("Mutation")}
    assert [name for name, field in roots.items() if isinstance(field.type, GraphQLNonNull)] == []


def fields_with_resolvers() -> Iterator[tuple[str, StrawberryField]]:
    for kind in object_types():
        for name, field in kind.fields.items():
            definition = field.extensions["strawberry-definition"]
            assert isinstance(definition, StrawberryField)
            if not definition.is_basic_field:
                yield f"{kind.name}.{name}", definition


def test_every_field_that_reads_has_a_rule_for_who_may_read_it() -> None:
    assert [name for name, field in fields_with_resolvers() if not isinstance(field.metadata.get(Rule), Rule)] == []


def test_every_root_field_has_a_rule_of_its_own() -> None:
    rules = {name: field.metadata[Rule] for name, field in fields_with_resolvers()}
    for operation in ("Query", "Mutation", "Subscription"):
        for name in root(operation):
            assert rules[f"{operation}.{name}"].enforcement is not Enforcement.PARENT, name


def test_what_anyone_may_ask_is_known_by_name() -> None:
    open_fields = {
        name for name, field in fields_with_resolvers() if field.metadata[Rule].enforcement is Enforcement.NOBODY
    }
    assert open_fields == {"Query.health", "Query.rateLimit"}


def test_what_is_an_object_elsewhere_asks_for_the_scope_of_its_kind() -> None:
    """Whoever may not ask for a key, say, may not find it behind something else either."""
    scopes = {name: SOURCES[kind].rule.scope for name, kind in KINDS.items()}
    for parent in object_types():
        for name, field in parent.fields.items():
            shown = get_named_type(field.type).name.removesuffix("Connection")
            definition = field.extensions["strawberry-definition"]
            if shown not in scopes or definition.is_basic_field or parent.name.endswith("Payload"):
                continue
            rule = definition.metadata[Rule]
            asked = BELOW.get(parent.name) if rule.enforcement is Enforcement.PARENT else rule.scope
            assert asked is scopes[shown], f"{parent.name}.{name}"


def test_a_rule_with_a_scope_shows_in_the_schema() -> None:
    for name, field in fields_with_resolvers():
        shown = [directive.scope for directive in field.directives if isinstance(directive, RequiresScope)]
        expected = field.metadata[Rule].scope
        assert shown == ([] if expected is None else [expected]), name


def test_every_mutation_goes_through_the_door_and_has_its_price() -> None:
    for name, field in fields_with_resolvers():
        if name.startswith("Mutation."):
            assert field.metadata[Rule].enforcement is Enforcement.DOOR, name
            assert any(isinstance(directive, Cost) for directive in field.directives), name


def test_every_mutation_takes_one_input_with_an_idempotency_key_and_can_refuse() -> None:
    for name, field in root("Mutation").items():
        assert list(field.args) == ["input"], name
        given, payload = get_named_type(field.args["input"].type), get_named_type(field.type)
        assert isinstance(given, GraphQLInputObjectType)
        assert isinstance(payload, GraphQLObjectType)
        assert str(given.fields["idempotencyKey"].type) == "ID", name
        assert str(payload.fields["auditEntry"].type) == "AuditEvent", name
        errors = get_named_type(payload.fields["errors"].type)
        assert isinstance(errors, GraphQLUnionType), name
        assert {"InvalidInputError", "IdempotencyKeyReusedError"} <= {kind.name for kind in errors.types}, name


def test_every_member_of_an_error_union_is_a_user_error() -> None:
    user_error = SCHEMA.type_map["UserError"]
    for kind in OURS:
        if isinstance(kind, GraphQLUnionType) and kind.name.endswith("Error"):
            assert all(user_error in member.interfaces for member in kind.types), kind.name


def refusals(parent: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from refusals(kind)


def test_every_refusal_is_either_data_or_a_top_level_error() -> None:
    assert set(refusals()) == set(AS_DATA) | AS_TOP_LEVEL
    assert set(AS_DATA) & AS_TOP_LEVEL == set()


def test_every_refusal_that_is_data_has_its_code() -> None:
    assert {code.value for code in UserErrorCode} == {refusal.code for refusal in AS_DATA}


def commands() -> Iterator[str]:
    for module in (accounts, audit_log, bulk, certificates, devices, enrollments, jobs, keys, possession, users):
        for made in vars(module).values():
            if isinstance(made, type) and made.__module__ == module.__name__ and hasattr(made, "action"):
                yield made.action


def test_every_action_of_the_log_has_one_name() -> None:
    actions = {event.kind for event in EVENTS} | {REQUEST_REFUSED}
    assert {action.value for action in AuditAction} == actions | {""}
    assert set(commands()) <= actions
    for action in AuditAction:
        assert action is AuditAction.UNKNOWN or action.value.upper().replace(".", "_") == action.name


def test_an_action_of_a_newer_release_has_a_name_too() -> None:
    assert AuditAction("certificate.levitate") is AuditAction.UNKNOWN


def test_every_finding_is_in_the_schema() -> None:
    kind = SCHEMA.type_map["FindingCode"]
    assert isinstance(kind, GraphQLEnumType)
    assert set(kind.values) == {code.value for code in FindingCode}
    assert set(FINDING_DESCRIPTIONS) == set(FindingCode)


def test_the_operators_scope_is_not_in_the_schema() -> None:
    kind = SCHEMA.type_map["ApiScope"]
    assert isinstance(kind, GraphQLEnumType)
    assert set(kind.values) == {scope.name for scope in Scope} - {"OPERATE"}
