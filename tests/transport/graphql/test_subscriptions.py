"""Feeds lose nothing and repeat nothing, whoever writes meanwhile, and end when the credential does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

import pytest

from app.actor import Role, command_line
from app.services.keys import RevokeApiKey
from app.store.rows import EntryRow
from app.store.wakes import Watch
from app.transport.graphql import live
from app.transport.graphql.errors import RequestError
from app.transport.graphql.live import Feed
from app.transport.graphql.operations import Response
from tests.house import House
from tests.rules.authority import make
from tests.transport.graphql import furnished
from tests.transport.graphql.callers import UPLOAD, Caller, Data, anonymous, pem_of

FEED = """
subscription Feed($after: String, $filterBy: AuditEventFilter) {
  auditEvents(after: $after, filterBy: $filterBy) { cursor node { id sequence action targetName } }
}
"""
CHANGES = """
subscription Changes($ids: [ID!], $after: String) {
  certificateChanged(ids: $ids, after: $after) { action changedId cursor certificate { id version name status } }
}
"""
FINDINGS = """
subscription Findings($ids: [ID!], $after: String) { findingChanged(certificateIds: $ids, after: $after) { cursor } }
"""
LOG = """
query Log($first: Int, $filterBy: AuditEventFilter) {
  auditEvents(direction: ASC, first: $first, filterBy: $filterBy) { edges { cursor node { sequence } } }
}
"""


Events = AsyncGenerator[Response]


async def take(events: Events, count: int) -> list[Data]:
    """The next events of a feed, each of which must be without errors."""
    taken: list[Data] = []
    async with asyncio.timeout(30):
        while len(taken) < count:
            response = await anext(events)
            assert "errors" not in response, response["errors"]
            taken.extend(response["data"].values())
    return taken


async def ending(events: Events) -> str:
    """The code of the error that ends a feed."""
    with pytest.raises(RequestError) as ended:
        await take(events, 1_000)
    return str(ended.value.errors[0]["extensions"]["code"])


def sequences(events: list[Data]) -> list[int]:
    return [event["node"]["sequence"] for event in events]


async def beginning(caller: Caller) -> str:
    """The cursor of the first entry of the log."""
    return str((await caller(LOG, first=1))["auditEvents"]["edges"][0]["cursor"])


async def test_history_comes_first_and_then_what_is_written(admin: Caller) -> None:
    await admin.upload("before")
    after = await beginning(admin)
    async with aclosing(admin.subscribe(FEED, after=after)) as events:
        history = await take(events, 3)
        assert [event["node"]["action"] for event in history] == ["CERTIFICATE_UPLOAD", "AUDIT_READ", "AUDIT_READ"]
        await admin.upload("meanwhile")
        (live,) = await take(events, 1)
        assert live["node"]["targetName"] == "meanwhile"
    assert sequences([*history, live]) == [2, 3, 4, 5]


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a feed has told everything and waits for news."""
    wait, event = Watch.wait, asyncio.Event()

    async def announced(watch: Watch, timeout_seconds: float) -> None:
        event.set()
        await wait(watch, timeout_seconds)

    monkeypatch.setattr(Watch, "wait", announced)
    return event


async def test_without_a_cursor_only_what_is_new_is_told(admin: Caller, waiting: asyncio.Event) -> None:
    await admin.upload("before")
    async with aclosing(admin.subscribe(FEED)) as events:
        first = asyncio.create_task(take(events, 1))
        await waiting.wait()
        await admin.upload("after")
        assert (await first)[0]["node"]["targetName"] == "after"


async def test_whoever_comes_back_with_the_last_cursor_misses_nothing(admin: Caller) -> None:
    cursor = await beginning(admin)
    seen: list[int] = []
    for number in range(4):
        await admin.upload(f"number {number}")
        async with aclosing(admin.subscribe(FEED, after=cursor, filterBy={"action": ["CERTIFICATE_UPLOAD"]})) as events:
            (event,) = await take(events, 1)
            seen.append(event["node"]["sequence"])
            cursor = event["cursor"]
    everything = await take(
        admin.subscribe(FEED, after=await beginning(admin), filterBy={"action": ["CERTIFICATE_UPLOAD"]}), 4
    )
    assert sequences(everything) == seen


