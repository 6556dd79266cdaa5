"""Devices, their lists, and what can be done to them, as callers of the API see them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from app.actor import Role
from app.reasons import Reason
from app.terms import Service
from tests.connecting import Gateway, device, may_suspend
from tests.house import House
from tests.rules.authority import Made, make
from tests.transport.graphql.callers import Caller, Data
from tests.transport.graphql.furnished import DELETE, RESUME, SET_STATUS, SUSPEND, furnish

DEVICE = """
query Device($id: ID!) { device(id: $id) {
  id endpointName status createdAt lastSeenAt suspension { at category description withCertificate }
  bootstrap: identity { subject fingerprint } lwm2m: identity(service: LWM2M) { subject }
  trustedBy { id name } lwm2mBy: trustedBy(service: LWM2M) { name } acceptedAt
  lwm2mAcceptedAt: acceptedAt(service: LWM2M)
  trustDecision { outcome reason explanation evaluatedAt asOf { time } certificates { name } paths { valid } }
  lwm2mDecision: trustDecision(service: LWM2M) { reason }
} }
"""
LIST = """
query Devices($filterBy: DeviceFilter, $first: Int, $after: String, $last: Int, $before: String) {
  devices(filterBy: $filterBy, first: $first, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id endpointName status } }
  }
}
"""
SUSPENDED = """
mutation SetStatus($input: SetCertificateStatusInput!) {
  setCertificateStatus(input: $input) {
    suspendedDeviceCount
    certificate { status devicesSuspendedAt suspendedDeviceCount }
    errors { __typename ... on UserError { code message path } }
  }
}
"""
DENIALS = """
query Denials($id: ID!) { certificate(by: {id: $id}) {
  deniedAttempts
  denials(first: 2) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { endpointName service fingerprint attempts firstAt lastAt } }
  }
} }
"""


@dataclass
class Fleet:
    """An account's administrator, its one record and CA, and its gateway."""

    admin: Caller
    gateway: Gateway
    ca: Made
    certificate: Data


@pytest.fixture
async def fleet(house: House, admin: Caller) -> AsyncIterator[Fleet]:
    """A fleet without devices."""
    ca = make("I")
    gateway = Gateway(house, admin.account_id)
    yield Fleet(admin, gateway, ca, await admin.upload("I", ca))
    await gateway.flush()


async def test_a_device_is_shown_as_it_was_let_in(fleet: Fleet) -> None:
    made = device("pump", fleet.ca)
    row = await fleet.gateway.let_in(made, name="urn:pump")

    shown = (await fleet.admin(DEVICE, id=f"dev_{row.id}"))["device"]

    assert (shown["id"], shown["endpointName"], shown["status"]) == (f"dev_{row.id}", "urn:pump", "BOOTSTRAPPED")
    assert shown["bootstrap"] == {"subject": "CN=pump", "fingerprint": made.parsed.fingerprint.hex()}
    assert (shown["trustedBy"]["name"], shown["suspension"]) == ("I", None)
    assert shown["createdAt"] == shown["acceptedAt"] == shown["lastSeenAt"]
    assert [shown[each] for each in ("lwm2m", "lwm2mBy", "lwm2mAcceptedAt", "lwm2mDecision")] == [None] * 4
    decision = shown["trustDecision"]
    assert (decision["outcome"], decision["reason"], decision["asOf"]) == ("ALLOWED", "TRUSTED", None)
    assert (decision["certificates"], decision["paths"]) == ([{"name": "I"}], [{"valid": True}])


async def test_the_decision_of_a_device_is_made_now_from_what_it_presented_last(fleet: Fleet) -> None:
    sub = make("S", issuer=fleet.ca)
    row = await fleet.gateway.let_in(device("pump", sub), sub)
    await fleet.admin(SET_STATUS, input={"id": fleet.certificate["id"], "status": "INACTIVE"})

    decision = (await fleet.admin(DEVICE, id=f"dev_{row.id}"))["device"]["trustDecision"]
    assert (decision["outcome"], decision["reason"]) == ("DENIED", "BLACKLISTED")

    await fleet.admin(DELETE, input={"id": fleet.certificate["id"]})
    shown = (await fleet.admin(DEVICE, id=f"dev_{row.id}"))["device"]
    assert (shown["trustDecision"]["reason"], shown["trustedBy"]) == ("NO_TRUST_PATH", None)
    assert shown["acceptedAt"] is not None


