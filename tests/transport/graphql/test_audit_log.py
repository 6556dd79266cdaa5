"""The log as callers read it: what it says, that it can be checked, and that reading it is itself an entry."""

import hashlib
import json

import pytest

from app.actor import Role
from app.audit.entry import account_stream
from tests.house import House
from tests.rules.authority import make
from tests.transport.graphql.callers import Caller, Data, anonymous, as_user
from tests.transport.graphql.furnished import SET_STATUS, UPDATE, furnish

ENTRIES = """
query Entries($filterBy: AuditEventFilter, $direction: OrderDirection! = ASC) {
  auditEvents(filterBy: $filterBy, direction: $direction, first: 100) {
    totalCount
    edges { node {
      id sequence occurredAt action outcome code targetId targetName reason requestId clientAddress
      canonicalJson bodySha256 hash previousHash
      actor { kind displayName apiKey { id } }
      target { __typename ... on Node { id } }
      changes { field before after }
    } }
  }
}
"""


async def entries(caller: Caller, **filter_by: Data) -> list[Data]:
    """What the log lists, oldest first, without the reads that this leaves behind."""
    found = (await caller(ENTRIES, filterBy=filter_by))["auditEvents"]
    assert found["totalCount"] == len(found["edges"])
    return [edge["node"] for edge in found["edges"] if filter_by or edge["node"]["action"] != "AUDIT_READ"]


def actions(found: list[Data]) -> list[str]:
    return [entry["action"] for entry in found]


async def test_an_entry_says_who_did_what_to_what(admin: Caller) -> None:
    made = await admin.upload("fleet")
    await admin(SET_STATUS, input={"id": made["id"], "status": "INACTIVE", "reason": "Left its place."})
    entry = (await entries(admin))[-1]
    assert (entry["action"], entry["outcome"], entry["code"]) == ("CERTIFICATE_SET_STATUS", "SUCCEEDED", None)
    assert (entry["targetId"], entry["targetName"], entry["reason"]) == (made["id"], "fleet", "Left its place.")
    assert entry["target"] == {"__typename": "Certificate", "id": made["id"]}
    assert entry["actor"] == {"kind": "API_KEY", "displayName": "first key", "apiKey": {"id": admin.key_id}}
    assert (entry["requestId"], entry["clientAddress"]) == ("req-1", "192.0.2.7")
    changes = {change["field"]: (change["before"], change["after"]) for change in entry["changes"]}
    assert changes.pop("updatedAt")
    assert changes == {"version": ("1", "2"), "status": ("ACTIVE", "INACTIVE")}


async def test_what_was_created_shows_every_field_and_what_was_deleted_too(admin: Caller) -> None:
    ca = make("fleet")
    made = await admin.upload("fleet", ca)
    created = {change["field"]: change for change in (await entries(admin))[-1]["changes"]}
    assert created["name"] == {"field": "name", "before": None, "after": "fleet"}
    assert created["chain"]["after"] == f'["{ca.parsed.fingerprint.hex()}"]'
    await admin("mutation($id: ID!) { deleteCertificate(input: {id: $id}) { deletedId } }", id=made["id"])
    entry = (await entries(admin))[-1]
    assert {"field": "name", "before": "fleet", "after": None} in entry["changes"]
    assert entry["target"] is None
    assert entry["targetName"] == "fleet"


async def test_anyone_can_check_an_entry_with_a_hash(admin: Caller) -> None:
    await admin.upload("fleet")
    previous = "0" * 64
    stream = account_stream(admin.account_id)
    for edge in (await admin(ENTRIES))["auditEvents"]["edges"]:
        entry = edge["node"]
        body = hashlib.sha256(entry["canonicalJson"].encode()).hexdigest()
        assert (entry["bodySha256"], entry["previousHash"]) == (body, previous)
        lines = f"anchorage-audit/1\n{stream}\n{entry['sequence']}\n{previous}\n{body}\n"
        assert entry["hash"] == hashlib.sha256(lines.encode()).hexdigest()
        assert json.loads(entry["canonicalJson"])["id"] == entry["id"].removeprefix("evt_")
        previous = entry["hash"]


async def test_every_kind_of_target_is_found(house: House) -> None:
    furnished = await furnish(house, "acme")
    kinds = {(entry["action"], (entry["target"] or {}).get("__typename")) for entry in await entries(furnished.admin)}
    assert ("CERTIFICATE_UPLOAD", "Certificate") in kinds
    assert ("API_KEY_REVOKE", "ApiKey") in kinds
    reads = await entries(furnished.admin, action=["AUDIT_READ"])
    assert {(entry["target"]["__typename"], entry["targetId"]) for entry in reads} == {("Account", furnished.account)}


async def test_a_target_of_a_kind_that_one_may_not_read_is_left_out(house: House) -> None:
    furnished = await furnish(house, "acme")
    auditor = await furnished.admin.key(Role.AUDITOR)
    document = (
        "{ auditEvents(filterBy: {action: [API_KEY_CREATE]}) { edges { node { targetId target { __typename } } } } }"
    )
    found = (await auditor(document))["auditEvents"]["edges"]
    assert all(edge["node"]["target"] is None and edge["node"]["targetId"].startswith("key_") for edge in found)
    assert found


