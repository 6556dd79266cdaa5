"""`createDeveloperCertificate`: the key and the C file are shown once, and nothing in the schema shows them again."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from app.actor import Role, command_line
from app.rules import pem
from app.rules.credentials_file import Server, Servers
from app.services.accounts import SetAccountLimit
from app.services.developer_certificates import developer_key
from tests.developed import contents_of, run, scalar_of
from tests.house import House
from tests.rules.authority import make
from tests.transport.graphql.callers import Caller, Data
from tests.transport.graphql.documents import everything, root
from tests.transport.graphql.furnished import DELETE, UPDATE

CREATE = """
mutation Create($input: CreateDeveloperCertificateInput!) {
  createDeveloperCertificate(input: $input) {
    certificate { id name description isDeveloper service usage possession status pem chain { subject pathLength } }
    privateKey
    credentialsFile
    account { certificateQuota { used } }
    errors { __typename ... on UserError { code message path } ... on QuotaExceededError { quota { limit used } } }
    auditEntry { action outcome code targetName changes { field before after } }
  }
}
"""
FEED = """
subscription Feed($after: String) {
  certificateChanged(after: $after) { action certificate { name isDeveloper } }
}
"""
LIST = """
query List($filterBy: CertificateFilter, $asOf: AsOf) {
  certificates(filterBy: $filterBy, asOf: $asOf) { totalCount edges { node { name isDeveloper } } }
}
"""


async def create(caller: Caller, name: str = "Bench 1", **more: Data) -> Data:
    return (await caller(CREATE, input={"name": name} | more))["createDeveloperCertificate"]


async def test_the_answer_holds_what_a_device_needs(admin: Caller) -> None:
    server = make("bootstrap server")
    servers = Servers(bootstrap=Server("coaps://b.example:5684", server.der))

    made = await create(replace(admin, servers=servers), description="Boards")

    certificate = made["certificate"]
    assert {**certificate, "id": "", "pem": "", "chain": ""} == {
        "id": "", "name": "Bench 1", "description": "Boards", "isDeveloper": True, "service": "BOOTSTRAP",
        "usage": "CREDENTIALS", "possession": "PROVEN", "status": "ACTIVE", "pem": "", "chain": "",
    }  # fmt: skip
    stored = certificate["id"].removeprefix("crt_")
    (ca,) = certificate["chain"]
    assert ca == {"subject": f"CN={stored},OU={admin.account_id}", "pathLength": 0}
    assert (made["account"]["certificateQuota"]["used"], made["errors"]) == (1, [])
    of_key = run("openssl", "pkey", "-pubout", given=made["privateKey"].encode())
    assert run("openssl", "x509", "-pubkey", "-noout", given=certificate["pem"].encode()) == of_key
    found = contents_of(made["credentialsFile"])
    prefix = "MBED_CLOUD_DEV_BOOTSTRAP_"
    assert pem.encode([found[f"{prefix}DEVICE_CERTIFICATE"]]) == certificate["pem"]
    assert scalar_of(found[f"{prefix}DEVICE_PRIVATE_KEY"]) == scalar_of(made["privateKey"])
    assert found[f"{prefix}SERVER_ROOT_CA_CERTIFICATE"] == server.der
    assert found[f"{prefix}SERVER_URI"].decode() == f"coaps://b.example:5684?aid={admin.account_id}"
    assert found[f"{prefix}ENDPOINT_NAME"].decode() == stored


async def test_the_entry_names_what_was_made(admin: Caller) -> None:
    entry = (await create(admin))["auditEntry"]

    assert (entry["action"], entry["outcome"], entry["targetName"]) == ("CERTIFICATE_CREATE", "SUCCEEDED", "Bench 1")
    assert {"field": "isDeveloper", "before": None, "after": "true"} in entry["changes"]


async def test_a_repetition_is_answered_without_the_key(admin: Caller) -> None:
    first = await create(admin, idempotencyKey="once")
    second = await create(admin, idempotencyKey="once")

    assert first["privateKey"].startswith("-----BEGIN PRIVATE KEY-----")
    assert second == first | {"privateKey": None, "credentialsFile": None}
    third = await create(admin, "Bench 2", idempotencyKey="once")
    assert [error["__typename"] for error in third["errors"]] == ["IdempotencyKeyReusedError"]


async def test_no_query_shows_the_key_again(admin: Caller) -> None:
    made = await create(admin)
    kept = await developer_key(
        admin.house.database.reads,
        admin.house.secrets_file,
        admin.account_id,
        made["certificate"]["id"].removeprefix("crt_"),
    )
    lines = made["privateKey"].splitlines()[1:-1]
    assert kept.pem == made["privateKey"]

    for name, arguments in {
        "certificates": "",
        "certificate": '(by: {name: "Bench 1"})',
        "node": f'(id: "{made["certificate"]["id"]}")',
        "auditEvents": "(first: 50)",
        "account": "",
    }.items():
        shown = str(await admin(f"query {{ {name}{arguments} {everything(root('Query')[name].type, 4)} }}"))
        # The second half of the key's DER is the public key, which the certificate shows.
        assert lines[0] not in shown, name
        assert scalar_of(made["privateKey"]).hex() not in shown, name


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"name": ""}, "INVALID_INPUT", ["name"]),
        ({"name": "x" * 101}, "INVALID_INPUT", ["name"]),
        ({"name": "taken"}, "NAME_TAKEN", ["name"]),
        ({"description": "x" * 501}, "INVALID_INPUT", ["description"]),
        ({"description": "-----BEGIN PRIVATE KEY-----"}, "PRIVATE_KEY_PRESENT", ["description"]),
        ({"idempotencyKey": " "}, "INVALID_INPUT", ["idempotencyKey"]),
    ],
)
async def test_a_field_at_fault_is_named(admin: Caller, given: Data, code: str, path: list[str]) -> None:
    await admin.upload("taken")

    outcome = await create(admin, **{"name": "Bench 1"} | given)

    (error,) = outcome["errors"]
    assert (error["__typename"], error["code"], error["path"]) == ("InvalidInputError", code, path)
    assert (outcome["auditEntry"]["outcome"], outcome["auditEntry"]["code"]) == ("REFUSED", code)
    assert (outcome["certificate"], outcome["privateKey"], outcome["credentialsFile"]) == (None, None, None)


async def test_a_full_account_is_told_its_quota(house: House, admin: Caller) -> None:
    await house.perform(command_line(admin.account_id, "root"), SetAccountLimit(admin.account_id, 1))
    await create(admin)

    outcome = await create(admin, "Bench 2")

    (error,) = outcome["errors"]
    assert (error["__typename"], error["quota"]) == ("QuotaExceededError", {"limit": 1, "used": 1})
    assert outcome["privateKey"] is None


async def test_a_key_that_the_operator_lost_is_a_top_level_error_with_an_entry(house: House, admin: Caller) -> None:
    await create(admin)
    house.secrets_file.unlink()

    assert await admin.refusal(CREATE, input={"name": "Bench 2"}) == "SECRETS_UNAVAILABLE"

    assert (await house.last_entry(admin.account_id)).code == "SECRETS_UNAVAILABLE"


async def test_a_list_can_be_narrowed_to_them_now_and_in_the_past(admin: Caller) -> None:
    await admin.upload("uploaded")
    await create(admin)
    made = await create(admin, "Bench 2")
    then = admin.house.clock.now.isoformat()
    await admin(DELETE, input={"id": made["certificate"]["id"]})

    async def names(**given: Data) -> list[str]:
        found = (await admin(LIST, **given))["certificates"]
        assert found["totalCount"] == len(found["edges"])
        return sorted(edge["node"]["name"] for edge in found["edges"])

    assert await names(filterBy={"isDeveloper": True}) == ["Bench 1"]
    assert await names(filterBy={"isDeveloper": False}) == ["uploaded"]
    assert await names(filterBy={"isDeveloper": None}) == await names() == ["Bench 1", "uploaded"]
    past = {"time": then}
    assert await names(filterBy={"isDeveloper": True}, asOf=past) == ["Bench 1", "Bench 2"]
    assert await names(filterBy={"isDeveloper": False}, asOf=past) == ["uploaded"]


async def test_it_can_be_renamed_and_stays_what_it_is(admin: Caller) -> None:
    made = await create(admin)

    changed = await admin(UPDATE, input={"id": made["certificate"]["id"], "name": "Bench A"})

    assert changed["updateCertificate"]["certificate"]["name"] == "Bench A"
    (edge,) = (await admin(LIST))["certificates"]["edges"]
    assert edge["node"] == {"name": "Bench A", "isDeveloper": True}


async def test_the_feed_of_changes_tells_of_it(admin: Caller) -> None:
    first = (await admin("{ auditEvents(first: 1) { edges { cursor } } }"))["auditEvents"]["edges"][0]["cursor"]
    await create(admin)

    async with aclosing(admin.subscribe(FEED, after=first)) as feed, asyncio.timeout(30):
        told = (await anext(feed))["data"]

    assert told == {
        "certificateChanged": {"action": "CERTIFICATE_CREATE", "certificate": {"name": "Bench 1", "isDeveloper": True}}
    }


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.GATEWAY])
async def test_it_needs_the_scope_that_an_upload_needs(admin: Caller, role: Role) -> None:
    assert await (await admin.key(role)).refusal(CREATE, input={"name": "Bench 1"}) == "FORBIDDEN"
