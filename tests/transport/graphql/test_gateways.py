"""Gateways, through the API: which version each enforces."""

from datetime import timedelta

from app.actor import Role
from app.transport.graphql.scalars import write_instant
from tests.house import House
from tests.transport.graphql.callers import Caller, Data
from tests.transport.graphql.furnished import heard_of

REVOKE = "mutation($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { errors { __typename } } }"
GATEWAYS = "{ gateways { trustVersion nodes { service appliedVersion appliedAt seenAt lag name apiKey { id } } } }"


async def gateways_of(caller: Caller) -> Data:
    return (await caller(GATEWAYS))["gateways"]


async def test_nobody_was_heard_of_yet(admin: Caller) -> None:
    assert (await gateways_of(admin))["nodes"] == []


async def test_a_gateway_falls_behind_with_every_change_and_catches_up(house: House, admin: Caller) -> None:
    key = await admin.key(Role.GATEWAY, "north")
    await admin.upload("fleet")
    first = (await gateways_of(admin))["trustVersion"]
    assert first > 0
    await heard_of(house, admin.account_id, key.actor.id or "", first)
    said_at = house.clock.now
    (gateway,) = (await gateways_of(admin))["nodes"]
    assert (gateway["appliedVersion"], gateway["lag"]) == (first, 0)
    assert (gateway["name"], gateway["apiKey"]) == ("north", {"id": key.key_id})

    await admin.upload("another fleet")
    behind = await gateways_of(admin)

    assert behind["trustVersion"] > first
    assert behind["nodes"][0]["lag"] == behind["trustVersion"] - first
    assert behind["nodes"][0]["appliedAt"] == write_instant(said_at)
    await heard_of(house, admin.account_id, key.actor.id or "", behind["trustVersion"])
    assert (await gateways_of(admin))["nodes"][0]["lag"] == 0


async def test_the_last_heard_of_comes_first_and_whose_key_is_revoked_does_not_come(
    house: House, admin: Caller
) -> None:
    keys = [await admin.key(Role.GATEWAY, name) for name in ("north", "south", "west")]
    for key in keys:
        house.clock.advance(timedelta(seconds=1))
        await heard_of(house, admin.account_id, key.actor.id or "")
    assert [each["name"] for each in (await gateways_of(admin))["nodes"]] == ["west", "south", "north"]

    await admin(REVOKE, input={"id": keys[1].key_id})
    assert [each["name"] for each in (await gateways_of(admin))["nodes"]] == ["west", "north"]


async def test_whoever_may_not_read_keys_sees_a_gateway_and_nothing_of_its_key(house: House, admin: Caller) -> None:
    key = await admin.key(Role.GATEWAY, "north")
    await heard_of(house, admin.account_id, key.actor.id or "", 1)
    viewer = await admin.key(Role.VIEWER)

    answer = await viewer.execute(GATEWAYS)

    assert answer.data is not None
    (gateway,) = answer.data["gateways"]["nodes"]
    assert (gateway["name"], gateway["appliedVersion"], gateway["apiKey"]) == ("north", 1, None)
    assert [(error.extensions or {})["code"] for error in answer.errors or ()] == ["FORBIDDEN"]


async def test_gateways_of_others_are_not_seen(house: House, admin: Caller, stranger: Caller) -> None:
    key = await stranger.key(Role.GATEWAY)
    await heard_of(house, stranger.account_id, key.actor.id or "")

    assert (await gateways_of(admin))["nodes"] == []
    assert len((await gateways_of(stranger))["nodes"]) == 1
