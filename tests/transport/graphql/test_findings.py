"""What callers see of findings that live: of a certificate, of the account, and as they come and go."""

import asyncio
from contextlib import aclosing
from datetime import datetime, timedelta

from app.actor import Role
from app.transport.graphql.scalars import write_instant
from tests.house import House
from tests.looking import DAY, look
from tests.rules.authority import AT, make
from tests.transport.graphql import furnished
from tests.transport.graphql.callers import Caller, Data, anonymous
from tests.transport.graphql.furnished import renewals
from tests.transport.graphql.test_subscriptions import beginning, ending, take

FOUND = """
query Found($asOf: AsOf) {
  certificates(asOf: $asOf, orderBy: {field: NAME}) {
    edges { node { name findings { code severity since relatedCertificate { name } } } }
  }
}
"""
STANDING = """
query Standing($first: Int, $after: String, $last: Int, $before: String) {
  account { findings(first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node {
      code severity message chainIndex reference since certificate { name } relatedCertificate { name }
    } }
  } }
}
"""
CHANGES = """
subscription Changes($ids: [ID!], $after: String) {
  findingChanged(certificateIds: $ids, after: $after) {
    certificateId appeared gone cursor certificate { name findings { code } }
  }
}
"""


async def found(caller: Caller, as_of: datetime | None = None) -> dict[str, list[tuple[str, bool, str | None]]]:
    """Of each certificate: the codes, whether it is known since when, and the names of the other certificates."""
    given = None if as_of is None else {"time": as_of.isoformat()}
    edges = (await caller(FOUND, asOf=given))["certificates"]["edges"]
    return {
        edge["node"]["name"]: [
            (each["code"], each["since"] is not None, (each["relatedCertificate"] or {}).get("name"))
            for each in edge["node"]["findings"]
        ]
        for edge in edges
    }


async def blocked_renewal(admin: Caller) -> str:
    """A certificate `new`, in whose way its predecessor `old` stands, blacklisted; the predecessor's id."""
    old, new = renewals("Fleet")
    first = await admin.upload("old", old)
    await admin.upload("new", new)
    await admin(furnished.SET_STATUS, input={"id": first["id"], "status": "INACTIVE"})
    return str(first["id"])


async def test_a_certificate_shows_what_a_look_found_beside_what_is_computed(house: House, admin: Caller) -> None:
    await blocked_renewal(admin)
    assert await found(admin) == {
        "new": [("SAME_KEY_AS", False, "old")],
        "old": [("EXPIRES_SOON", False, None), ("SAME_KEY_AS", False, "new")],
    }

    await look(house)
    assert await found(admin) == {
        "new": [("SAME_KEY_AS", True, "old"), ("BLOCKED_BY", True, "old")],
        "old": [("EXPIRES_SOON", True, None), ("SAME_KEY_AS", True, "new")],
    }


async def test_what_is_newer_than_the_last_look_is_shown_without_an_instant(house: House, admin: Caller) -> None:
    await admin.upload("fleet", make("Fleet", not_after=AT + 91 * DAY))
    await look(house)
    house.clock.advance(2 * DAY)

    assert await found(admin) == {"fleet": [("EXPIRES_SOON", False, None)]}


async def test_the_past_is_shown_as_it_was_without_what_was_looked_for(house: House, admin: Caller) -> None:
    await blocked_renewal(admin)
    house.clock.advance(timedelta(seconds=1))
    then, before = house.clock.now, await found(admin)
    await look(house)
    house.clock.advance(timedelta(seconds=1))

    assert await found(admin, then) == before
    assert await found(admin, house.clock.now) == before
    past = "query($at: AsOf) { account(asOf: $at) { displayName findings { edges { cursor } } } }"
    assert (await admin(past, at={"time": write_instant(then)}))["account"]["findings"] is None


async def test_the_account_lists_everything_that_stands(house: House, admin: Caller) -> None:
    await blocked_renewal(admin)
    await look(house)
    house.clock.advance(40 * DAY)
    await look(house)

    listed = (await admin(STANDING))["account"]["findings"]
    nodes = [edge["node"] for edge in listed["edges"]]
    assert listed["totalCount"] == 4
    assert nodes[0] | {"since": None} == {
        "code": "CERT_EXPIRED", "severity": "ERROR", "message": "The certificate expired at 2026-07-01T12:00:00Z.",
        "chainIndex": 0, "reference": "RFC 5280 4.1.2.5", "since": None, "certificate": {"name": "old"},
        "relatedCertificate": None,
    }  # fmt: skip
    assert {(each["code"], each["certificate"]["name"], each["relatedCertificate"]["name"]) for each in nodes[1:]} == {
        ("SAME_KEY_AS", "old", "new"), ("SAME_KEY_AS", "new", "old"), ("BLOCKED_BY", "new", "old"),
    }  # fmt: skip
    assert [each["since"] for each in nodes] == sorted((each["since"] for each in nodes), reverse=True)


