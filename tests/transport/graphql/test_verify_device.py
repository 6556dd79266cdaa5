"""Decisions about chains that a caller holds, through the API."""

import logging
from datetime import datetime
from pathlib import Path

import pytest
from graphql import GraphQLEnumType

from app.actor import Role
from app.reasons import Reason
from app.transport.graphql.scalars import write_instant
from app.transport.graphql.trust_enums import REASON_DESCRIPTIONS
from tests.connecting import Gateway, device
from tests.house import House
from tests.rules.authority import make
from tests.transport.graphql.callers import Caller, Data, pem_of
from tests.transport.graphql.documents import SCHEMA
from tests.transport.graphql.furnished import DELETE, SET_STATUS, SUSPEND

VERIFY = """
query Verify($input: VerifyDeviceInput!) {
  verifyDevice(input: $input) {
    outcome reason explanation evaluatedAt asOf { time treeSize } certificates { id name status }
    paths { valid steps { role certificate { subject } checks { kind passed detail reference } } }
  }
}
"""


async def verify(caller: Caller, pem: str, **more: Data) -> Data:
    return (await caller(VERIFY, input={"chain": {"pem": pem}, **more}))["verifyDevice"]


def test_every_reason_is_in_the_schema_and_described() -> None:
    kind = SCHEMA.type_map["TrustReason"]
    assert isinstance(kind, GraphQLEnumType)
    assert set(kind.values) == set(Reason) == set(REASON_DESCRIPTIONS)


async def test_a_chain_that_gets_in_shows_its_path(house: House, admin: Caller) -> None:
    root = make("R")
    ca = make("I", issuer=root)
    sub = make("S", issuer=ca)
    made = await admin.upload("fleet", ca, root)

    pump = device("pump", sub)
    assert (await verify(admin, pem_of(pump, sub)))["reason"] == "NOT_ENROLLED"
    await Gateway(house, admin.account_id).claim(pump)

    shown = await verify(admin, pem_of(pump, sub))

    assert (shown["outcome"], shown["reason"], shown["asOf"]) == ("ALLOWED", "TRUSTED", None)
    assert shown["certificates"] == [{"id": made["id"], "name": "fleet", "status": "ACTIVE"}]
    (path,) = shown["paths"]
    assert path["valid"] is True
    assert [(step["role"], step["certificate"]["subject"]) for step in path["steps"]] == [
        ("DEVICE", "CN=pump"),
        ("INTERMEDIATE", "CN=S"),
        ("ANCHOR", "CN=I"),
    ]
    assert all(check["passed"] for step in path["steps"] for check in step["checks"])


async def test_the_other_service_is_told(admin: Caller) -> None:
    ca = make("I")
    await admin.upload("fleet", ca)

    shown = await verify(admin, pem_of(device("pump", ca)), service="LWM2M")

    assert (shown["outcome"], shown["reason"]) == ("DENIED", "WRONG_SERVICE")
    assert [each["name"] for each in shown["certificates"]] == ["fleet"]
    assert shown["paths"][0]["steps"][-1]["checks"][-1]["kind"] == "ANCHOR_POLICY"


async def test_nothing_is_recorded_and_nobody_let_in(admin: Caller) -> None:
    ca = make("I")
    await admin.upload("fleet", ca)
    before = len(await admin.house.log_of(admin.account_id))

    await verify(admin, pem_of(device("pump", ca)))

    assert len(await admin.house.log_of(admin.account_id)) == before
    assert (await admin("{ devices { totalCount } }"))["devices"]["totalCount"] == 0


async def test_a_suspended_device_is_found_by_the_name_that_is_given(house: House, admin: Caller) -> None:
    ca = make("I")
    await admin.upload("fleet", ca)
    gateway = Gateway(house, admin.account_id)
    row = await gateway.let_in(device("pump", ca), name="urn:pump")
    await admin(SUSPEND, input={"id": f"dev_{row.id}", "category": "lost"})

    await gateway.claim(made := device("other", ca))
    other = pem_of(made)
    assert (await verify(admin, other))["reason"] == "TRUSTED"
    assert (await verify(admin, other, endpointName="urn:pump"))["reason"] == "DEVICE_SUSPENDED"
    assert (await verify(admin, other, endpointName=""))["reason"] == "ENDPOINT_NAME_INVALID"


def now(caller: Caller) -> datetime:
    caller.house.clock()
    return caller.house.clock.now