async def test_a_certificate_that_a_suspended_device_used_is_refused_under_another_name(fleet: Fleet) -> None:
    made = device("pump", fleet.ca)
    one, two = [await fleet.gateway.let_in(made, name=name) for name in ("one", "two")]
    await fleet.admin(SUSPEND, input={"id": f"dev_{one.id}", "category": "lost"})

    shown = (await fleet.admin(DEVICE, id=f"dev_{two.id}"))["device"]
    assert (shown["status"], shown["trustDecision"]["reason"]) == ("BOOTSTRAPPED", "DEVICE_SUSPENDED")
    assert "“one”, which is suspended" in shown["trustDecision"]["explanation"]
    assert (await fleet.gateway.ask(made, endpoint_name="two")).decision.reason is Reason.DEVICE_SUSPENDED


async def test_devices_are_listed_by_name_page_by_page_in_both_directions(fleet: Fleet) -> None:
    for name in ("c", "a", "e", "b", "d"):
        await fleet.gateway.let_in(device(name, fleet.ca))

    first = (await fleet.admin(LIST, first=2))["devices"]
    rest = (await fleet.admin(LIST, first=9, after=first["pageInfo"]["endCursor"]))["devices"]
    back = (await fleet.admin(LIST, last=2, before=rest["pageInfo"]["endCursor"]))["devices"]

    assert (names(first), names(rest), names(back)) == (["a", "b"], ["c", "d", "e"], ["c", "d"])
    assert first["totalCount"] == 5
    assert [page["pageInfo"]["hasNextPage"] for page in (first, rest)] == [True, False]
    assert await fleet.admin.refusal(LIST, after="bm9uZQ") == "BAD_USER_INPUT"


async def test_a_filter_narrows_the_devices(fleet: Fleet) -> None:
    other = await fleet.admin.upload("J", lwm2m_ca := make("J"), usage="THIRD_PARTY_CA", service="LWM2M")
    for name in ("pump 1", "pump 2", "valve"):
        await fleet.gateway.let_in(device(name, fleet.ca))
    lost = await fleet.gateway.let_in(device("valve 2", lwm2m_ca), service=Service.LWM2M)
    clock = fleet.admin.house.clock
    seen = clock()
    clock.advance(timedelta(hours=1))
    await fleet.gateway.let_in(device("pump 3", lwm2m_ca), service=Service.LWM2M)
    await fleet.admin(SUSPEND, input={"id": f"dev_{lost.id}", "category": "lost"})

    for narrowed, expected in (
        ({"status": ["SUSPENDED"]}, ["valve 2"]),
        ({"status": ["SUSPENDED", "REGISTERED"]}, ["pump 3", "valve 2"]),
        ({"status": []}, []),
        ({"endpointNamePrefix": "pump"}, ["pump 1", "pump 2", "pump 3"]),
        ({"endpointNamePrefix": "pump", "trustedBy": other["id"]}, ["pump 3"]),
        ({"trustedBy": f"crt_{'1' * 32}"}, []),
        ({"lastSeen": {"start": seen.isoformat()}}, ["pump 3"]),
        ({"lastSeen": {"end": seen.isoformat()}}, ["pump 1", "pump 2", "valve", "valve 2"]),
    ):
        found = (await fleet.admin(LIST, filterBy=narrowed))["devices"]
        assert (names(found), found["totalCount"]) == (expected, len(expected)), narrowed