async def test_the_list_is_walked_in_both_directions(house: House, admin: Caller) -> None:
    for number in range(5):
        await admin.upload(f"{number}", make(f"{number}", not_after=AT + DAY))
        await look(house)
        house.clock.advance(timedelta(seconds=1))

    cursors: dict[str, list[str]] = {"first": [], "last": []}
    for size, place, end in (("first", "after", "endCursor"), ("last", "before", "startCursor")):
        given: dict[str, Data] = {size: 2}
        for _ in range(3):
            page = (await admin(STANDING, **given))["account"]["findings"]
            edges = page["edges"] if size == "first" else page["edges"][::-1]
            cursors[size] += [edge["node"]["certificate"]["name"] for edge in edges]
            given[place] = page["pageInfo"][end]
    assert cursors["first"] == ["4", "3", "2", "1", "0"]
    assert cursors["last"] == ["0", "1", "2", "3", "4"]


async def test_nobody_sees_what_stands_about_anothers_certificates(
    house: House, admin: Caller, stranger: Caller
) -> None:
    await blocked_renewal(admin)
    await look(house)
    cursor = (await admin(STANDING, first=1))["account"]["findings"]["edges"][0]["cursor"]

    for given in ({}, {"after": cursor}, {"last": 1, "before": cursor}):
        assert (await stranger(STANDING, **given))["account"]["findings"]["edges"] == []


async def test_who_may_not_read_certificates_learns_nothing_about_them(house: House, admin: Caller) -> None:
    gateway = await admin.key(Role.GATEWAY)
    assert await gateway.refusal(STANDING) == "FORBIDDEN"
    assert await ending(gateway.subscribe(CHANGES)) == "FORBIDDEN"
    assert await ending(anonymous(house).subscribe(CHANGES)) == "UNAUTHENTICATED"


async def test_changes_are_told_from_before_to_after_without_loss(house: House, admin: Caller) -> None:
    start = await beginning(admin)
    blocking = await blocked_renewal(admin)
    await look(house)
    async with aclosing(admin.subscribe(CHANGES, after=start)) as events:
        history = await take(events, 2)
        waiting = asyncio.create_task(take(events, 1))
        await admin(furnished.SET_STATUS, input={"id": blocking, "status": "ACTIVE"})
        await look(house)
        (live,) = await waiting
    assert sorted((each["certificate"]["name"], each["appeared"], each["gone"]) for each in history) == [
        ("new", ["SAME_KEY_AS", "BLOCKED_BY"], []),
        ("old", ["EXPIRES_SOON", "SAME_KEY_AS"], []),
    ]
    assert (live["appeared"], live["gone"]) == ([], ["BLOCKED_BY"])
    assert live["certificate"] == {"name": "new", "findings": [{"code": "SAME_KEY_AS"}]}

    async with aclosing(admin.subscribe(CHANGES, after=history[0]["cursor"])) as events:
        assert await take(events, 2) == [history[1] | {"certificate": _as_now(history[1], live)}, live]


async def test_changes_of_some_certificates_are_theirs_alone(house: House, admin: Caller, stranger: Caller) -> None:
    start = await beginning(admin)
    theirs = await stranger.upload("theirs", make("Theirs", not_after=AT + DAY))
    made = [await admin.upload(name, make(name, not_after=AT + DAY)) for name in ("one", "two", "three")]
    await look(house)
    ids = [theirs["id"], made[0]["id"], made[2]["id"]]
    async with aclosing(admin.subscribe(CHANGES, after=start, ids=ids)) as events:
        assert {event["certificateId"] for event in await take(events, 2)} == {made[0]["id"], made[2]["id"]}


async def test_what_changed_and_was_deleted_since_is_told_without_its_certificate(house: House, admin: Caller) -> None:
    start = await beginning(admin)
    made = await admin.upload("gone", make("Gone", not_after=AT + DAY))
    await look(house)
    await admin(furnished.DELETE, input={"id": made["id"]})
    async with aclosing(admin.subscribe(CHANGES, after=start)) as events:
        (event,) = await take(events, 1)

    assert (event["certificateId"], event["appeared"], event["certificate"]) == (made["id"], ["EXPIRES_SOON"], None)


def _as_now(told: Data, live: Data) -> Data:
    """The certificate of a change that was told before, as it is after a later one."""
    is_same = told["certificateId"] == live["certificateId"]
    return live["certificate"] if is_same else told["certificate"]
