"""Every change is done once, or refused as data, and the payload names the entry that says which."""

from typing import Any

import pytest

from app.actor import Role, command_line
from app.services.accounts import SetAccountLimit
from app.terms import Tier
from tests.house import House
from tests.rules.authority import AT, chain_of_three, make
from tests.transport.graphql.callers import UPLOAD, Caller, Data, account, pem_of
from tests.transport.graphql.furnished import CREATE_KEY, DELETE, REVOKE_KEY, SET_STATUS, UPDATE

ENTRY = "query($id: ID!) { node(id: $id) { ... on AuditEvent { action outcome code targetName reason } } }"


def upload_of(name: str, **more: Data) -> dict[str, Any]:
    return {"name": name, "usage": "ENROLLMENT", "source": {"pem": pem_of(make(name))}} | more


async def refused(caller: Caller, document: str, given: dict[str, Any]) -> tuple[Data, Data]:
    """The one error of an outcome, and the entry that records it."""
    (outcome,) = (await caller(document, input=given)).values()
    (error,) = outcome["errors"]
    assert outcome["auditEntry"]["outcome"] == "REFUSED"
    assert all(value is None for name, value in outcome.items() if name not in ("errors", "auditEntry", "account"))
    return error, outcome["auditEntry"]


async def test_an_upload_counts_against_the_quota_and_is_recorded(admin: Caller) -> None:
    outcome = (await admin(UPLOAD, input=upload_of("fleet")))["uploadCertificate"]
    assert outcome["certificate"]["name"] == "fleet"
    assert outcome["account"]["certificateQuota"] == {"limit": 50, "used": 1, "remaining": 49}
    assert outcome["auditEntry"] | {"id": ""} == {
        "id": "",
        "action": "CERTIFICATE_UPLOAD",
        "outcome": "SUCCEEDED",
        "code": None,
    }


async def test_two_uploads_of_one_operation_each_see_their_own_quota(admin: Caller) -> None:
    document = """mutation($a: UploadCertificateInput!, $b: UploadCertificateInput!) {
      first: uploadCertificate(input: $a) { account { certificateQuota { used } } auditEntry { id } }
      second: uploadCertificate(input: $b) { account { certificateQuota { used } } auditEntry { id } }
    }"""
    data = await admin(document, a=upload_of("one"), b=upload_of("two"))
    assert [data[alias]["account"]["certificateQuota"]["used"] for alias in ("first", "second")] == [1, 2]
    assert data["first"]["auditEntry"] != data["second"]["auditEntry"]


async def test_a_repeated_upload_is_answered_as_the_first_time(admin: Caller) -> None:
    given = upload_of("fleet", idempotencyKey="key-1")
    first = (await admin(UPLOAD, input=given))["uploadCertificate"]
    await admin(UPDATE, input={"id": first["certificate"]["id"], "name": "renamed"})
    second = (await admin(UPLOAD, input=given))["uploadCertificate"]
    assert second == first
    error, _ = await refused(admin, UPLOAD, given | {"name": "other"})
    assert error["__typename"] == "IdempotencyKeyReusedError"
    assert error["path"] == ["idempotencyKey"]


async def test_a_repeated_answer_is_whole(admin: Caller) -> None:
    root, middle, ca = chain_of_three()
    document = """mutation($input: UploadCertificateInput!) { uploadCertificate(input: $input) {
      certificate { chain { subject } pem findings { code } createdBy { displayName } expiresAt } } }"""
    given = upload_of("fleet", source={"pem": pem_of(root, middle, ca)}, idempotencyKey="key-1")
    first = await admin(document, input=given)
    assert await admin(document, input=given) == first
    assert len(first["uploadCertificate"]["certificate"]["chain"]) == 3


async def test_an_update_changes_what_is_given_and_nothing_else(admin: Caller) -> None:
    made = await admin.upload("fleet", description="The fleet.")
    steps: list[tuple[dict[str, Any], tuple[int, str, str | None]]] = [
        ({"name": "renamed"}, (2, "renamed", "The fleet.")),
        ({"description": "Other."}, (3, "renamed", "Other.")),
        ({"description": None, "expectedVersion": 3}, (4, "renamed", None)),
        ({"name": None}, (4, "renamed", None)),
    ]
    for given, expected in steps:
        changed = (await admin(UPDATE, input={"id": made["id"]} | given))["updateCertificate"]["certificate"]
        assert (changed["version"], changed["name"], changed["description"]) == expected