@pytest.mark.parametrize(
    ("filter_by", "expected"),
    [
        ({"action": ["CERTIFICATE_SET_STATUS"]}, ["CERTIFICATE_SET_STATUS"]),
        ({"action": ["CERTIFICATE_DELETE", "API_KEY_REVOKE"]}, ["API_KEY_REVOKE", "API_KEY_REVOKE"]),
        ({"outcome": ["REFUSED"]}, ["DEVICE_CONNECT", "API_KEY_REVOKE"]),
        ({"outcome": ["FAILED"]}, []),
        ({"codes": ["NOT_FOUND", "QUOTA_EXCEEDED"]}, ["API_KEY_REVOKE"]),
        ({"codes": []}, []),
        ({"occurred": {"end": "2026-06-01T12:00:00Z"}}, []),
    ],
)
async def test_a_filter_narrows_the_log(house: House, filter_by: Data, expected: list[str]) -> None:
    furnished = await furnish(house, "acme")
    assert actions(await entries(furnished.admin, **filter_by)) == expected


async def test_the_log_of_one_target_or_actor_is_its_own(house: House) -> None:
    furnished = await furnish(house, "acme")
    of_target = await entries(furnished.admin, targetIds=[furnished.certificate])
    assert actions(of_target) == ["CERTIFICATE_UPLOAD", "CERTIFICATE_SET_STATUS", "CERTIFICATE_FINDINGS"]
    of_actor = await entries(furnished.admin, actorIds=[furnished.admin.key_id], action=["CERTIFICATE_UPLOAD"])
    assert actions(of_actor) == ["CERTIFICATE_UPLOAD"] * 3
    assert await entries(furnished.admin, actorIds=[furnished.api_key]) == []


async def test_looking_is_recorded_once_for_each_view_of_an_operation(admin: Caller) -> None:
    for name in ("one", "two", "three"):
        await admin.upload(name)
    document = """{
      a: auditEvents(first: 1) { totalCount }
      b: auditEvents(first: 2) { totalCount }
      certificates { edges { node { auditEvents { totalCount } again: auditEvents(last: 1) { totalCount } } } }
    }"""
    await admin(document)
    reads = await entries(admin, action=["AUDIT_READ"])
    assert sorted(entry["targetName"] for entry in reads[:-1]) == ["auditEvents", "certificate.auditEvents"]
    assert reads[-1]["targetName"] == "auditEvents"


async def test_a_refused_look_is_recorded_and_shows_nothing(admin: Caller) -> None:
    await admin.upload("fleet")
    viewer = await admin.key(Role.VIEWER)
    assert await viewer.refusal("{ auditEvents { totalCount } }") == "FORBIDDEN"
    result = await viewer.execute("{ certificates { edges { node { name auditEvents { totalCount } } } } }")
    assert result.data == {"certificates": None}
    refused = await entries(admin, action=["AUDIT_READ"], outcome=["REFUSED"])
    assert [(entry["targetName"], entry["code"]) for entry in refused] == [
        ("auditEvents", "FORBIDDEN"),
        ("certificate.auditEvents", "FORBIDDEN"),
    ]


async def test_an_entry_looked_up_by_its_id_is_a_look_into_the_log(admin: Caller) -> None:
    made = (await entries(admin))[-1]
    data = await admin("query($id: ID!) { node(id: $id) { ... on AuditEvent { action } } }", id=made["id"])
    assert data == {"node": {"action": "API_KEY_CREATE"}}
    assert (await entries(admin, action=["AUDIT_READ"]))[-2]["targetName"] == "node"


async def test_ones_own_act_is_no_look_into_the_log(admin: Caller) -> None:
    operator = await admin.key(Role.OPERATOR)
    assert (await operator.upload("fleet"))["name"] == "fleet"
    assert await entries(admin, action=["AUDIT_READ"], actorIds=[operator.key_id]) == []


async def test_a_person_is_named_and_has_no_key(admin: Caller) -> None:
    made = await as_user(admin).upload("fleet")
    document = "query($id: ID!) { certificate(by: {id: $id}) { createdBy { kind displayName apiKey { id } } } }"
    expected = {"kind": "USER", "displayName": "Ada", "apiKey": None}
    assert (await admin(document, id=made["id"]))["certificate"]["createdBy"] == expected
    assert (await entries(admin))[-1]["actor"] == expected


async def test_a_stranger_sees_nothing_of_any_log(house: House) -> None:
    assert await anonymous(house).refusal("{ auditEvents { totalCount } }") == "UNAUTHENTICATED"


async def test_what_changed_is_spelled_as_in_the_schema(admin: Caller) -> None:
    made = await admin.upload("fleet")
    await admin(UPDATE, input={"id": made["id"], "description": "Changed."})
    fields = {change["field"] for change in (await entries(admin))[-1]["changes"]}
    assert fields == {"version", "description", "updatedAt"}