@pytest.mark.parametrize("batch", [3, live.BATCH])
async def test_nothing_is_lost_or_repeated_while_many_write(
    admin: Caller, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Writers write all the while; each feed is cut off again and again, and goes on from its last cursor."""
    monkeypatch.setattr(live, "BATCH", batch)
    start, feeds, writers, each = await beginning(admin), 3, 8, 6

    async def write(writer: int) -> None:
        for number in range(each):
            name = f"{writer}-{number}"
            given = {"name": name, "usage": "ENROLLMENT", "source": {"pem": pem_of(make(name))}}
            await admin(UPLOAD, input=given)

    async def follow(patience: int) -> list[int]:
        cursor, seen = start, list[int]()
        while len(seen) < writers * each:
            wanted = {"action": ["CERTIFICATE_UPLOAD"]}
            async with aclosing(admin.subscribe(FEED, after=cursor, filterBy=wanted)) as events:
                for event in await take(events, min(patience, writers * each - len(seen))):
                    seen.append(event["node"]["sequence"])
                    cursor = event["cursor"]
        return seen

    followed, *_ = await asyncio.gather(
        asyncio.gather(*(follow(5 + 7 * number) for number in range(feeds))),
        *(write(number) for number in range(writers)),
    )
    filter_by = {"action": ["CERTIFICATE_UPLOAD"]}
    written = sequences((await admin(LOG, first=100, filterBy=filter_by))["auditEvents"]["edges"])
    assert len(written) == writers * each
    assert followed == [written] * feeds


async def test_news_that_come_between_the_look_and_the_wait_are_not_waited_for(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed after a feed has looked, and before it waits, ends the wait at once."""
    look, wait, looks = Feed._next, Watch.wait, list[int]()  # noqa: SLF001  # the instant lies inside the feed

    async def look_and_be_overtaken(feed: Feed) -> list[EntryRow]:
        found = await look(feed)
        looks.append(len(found))
        if len(looks) == 1:
            await admin.upload("in between")
        return found

    monkeypatch.setattr(Feed, "_next", look_and_be_overtaken)
    monkeypatch.setattr(Watch, "wait", lambda watch, _: wait(watch, 3600))
    async with aclosing(admin.subscribe(FEED, filterBy={"action": ["CERTIFICATE_UPLOAD"]})) as events:
        (event,) = await take(events, 1)
    assert event["node"]["targetName"] == "in between"
    assert looks == [0, 1]


async def test_a_feed_tells_nothing_of_other_accounts(admin: Caller, stranger: Caller) -> None:
    async with aclosing(admin.subscribe(FEED, after=await beginning(admin))) as events:
        await take(events, 2)
        await stranger.upload("theirs")
        await admin.upload("ours")
        (event,) = await take(events, 1)
        assert event["node"]["targetName"] == "ours"


async def test_a_filter_narrows_the_feed_and_does_not_stop_it(admin: Caller) -> None:
    wanted = {"action": ["CERTIFICATE_DELETE"]}
    async with aclosing(admin.subscribe(FEED, after=await beginning(admin), filterBy=wanted)) as events:
        made = await admin.upload("fleet")
        await admin("mutation($id: ID!) { deleteCertificate(input: {id: $id}) { deletedId } }", id=made["id"])
        (event,) = await take(events, 1)
    assert event["node"]["action"] == "CERTIFICATE_DELETE"


async def test_changes_tell_what_a_certificate_became(admin: Caller) -> None:
    start = await beginning(admin)
    kept, gone = await admin.upload("kept"), await admin.upload("gone")
    async with aclosing(admin.subscribe(CHANGES, after=start)) as events:
        await take(events, 2)
        await admin(furnished.UPDATE, input={"id": kept["id"], "name": "renamed"})
        await admin(furnished.SET_STATUS, input={"id": kept["id"], "status": "INACTIVE"})
        await admin(furnished.DELETE, input={"id": gone["id"]})
        renamed, blocked, deleted = await take(events, 3)
    assert (renamed["action"], renamed["changedId"]) == ("CERTIFICATE_UPDATE", kept["id"])
    assert blocked["certificate"] == {"id": kept["id"], "version": 3, "name": "renamed", "status": "INACTIVE"}
    assert (deleted["action"], deleted["changedId"], deleted["certificate"]) == ("CERTIFICATE_DELETE", gone["id"], None)


async def test_only_what_was_done_is_a_change(admin: Caller) -> None:
    start = await beginning(admin)
    given = {"name": "fleet", "usage": "ENROLLMENT", "source": {"pem": pem_of(make("fleet"))}, "idempotencyKey": "key"}
    await admin(UPLOAD, input=given)
    await admin(UPLOAD, input=given)
    await admin(furnished.DELETE, input={"id": f"crt_{'0' * 32}"})
    last = await admin.upload("last")
    async with aclosing(admin.subscribe(CHANGES, after=start)) as events:
        changes = await take(events, 2)
    assert [change["action"] for change in changes] == ["CERTIFICATE_UPLOAD"] * 2
    assert changes[-1]["changedId"] == last["id"]


async def test_changes_of_some_certificates_are_theirs_alone(admin: Caller, stranger: Caller) -> None:
    start = await beginning(admin)
    theirs = await stranger.upload("theirs")
    made = [await admin.upload(name) for name in ("one", "two", "three")]
    for other in (theirs["id"], f"crt_{'1' * 32}"):
        ids = [other, made[0]["id"], made[2]["id"]]
        async with aclosing(admin.subscribe(CHANGES, after=start, ids=ids)) as events:
            assert [change["changedId"] for change in await take(events, 2)] == [made[0]["id"], made[2]["id"]]


async def test_changes_can_be_resumed(admin: Caller) -> None:
    start = await beginning(admin)
    for name in ("one", "two"):
        await admin.upload(name)
    async with aclosing(admin.subscribe(CHANGES, after=start)) as events:
        (first,) = await take(events, 1)
    async with aclosing(admin.subscribe(CHANGES, after=first["cursor"])) as events:
        (second,) = await take(events, 1)
    assert second["certificate"]["name"] == "two"


async def revoke(house: House, caller: Caller) -> None:
    await house.perform(command_line(caller.account_id, "root"), RevokeApiKey(caller.actor.id or ""))


@pytest.mark.parametrize("document", [FEED, CHANGES])
async def test_a_revoked_key_ends_its_feeds(house: House, admin: Caller, document: str) -> None:
    reader = await admin.key(Role.AUDITOR)
    start = await beginning(admin)
    await admin.upload("before")
    await take(events := reader.subscribe(document, after=start), 1)
    await revoke(house, reader)
    house.clock.advance(timedelta(seconds=6))
    assert await ending(events) == "UNAUTHENTICATED"


async def test_a_feed_that_has_much_to_tell_asks_in_between_whether_it_may(house: House, admin: Caller) -> None:
    reader = await admin.key(Role.AUDITOR)
    start = await beginning(admin)
    for number in range(3):
        await admin.upload(f"number {number}")
    events = reader.subscribe(FEED, after=start)
    await take(events, 1)
    await revoke(house, reader)
    house.clock.advance(timedelta(seconds=6))
    with pytest.raises(RequestError) as ended:
        await anext(events)
    assert ended.value.errors[0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_who_may_not_read_is_told_so_and_the_attempt_on_the_log_is_recorded(house: House, admin: Caller) -> None:
    gateway = await admin.key(Role.GATEWAY)
    operator = await admin.key(Role.OPERATOR)
    assert await ending(gateway.subscribe(CHANGES)) == "FORBIDDEN"
    assert await ending(operator.subscribe(FEED)) == "FORBIDDEN"
    assert await ending(anonymous(house).subscribe(CHANGES)) == "UNAUTHENTICATED"
    document = "{ auditEvents(filterBy: {action: [AUDIT_READ], outcome: [REFUSED]}) { edges { node { targetName } } } }"
    refused = (await admin(document))["auditEvents"]["edges"]
    assert [edge["node"]["targetName"] for edge in refused] == ["subscription.auditEvents"]


async def test_beginning_to_follow_the_log_is_recorded(admin: Caller) -> None:
    async with aclosing(admin.subscribe(FEED, after=await beginning(admin))) as events:
        assert [event["node"]["targetName"] for event in await take(events, 2)] == [
            "auditEvents",
            "subscription.auditEvents",
        ]


async def test_a_cursor_of_another_account_is_refused_and_so_is_one_of_nothing(admin: Caller, stranger: Caller) -> None:
    theirs = await beginning(stranger)
    for document in (FEED, CHANGES, FINDINGS):
        for after in (theirs, "nonsense", ""):
            assert await ending(admin.subscribe(document, after=after)) == "BAD_USER_INPUT"


async def test_more_ids_than_a_feed_may_follow_are_refused(admin: Caller) -> None:
    for document in (CHANGES, FINDINGS):
        assert await ending(admin.subscribe(document, ids=[f"crt_{'0' * 32}"] * 101)) == "BAD_USER_INPUT"