async def test_a_certificate_is_blacklisted_with_a_reason_and_enabled_again(admin: Caller) -> None:
    made = await admin.upload("fleet")
    given = {"id": made["id"], "status": "INACTIVE", "reason": "The key left its place."}
    outcome = (await admin(SET_STATUS, input=given))["setCertificateStatus"]
    assert outcome["certificate"] == {"id": made["id"], "version": 2, "status": "INACTIVE"}
    assert outcome["auditEntry"]["reason"] == "The key left its place."
    again = (await admin(SET_STATUS, input={"id": made["id"], "status": "ACTIVE"}))["setCertificateStatus"]
    assert again["certificate"] == {"id": made["id"], "version": 3, "status": "ACTIVE"}


async def test_a_stale_version_is_refused_with_the_present_state(admin: Caller) -> None:
    made = await admin.upload("fleet")
    await admin(UPDATE, input={"id": made["id"], "description": "Other."})
    for document, more in ((UPDATE, {"name": "mine"}), (SET_STATUS, {"status": "INACTIVE"}), (DELETE, {})):
        error, entry = await refused(admin, document, {"id": made["id"], "expectedVersion": 1} | more)
        assert error["__typename"] == "VersionConflictError"
        assert (error["code"], error["path"]) == ("VERSION_CONFLICT", ["expectedVersion"])
        assert error["current"] == {"id": made["id"], "version": 2}
        assert entry["code"] == "VERSION_CONFLICT"


async def test_a_deletion_makes_room_and_leaves_no_certificate(admin: Caller) -> None:
    made = await admin.upload("fleet")
    outcome = (await admin(DELETE, input={"id": made["id"], "reason": "Sold."}))["deleteCertificate"]
    assert outcome["deletedId"] == made["id"]
    assert outcome["account"]["certificateQuota"]["used"] == 0
    assert outcome["auditEntry"]["reason"] == "Sold."
    assert await admin("query($id: ID!) { node(id: $id) { id } }", id=made["id"]) == {"node": None}
    error, _ = await refused(admin, DELETE, {"id": made["id"]})
    assert (error["__typename"], error["code"], error["path"]) == ("NotFoundError", "NOT_FOUND", ["id"])


async def test_a_deletion_that_would_let_devices_in_needs_a_word(admin: Caller) -> None:
    root, middle, ca = chain_of_three()
    blocked = await admin.upload("blocked", root, middle, ca)
    await admin.upload("above", root, middle, service="BOOTSTRAP")
    await admin(SET_STATUS, input={"id": blocked["id"], "status": "INACTIVE"})
    error, entry = await refused(admin, DELETE, {"id": blocked["id"]})
    assert error["__typename"] == "InvalidStateError"
    assert (error["code"], error["path"]) == ("DELETE_WOULD_UNBLOCK", ["confirmUnblock"])
    assert entry["code"] == "DELETE_WOULD_UNBLOCK"
    confirmed = await admin(DELETE, input={"id": blocked["id"], "confirmUnblock": True})
    assert confirmed["deleteCertificate"]["deletedId"] == blocked["id"]


async def test_a_full_account_is_told_its_quota(house: House) -> None:
    admin = await account(house, "small", tier=Tier.DEVELOPER)
    await house.perform(command_line(admin.account_id, "root"), SetAccountLimit(admin.account_id, 1))
    await admin.upload("fleet")
    document = UPLOAD.replace(
        "code message path }", "code message path } ... on QuotaExceededError { quota { limit used } }"
    )
    error, entry = await refused(admin, document, upload_of("other"))
    assert error["__typename"] == "QuotaExceededError"
    assert error["quota"] == {"limit": 1, "used": 1}
    assert entry["code"] == "QUOTA_EXCEEDED"


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"name": ""}, "INVALID_INPUT", ["name"]),
        ({"name": "x" * 101}, "INVALID_INPUT", ["name"]),
        ({"name": "taken"}, "NAME_TAKEN", ["name"]),
        ({"description": "-----BEGIN PRIVATE KEY-----"}, "PRIVATE_KEY_PRESENT", ["description"]),
        ({"idempotencyKey": ""}, "INVALID_INPUT", ["idempotencyKey"]),
    ],
)
async def test_a_field_at_fault_is_named(admin: Caller, given: dict[str, Any], code: str, path: list[str]) -> None:
    await admin.upload("taken")
    error, entry = await refused(admin, UPLOAD, upload_of("fleet") | given)
    assert (error["__typename"], error["code"], error["path"]) == ("InvalidInputError", code, path)
    assert entry["code"] == code


REJECTED = UPLOAD.replace(
    "code message path }",
    "code message path } ... on CertificateRejectedError { findings { severity code chainIndex message reference } }",
)


async def test_a_rejected_chain_says_everything_that_is_wrong(admin: Caller) -> None:
    leaf = make("device", is_ca=False)
    error, entry = await refused(admin, REJECTED, upload_of("fleet", source={"pem": pem_of(leaf)}))
    assert error["__typename"] == "CertificateRejectedError"
    assert (error["code"], error["path"]) == ("CERTIFICATE_REJECTED", ["source"])
    assert [(each["severity"], each["code"], each["chainIndex"]) for each in error["findings"]] == [
        ("ERROR", "NOT_A_CA", 0)
    ]
    assert entry["code"] == "NOT_A_CA"