async def test_a_past_instant_is_decided_by_the_certificates_of_then(admin: Caller) -> None:
    ca = make("I")
    made, mine = await admin.upload("fleet", ca), device("pump", ca)
    pump, unclaimed = pem_of(mine), now(admin)
    await Gateway(admin.house, admin.account_id).claim(mine)
    trusted = now(admin)
    await admin(SET_STATUS, input={"id": made["id"], "status": "INACTIVE"})
    blacklisted = now(admin)
    await admin(DELETE, input={"id": made["id"]})

    assert (await verify(admin, pump, at=unclaimed.isoformat()))["reason"] == "NOT_ENROLLED"
    shown = await verify(admin, pump, at=trusted.isoformat())
    assert (shown["reason"], shown["evaluatedAt"]) == ("TRUSTED", write_instant(trusted))
    assert shown["certificates"] == [{"id": made["id"], "name": "fleet", "status": "ACTIVE"}]
    assert shown["asOf"]["time"] == write_instant(trusted)
    shown = await verify(admin, pump, at=blacklisted.isoformat())
    assert (shown["reason"], shown["certificates"][0]["status"]) == ("BLACKLISTED", "INACTIVE")
    assert (await verify(admin, pump))["reason"] == "NO_TRUST_PATH"


async def test_a_size_of_the_tree_is_a_point_too(house: House, admin: Caller, tmp_path: Path) -> None:
    ca = make("I")
    mine = device("pump", ca)
    signing = house.signing(tmp_path)

    async def size() -> int:
        await signing.once()
        grown: int = (await admin("{ auditCheckpoint { treeSize } }"))["auditCheckpoint"]["treeSize"]
        return grown

    before = await size()
    await admin.upload("fleet", ca)
    unclaimed = await size()
    await Gateway(house, admin.account_id).claim(mine)
    after = await size()

    assert (await verify(admin, pem_of(mine), treeSize=before))["reason"] == "NO_TRUST_PATH"
    assert (await verify(admin, pem_of(mine), treeSize=unclaimed))["reason"] == "NOT_ENROLLED"
    shown = await verify(admin, pem_of(mine), treeSize=after)
    assert (shown["reason"], shown["asOf"]["treeSize"]) == ("TRUSTED", after)


async def test_a_point_that_is_none_is_refused_as_as_of_is(admin: Caller) -> None:
    pump = {"chain": {"pem": pem_of(device("pump", make("I")))}}
    later = now(admin).replace(year=2099).isoformat()

    assert await admin.refusal(VERIFY, input={**pump, "at": later}) == "HISTORY_UNAVAILABLE"
    assert await admin.refusal(VERIFY, input={**pump, "treeSize": 999}) == "HISTORY_UNAVAILABLE"
    assert await admin.refusal(VERIFY, input={**pump, "treeSize": -1}) == "BAD_USER_INPUT"
    assert await admin.refusal(VERIFY, input={**pump, "treeSize": 1, "at": later}) == "BAD_USER_INPUT"


async def test_the_past_needs_the_scope_of_the_log_and_looking_is_recorded(admin: Caller) -> None:
    pump = {"chain": {"pem": pem_of(device("pump", make("I")))}}
    viewer, auditor = await admin.key(Role.VIEWER), await admin.key(Role.AUDITOR, "auditor")
    then = now(admin).isoformat()

    assert (await viewer(VERIFY, input=pump))["verifyDevice"]["outcome"] == "DENIED"
    assert await viewer.refusal(VERIFY, input={**pump, "at": then}) == "FORBIDDEN"
    await auditor(VERIFY, input={**pump, "at": then})
    said = await admin.house.last_entry(admin.account_id)
    assert (said.action, said.result, said.target_name) == ("audit.read", "success", "verifyDevice.asOf")


async def test_a_private_key_is_a_denial_that_repeats_nothing_of_it(
    admin: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    ca = make("I")
    await admin.upload("fleet", ca)
    secret = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"
    key = f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n"
    with caplog.at_level(logging.DEBUG):
        shown = await verify(admin, pem_of(device("pump", ca)) + key)

    assert (shown["outcome"], shown["reason"], shown["paths"]) == ("DENIED", "PRIVATE_KEY_PRESENT", [])
    assert secret not in str(shown)
    assert secret not in caplog.text


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        ({"pem": ""}, "INPUT_EMPTY"),
        ({"pem": "hello"}, "NOT_PEM"),
        ({"der": "MAA="}, "CERT_UNPARSEABLE"),
        ({"der": ""}, "INPUT_EMPTY"),
    ],
)
async def test_what_cannot_be_read_is_a_denial_and_no_error(admin: Caller, chain: Data, reason: str) -> None:
    shown = (await admin(VERIFY, input={"chain": chain}))["verifyDevice"]

    assert (shown["outcome"], shown["reason"], shown["paths"]) == ("DENIED", reason, [])