async def test_a_certificate_lists_the_devices_that_it_let_in(fleet: Fleet) -> None:
    await fleet.admin.upload("J", make("J"))
    for name in ("b", "a"):
        await fleet.gateway.let_in(device(name, fleet.ca))
    document = """{ certificates(orderBy: {field: NAME}) { edges { node {
      name devices(filterBy: {status: [BOOTSTRAPPED]}) { totalCount edges { node { endpointName } } }
    } } } }"""

    listed = [edge["node"] for edge in (await fleet.admin(document))["certificates"]["edges"]]

    assert [(each["name"], each["devices"]["totalCount"], names(each["devices"])) for each in listed] == [
        ("I", 2, ["a", "b"]),
        ("J", 0, []),
    ]


async def test_a_device_is_suspended_and_resumed_with_an_entry_each(fleet: Fleet) -> None:
    row = await fleet.gateway.let_in(device("pump", fleet.ca))
    node_id = f"dev_{row.id}"

    done = (await fleet.admin(SUSPEND, input={"id": node_id, "category": "lost", "description": "?"}))["suspendDevice"]

    assert done["errors"] == []
    assert done["device"]["status"] == "SUSPENDED"
    told = done["device"]["suspension"]
    assert (told["category"], told["description"], told["withCertificate"]) == ("lost", "?", False)
    assert (done["auditEntry"]["action"], done["auditEntry"]["targetId"]) == ("DEVICE_SUSPEND", node_id)
    decision = (await fleet.admin(DEVICE, id=node_id))["device"]["trustDecision"]
    assert (decision["reason"], decision["paths"]) == ("DEVICE_SUSPENDED", [{"valid": True}])

    done = (await fleet.admin(RESUME, input={"id": node_id, "reason": "Found."}))["resumeDevice"]
    assert done["device"] == {"id": node_id, "status": "BOOTSTRAPPED", "suspension": None}
    assert (done["auditEntry"]["outcome"], done["auditEntry"]["reason"]) == ("SUCCEEDED", "Found.")
    (error,) = (await fleet.admin(RESUME, input={"id": node_id}))["resumeDevice"]["errors"]
    assert (error["__typename"], error["path"]) == ("InvalidStateError", ["id"])


async def test_a_repetition_suspends_once_and_answers_with_the_device_as_it_is(fleet: Fleet) -> None:
    row = await fleet.gateway.let_in(device("pump", fleet.ca))
    given = {"id": f"dev_{row.id}", "category": "lost", "idempotencyKey": "one"}
    first = (await fleet.admin(SUSPEND, input=given))["suspendDevice"]
    await fleet.admin(RESUME, input={"id": f"dev_{row.id}"})

    again = (await fleet.admin(SUSPEND, input=given))["suspendDevice"]

    assert (again["errors"], again["auditEntry"]["id"]) == ([], first["auditEntry"]["id"])
    assert (again["device"]["id"], again["device"]["status"]) == (f"dev_{row.id}", "BOOTSTRAPPED")
    (error,) = (await fleet.admin(SUSPEND, input=given | {"category": "stolen"}))["suspendDevice"]["errors"]
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("category", ["", "x" * 101, "a\nb"])
async def test_a_category_is_a_word(fleet: Fleet, category: str) -> None:
    row = await fleet.gateway.let_in(device("pump", fleet.ca))

    given = {"id": f"dev_{row.id}", "category": category}
    (error,) = (await fleet.admin(SUSPEND, input=given))["suspendDevice"]["errors"]

    assert (error["__typename"], error["path"]) == ("InvalidInputError", ["category"])