async def test_the_usage_decides_the_service(admin: Caller) -> None:
    error, entry = await refused(admin, REJECTED, upload_of("fleet", usage="THIRD_PARTY_CA"))
    assert [each["code"] for each in error["findings"]] == ["USAGE_SERVICE_MISMATCH"]
    assert error["path"] == ["service"]
    assert entry["code"] == "USAGE_SERVICE_MISMATCH"


async def test_der_is_accepted_and_what_is_no_base64_is_no_certificate(admin: Caller) -> None:
    der = "".join(pem_of(make("fleet")).splitlines()[1:-1])
    made = await admin.upload("fleet", source={"der": der})
    assert made["name"] == "fleet"
    error, entry = await refused(admin, REJECTED, upload_of("other", source={"der": "not base64"}))
    assert entry["code"] == "CERT_UNPARSEABLE"
    assert error["findings"][0]["code"] == "CERT_UNPARSEABLE"


async def test_a_private_key_is_refused_and_stands_in_no_answer(admin: Caller) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGVuZHVyYW5jZQ==\n-----END PRIVATE KEY-----\n"
    for source in ({"pem": key}, {"der": key}):
        result = await admin.execute(REJECTED, input=upload_of("fleet", source=source))
        assert result.errors is None
        assert result.data is not None
        assert result.data["uploadCertificate"]["auditEntry"]["code"] == "PRIVATE_KEY_PRESENT"
        assert "MC4CAQ" not in str(result)


async def test_exactly_one_form_of_a_source_is_given(admin: Caller) -> None:
    for source in ({}, {"pem": "x", "der": "eA=="}, {"pem": None}):
        result = await admin.execute(UPLOAD, input=upload_of("fleet", source=source))
        assert result.errors


async def test_a_key_is_made_shown_once_and_revoked(admin: Caller) -> None:
    expires = "2026-09-01T14:00:00+02:00"
    given = {"name": "terminator", "role": "GATEWAY", "clientCert": "PEM", "expiresAt": expires, "idempotencyKey": "k"}
    outcome = (await admin(CREATE_KEY, input=given))["createApiKey"]
    made = outcome["apiKey"]
    assert outcome["secret"].startswith(made["hint"])
    assert (made["role"], made["scopes"], made["clientCert"]) == ("GATEWAY", ["GATEWAY"], "PEM")
    assert made["expiresAt"] == "2026-09-01T12:00:00.000Z"
    assert (made["lastUsedAt"], made["revokedAt"]) == (None, None)
    assert outcome["auditEntry"]["targetId"] == made["id"]
    repeated = (await admin(CREATE_KEY, input=given))["createApiKey"]
    assert repeated == outcome | {"secret": None}
    revoked = (await admin(REVOKE_KEY, input={"id": made["id"], "reason": "Test."}))["revokeApiKey"]
    assert revoked["apiKey"]["revokedAt"] is not None
    error, _ = await refused(admin, REVOKE_KEY, {"id": f"key_{'0' * 32}"})
    assert error["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": " "}, ["name"]),
        ({"expiresAt": AT.isoformat()}, ["expiresAt"]),
        ({"clientCert": "DER"}, ["clientCert"]),
    ],
)
async def test_a_key_that_cannot_be_is_refused(admin: Caller, given: dict[str, Any], path: list[str]) -> None:
    error, _ = await refused(admin, CREATE_KEY, {"name": "reader", "role": "VIEWER"} | given)
    assert (error["__typename"], error["path"]) == ("InvalidInputError", path)


async def test_nobody_hands_out_more_than_they_have(admin: Caller) -> None:
    operator = await admin.key(Role.OPERATOR)
    assert await operator.refusal(CREATE_KEY, input={"name": "mine", "role": "ADMIN"}) == "FORBIDDEN"


async def test_a_refusal_that_is_no_data_names_its_entry(admin: Caller) -> None:
    viewer = await admin.key(Role.VIEWER)
    result = await viewer.execute(UPLOAD, input=upload_of("fleet"))
    assert result.data == {"uploadCertificate": None}
    said = [error.extensions or {} for error in result.errors or []]
    assert [each["code"] for each in said] == ["FORBIDDEN"]
    entry = (await admin(ENTRY, id=said[0]["auditEntryId"]))["node"]
    assert entry == {
        "action": "CERTIFICATE_UPLOAD",
        "outcome": "REFUSED",
        "code": "FORBIDDEN",
        "targetName": "fleet",
        "reason": None,
    }
