"""Every root field answers those who hold its scope and nobody else."""

from dataclasses import replace

import pytest
from graphql import get_named_type, is_leaf_type

from app.actor import SCOPES, Role, Scope
from app.transport.graphql.scopes import OPEN, SIGNED_IN, Rule
from tests.house import House
from tests.transport.graphql.callers import Caller, anonymous
from tests.transport.graphql.documents import root
from tests.transport.graphql.test_subscriptions import ending

ARGUMENTS = {
    "node": '(id: "crt_0")',
    "nodes": '(ids: ["crt_0"])',
    "certificate": '(by: {name: "fleet"})',
    "previewCertificate": '(input: {usage: ENROLLMENT, source: {pem: ""}})',
    "auditInclusionProof": '(id: "evt_0")',
    "auditConsistencyProof": "(fromTreeSize: 0)",
    "uploadCertificate": '(input: {name: "fleet", usage: ENROLLMENT, source: {pem: ""}})',
    "createDeveloperCertificate": '(input: {name: "mine"})',
    "updateCertificate": '(input: {id: "crt_0"})',
    "setCertificateStatus": '(input: {id: "crt_0", status: ACTIVE})',
    "deleteCertificate": '(input: {id: "crt_0"})',
    "createApiKey": '(input: {name: "mine", role: GATEWAY})',
    "revokeApiKey": '(input: {id: "key_0"})',
    "device": '(id: "dev_0")',
    "previewCertificateChange": '(input: {delete: "crt_0"})',
    "verifyDevice": '(input: {chain: {pem: ""}})',
    "suspendDevice": '(input: {id: "dev_0", category: "lost"})',
    "rememberIntermediates": '(input: {source: {pem: ""}})',
    "resumeDevice": '(input: {id: "dev_0"})',
    "createPossessionChallenge": '(input: {certificateId: "crt_0"})',
    "provePossession": '(input: {challengeId: "chl_0", proof: {signature: ""}})',
    "enrollment": '(id: "enr_0")',
    "job": '(id: "job_0")',
    "claimEnrollment": '(input: {identity: ""})',
    "releaseEnrollment": '(input: {id: "enr_0"})',
}


def documents(operation: str) -> list[tuple[str, Rule]]:
    """The shortest document for each root field, and the field's rule."""
    made = []
    for name, field in root(operation).items():
        rule = field.extensions["strawberry-definition"].metadata[Rule]
        assert not is_leaf_type(get_named_type(field.type))
        made.append((f"{operation.lower()} {{ {name}{ARGUMENTS.get(name, '')} {{ __typename }} }}", rule))
    return made


EVERY = [*documents("Query"), *documents("Mutation")]


async def test_a_stranger_may_ask_for_health_and_rate_and_nothing_else(house: House) -> None:
    stranger = anonymous(house)
    for document, rule in EVERY:
        if rule == OPEN:
            await stranger(document)
        else:
            assert await stranger.refusal(document) == "UNAUTHENTICATED", document
    for document, _ in documents("Subscription"):
        assert await ending(stranger.subscribe(document)) == "UNAUTHENTICATED", document


@pytest.mark.parametrize("role", list(Role))
async def test_a_key_may_do_what_its_role_says(admin: Caller, role: Role) -> None:
    await admin.upload("fleet")
    caller = await admin.key(role)
    for document, rule in EVERY:
        if rule in (OPEN, SIGNED_IN) or rule.scope in SCOPES[role]:
            await caller(document)
        else:
            assert await caller.refusal(document) == "FORBIDDEN", document
    for document, rule in documents("Subscription"):
        if rule.scope not in SCOPES[role]:
            assert await ending(caller.subscribe(document)) == "FORBIDDEN", document


@pytest.mark.parametrize(
    ("prefix", "allowed"),
    [
        ("crt", {Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AUDITOR}),
        ("chl", {Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AUDITOR}),
        ("evt", {Role.ADMIN, Role.AUDITOR}),
        ("key", {Role.ADMIN}),
        ("enr", {Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AUDITOR}),
        ("job", {Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AUDITOR}),
        ("acc", set(Role)),
        ("usr", set(Role)),
        ("dev", {Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AUDITOR}),
    ],
)
async def test_the_kind_of_an_id_decides_who_may_ask_for_it(admin: Caller, prefix: str, allowed: set[Role]) -> None:
    node_id = f"{prefix}_{'1' * 32}"
    for role in Role:
        caller = await admin.key(role)
        for document in ("query($id: ID!) { node(id: $id) { id } }", "query($id: ID!) { nodes(ids: [$id]) { id } }"):
            if role in allowed:
                assert list((await caller(document, id=node_id)).values()) in ([None], [[None]])
            else:
                assert await caller.refusal(document, id=node_id) == "FORBIDDEN", (role, prefix)


async def test_a_field_below_the_root_asks_for_its_own_scope(admin: Caller) -> None:
    await admin.upload("fleet")
    auditor = await admin.key(Role.AUDITOR)
    result = await auditor.execute("{ certificates { edges { node { createdBy { displayName apiKey { name } } } } } }")
    assert result.data is not None
    (edge,) = result.data["certificates"]["edges"]
    assert edge["node"]["createdBy"] == {"displayName": "first key", "apiKey": None}
    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["FORBIDDEN"]


@pytest.mark.parametrize(
    "field", ["devices { totalCount }", "denials { totalCount }", "deniedAttempts", "suspendedDeviceCount"]
)
async def test_what_a_certificate_says_of_devices_asks_for_their_scope(admin: Caller, field: str) -> None:
    await admin.upload("fleet")
    document = f"{{ certificates {{ edges {{ node {{ name {field} }} }} }} }}"
    await admin(document)
    actor = replace(admin.actor, scopes=frozenset({Scope.CERTIFICATES_READ}))
    assert await replace(admin, actor=actor).refusal(document) == "FORBIDDEN"


async def test_the_viewer_is_told_who_they_are(admin: Caller) -> None:
    document = """{ viewer {
      actor { kind displayName apiKey { id role } } scopes
      account { id displayName tier requirePossession certificateQuota { limit used remaining } }
    } }"""
    assert (await admin(document))["viewer"] == {
        "actor": {"kind": "API_KEY", "displayName": "first key", "apiKey": {"id": admin.key_id, "role": "ADMIN"}},
        "scopes": [
            "CERTIFICATES_READ",
            "CERTIFICATES_WRITE",
            "DEVICES_READ",
            "DEVICES_WRITE",
            "AUDIT_READ",
            "API_KEYS_READ",
            "API_KEYS_WRITE",
            "GATEWAY",
        ],
        "account": {
            "id": f"acc_{admin.account_id}",
            "displayName": "acme",
            "tier": "COMMERCIAL",
            "requirePossession": True,
            "certificateQuota": {"limit": 50, "used": 0, "remaining": 50},
        },
    }