async def test_a_blacklisting_suspends_devices_where_the_account_may(fleet: Fleet) -> None:
    for name in ("a", "b"):
        await fleet.gateway.let_in(device(name, fleet.ca))
    given = {"id": fleet.certificate["id"], "status": "INACTIVE", "suspendDevices": True}

    refused = (await fleet.admin(SUSPENDED, input=given))["setCertificateStatus"]
    assert (refused["certificate"], refused["suspendedDeviceCount"]) == (None, 0)
    assert [(error["__typename"], error["path"]) for error in refused["errors"]] == [
        ("InvalidStateError", ["suspendDevices"])
    ]
    assert (await fleet.admin("{ account { deviceSuspensionEnabled } }"))["account"] == {
        "deviceSuspensionEnabled": False
    }

    await may_suspend(fleet.admin.house, fleet.admin.account_id)
    done = (await fleet.admin(SUSPENDED, input=given))["setCertificateStatus"]
    assert (done["errors"], done["suspendedDeviceCount"], done["certificate"]["suspendedDeviceCount"]) == ([], 2, 2)
    assert done["certificate"]["devicesSuspendedAt"] is not None
    listed = (await fleet.admin(LIST, filterBy={"status": ["SUSPENDED"]}))["devices"]
    assert names(listed) == ["a", "b"]

    given = {"id": fleet.certificate["id"], "status": "ACTIVE", "resumeDevices": True}
    done = (await fleet.admin(SUSPENDED, input=given))["setCertificateStatus"]
    assert (done["suspendedDeviceCount"], done["certificate"]["devicesSuspendedAt"]) == (0, None)


async def test_denials_say_who_was_refused_and_how_often(fleet: Fleet) -> None:
    await fleet.admin(SET_STATUS, input={"id": fleet.certificate["id"], "status": "INACTIVE"})
    often, once = device("often", fleet.ca), device("once", fleet.ca)
    for made in (often, once, often, device("first", fleet.ca), often):
        await fleet.gateway.ask(made)
    await fleet.gateway.flush()

    shown = (await fleet.admin(DENIALS, id=fleet.certificate["id"]))["certificate"]

    assert (shown["deniedAttempts"], shown["denials"]["totalCount"]) == (5, 3)
    assert shown["denials"]["pageInfo"]["hasNextPage"] is True
    told = [edge["node"] for edge in shown["denials"]["edges"]]
    assert [(each["endpointName"], each["attempts"]) for each in told] == [("often", 3), ("first", 1)]
    assert (told[0]["service"], told[0]["fingerprint"]) == ("BOOTSTRAP", often.parsed.fingerprint.hex())
    assert told[0]["firstAt"] <= told[0]["lastAt"]


async def test_each_certificate_of_a_list_has_its_own_denials(fleet: Fleet) -> None:
    other_ca = make("J")
    other = await fleet.admin.upload("J", other_ca)
    for certificate in (fleet.certificate, other):
        await fleet.admin(SET_STATUS, input={"id": certificate["id"], "status": "INACTIVE"})
    for made in (device("of I", fleet.ca), device("of J", other_ca), device("also of J", other_ca)):
        await fleet.gateway.ask(made)
    await fleet.gateway.flush()
    document = """{ certificates(orderBy: {field: NAME}) { edges { node {
      deniedAttempts denials { totalCount edges { node { endpointName } } }
    } } } }"""

    listed = [edge["node"] for edge in (await fleet.admin(document))["certificates"]["edges"]]

    assert [(each["deniedAttempts"], names(each["denials"])) for each in listed] == [
        (1, ["of I"]),
        (2, ["also of J", "of J"]),
    ]


async def test_a_viewer_sees_devices_and_suspends_none(house: House) -> None:
    furnished = await furnish(house, "acme")
    viewer = await furnished.admin.key(Role.VIEWER)

    assert (await viewer(DEVICE, id=furnished.device))["device"]["status"] == "SUSPENDED"
    assert await viewer.refusal(SUSPEND, input={"id": furnished.device, "category": "x"}) == "FORBIDDEN"


async def test_what_happened_to_a_device_is_its_own_log(house: House) -> None:
    furnished = await furnish(house, "acme")
    document = """query($id: ID!) { device(id: $id) { auditEvents { edges { node {
      action target { __typename ... on Device { endpointName } }
    } } } } }"""

    events = (await furnished.admin(document, id=furnished.device))["device"]["auditEvents"]["edges"]

    assert [event["node"]["action"] for event in events] == ["DEVICE_SUSPEND", "DEVICE_CONNECT"]
    assert events[0]["node"]["target"] == {"__typename": "Device", "endpointName": "pump"}


def names(connection: Data) -> list[str]:
    return [edge["node"]["endpointName"] for edge in connection["edges"]]
