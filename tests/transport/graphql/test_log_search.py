"""Looking for words in the log, and narrowing it: pages of what is found, which new entries do not move."""

from typing import Any

import pytest

from app.actor import Role, command_line
from app.services import audit_search
from app.services.users import CreateUser, SetUserPassword
from app.store.log_reads import EntryFilter
from tests.house import House
from tests.transport.graphql.callers import Caller, Data, as_user
from tests.transport.graphql.furnished import DELETE, SET_STATUS, UPDATE
from tests.transport.graphql.test_audit_log import actions, entries

SEARCH = """
query Search(
  $filterBy: AuditEventFilter, $direction: OrderDirection! = DESC,
  $first: Int, $after: String, $last: Int, $before: String
) {
  auditEvents(
    filterBy: $filterBy, direction: $direction, first: $first, after: $after, last: $last, before: $before
  ) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { sequence action targetName reason } }
  }
}
"""


async def found(caller: Caller, text: str | None, **narrowed: Data) -> list[str]:
    """The actions of what a text finds, oldest first, without looks into the log."""
    named = {**narrowed, "text": text}
    return [action for action in actions(await entries(caller, **named)) if action != "AUDIT_READ"]


async def test_words_are_looked_for_in_every_place_that_the_schema_names(admin: Caller) -> None:
    made = await admin.upload("Plant North")
    await admin(SET_STATUS, input={"id": made["id"], "status": "INACTIVE", "reason": "Key leaked in Oslo."})
    await as_user(admin)(UPDATE, input={"id": made["id"], "name": "Hall East"})
    await admin(DELETE, input={"id": f"crt_{'b' * 32}"})
    uploaded, blacklisted, renamed = "CERTIFICATE_UPLOAD", "CERTIFICATE_SET_STATUS", "CERTIFICATE_UPDATE"
    for text, expected in (
        ("plant north", [uploaded, blacklisted]),
        ("NORTH plant", [uploaded, blacklisted]),
        ("hall", [renamed]),
        ("OSLO", [blacklisted]),
        ("leaked hall", []),
        ("ada", [renamed]),
        ("first", ["API_KEY_CREATE", uploaded, blacklisted, "CERTIFICATE_DELETE"]),
        ("not_found", ["CERTIFICATE_DELETE"]),
        ("certificate.upload", [uploaded]),
        ("certificate_UPLOAD", [uploaded]),
        ("UPLOAD", [uploaded]),
        (made["id"], [uploaded, blacklisted, renamed]),
        (made["id"].removeprefix("crt_")[8:], [uploaded, blacklisted, renamed]),
        (f"{made['id']} oslo", [blacklisted]),
        (f"key_{'a' * 32}", []),
        ("REQ-1 oslo", [blacklisted]),
    ):
        assert await found(admin, text) == expected, text


async def test_nothing_else_is_looked_through(admin: Caller) -> None:
    await admin.upload("fleet", description="Somewhere else")
    # The description and the status stand in the entry's change, the rest beside it or in its frame.
    for text in ("somewhere", "ACTIVE", "192.0.2.7", "tests/1", "anchorage/test", admin.account_id, "salt"):
        assert await found(admin, text) == [], text


async def test_a_text_is_taken_literally(admin: Caller) -> None:
    for name in ("100% wool", "under_score", "back\\slash", "quo'te\""):
        await admin.upload(name)
    for text in ("%", "100%", "r_s", "\\", "k\\s", "'", '"', 'e"'):
        assert await found(admin, text) == ["CERTIFICATE_UPLOAD"], text
    for text in ("w%l", "un_er", "wo.l"):
        assert await found(admin, text) == [], text


async def test_case_is_folded_as_unicode_says(admin: Caller) -> None:
    for name in ("Straße Łódź", "ΣΊΣΥΦΟΣ", "İzmir", "Cafe\u0301"):
        await admin.upload(name)
    for text in ("STRASSE", "strasse łódź", "ŁÓDŹ", "σίσυφος", "σίσυφοσ", "CAFÉ", "cafe\u0301"):
        assert await found(admin, text) == ["CERTIFICATE_UPLOAD"], text


async def test_no_words_are_no_restriction(admin: Caller) -> None:
    await admin.upload("fleet")
    for text in (None, "", " \n\t "):
        assert await found(admin, text, action=["CERTIFICATE_UPLOAD"]) == ["CERTIFICATE_UPLOAD"]


async def test_a_text_and_the_other_filters_must_all_hold(admin: Caller) -> None:
    made = await admin.upload("fleet")
    await admin(DELETE, input={"id": made["id"], "expectedVersion": 9})
    assert await found(admin, "fleet", outcome=["REFUSED"]) == ["CERTIFICATE_DELETE"]
    assert await found(admin, "fleet", outcome=["REFUSED"], codes=["NOT_FOUND"]) == []
    assert await found(admin, "fleet", targetIds=[made["id"]], actorIds=[admin.key_id], outcome=["SUCCEEDED"]) == [
        "CERTIFICATE_UPLOAD"
    ]


@pytest.mark.parametrize("text", ["a" * 201, "\x00", "\ud800"])
async def test_a_text_that_nothing_could_hold_is_refused(admin: Caller, text: str) -> None:
    assert await admin.refusal(SEARCH, filterBy={"text": text}) == "BAD_USER_INPUT"


async def test_somebody_elses_log_is_not_looked_through(admin: Caller, stranger: Caller) -> None:
    await stranger.upload("fleet")
    assert await found(admin, "fleet") == []


async def walked(caller: Caller, filter_by: Data, *, direction: str, backward: bool) -> tuple[list[int], int]:
    """Every entry that matches, two a page, while others are written; and how many pages that took."""
    sequences: list[int] = []
    cursor, pages = None, 0
    while True:
        window: dict[str, Any] = {"last": 2, "before": cursor} if backward else {"first": 2, "after": cursor}
        page = (await caller(SEARCH, filterBy=filter_by, direction=direction, **window))["auditEvents"]
        pages += 1
        here = [edge["node"]["sequence"] for edge in page["edges"]]
        assert here == sorted(here, reverse=direction == "DESC")
        assert len(here) <= 2
        sequences = here + sequences if backward else sequences + here
        # A match that is newer than where the walk began is met by whoever walks towards it, and by nobody else.
        await caller(DELETE, input={"id": f"crt_{'b' * 32}", "reason": "No such fleet."})
        more, cursor = (
            (page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["startCursor"])
            if backward
            else (page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"])
        )
        if not more or pages == 60:
            return sequences, pages


@pytest.mark.parametrize("looked_through", [3, 10_000])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("backward", [False, True])
async def test_a_search_is_walked_completely_in_both_directions(
    house: House,
    admin: Caller,
    monkeypatch: pytest.MonkeyPatch,
    looked_through: int,
    direction: str,
    backward: bool,
) -> None:
    for number in range(12):
        await admin.upload(f"{'fleet' if number % 4 == 0 else 'other'} {number}")
    before = [entry.aseq for entry in await house.log_of(admin.account_id)]
    names = ("fleet 0", "fleet 4", "fleet 8")
    expected = [
        entry.aseq
        for entry in await house.log_of(admin.account_id)
        if any(name.encode() in entry.body for name in names)
    ]
    monkeypatch.setattr(audit_search, "LOOKED_THROUGH", looked_through)
    monkeypatch.setattr(audit_search, "BATCH", 2)
    towards_the_new = (direction == "ASC") is not backward
    if towards_the_new:
        filter_by = {"text": "FLEET", "occurred": {"end": house.clock.now.isoformat()}}
    else:
        filter_by = {"text": "FLEET"}
    sequences, pages = await walked(admin, filter_by, direction=direction, backward=backward)
    assert [each for each in sequences if each <= before[-1]] == sorted(expected, reverse=direction == "DESC")
    assert len(sequences) == len(set(sequences))
    assert pages > len(expected) if looked_through == 3 else pages == 2


async def test_a_page_says_how_far_a_search_has_come(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fleet", "a", "b", "c"):
        await admin.upload(name)
    monkeypatch.setattr(audit_search, "LOOKED_THROUGH", 2)
    only = {"text": "fleet", "action": ["CERTIFICATE_UPLOAD"]}
    first = (await admin(SEARCH, filterBy=only, first=5))["auditEvents"]
    assert (first["edges"], first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == ([], True, False)
    assert (first["pageInfo"]["startCursor"], first["totalCount"]) == (None, 1)
    second = (await admin(SEARCH, filterBy=only, first=5, after=first["pageInfo"]["endCursor"]))["auditEvents"]
    assert [edge["node"]["targetName"] for edge in second["edges"]] == ["fleet"]
    end = second["pageInfo"]["endCursor"]
    last = (await admin(SEARCH, filterBy=only, first=5, after=end))["auditEvents"]
    assert (last["edges"], last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == ([], False, True)
    # The same from the other end.
    first = (await admin(SEARCH, filterBy=only, direction="ASC", last=5))["auditEvents"]
    assert (first["edges"], first["pageInfo"]["hasPreviousPage"]) == ([], True)
    before = first["pageInfo"]["startCursor"]
    second = (await admin(SEARCH, filterBy=only, direction="ASC", last=5, before=before))["auditEvents"]
    assert [edge["node"]["targetName"] for edge in second["edges"]] == ["fleet"]


async def test_a_count_of_what_is_found_is_exact_or_none(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fleet 1", "other", "fleet 2"):
        await admin.upload(name)
    only = {"text": "fleet", "action": ["CERTIFICATE_UPLOAD"]}
    assert (await admin(SEARCH, filterBy=only, first=1))["auditEvents"]["totalCount"] == 2
    monkeypatch.setattr("app.store.counting.COUNT_LIMIT", 2)
    assert (await admin(SEARCH, filterBy=only, first=1))["auditEvents"]["totalCount"] is None


async def test_a_feed_tells_what_a_text_finds(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_search, "LOOKED_THROUGH", 2)
    cursor = (await admin(SEARCH, first=1))["auditEvents"]["edges"][0]["cursor"]
    for name in ("a", "b", "fleet 1", "c", "d", "e", "fleet 2"):
        await admin.upload(name)
    document = """subscription($after: String) {
      auditEvents(after: $after, filterBy: {text: "FLEET"}) { node { targetName } }
    }"""
    events = admin.subscribe(document, after=cursor)
    for expected in ("fleet 1", "fleet 2", "fleet 3"):
        if expected == "fleet 3":
            await admin.upload("f")
            await admin.upload(expected)
        data = (await anext(events))["data"]
        assert data == {"auditEvents": {"node": {"targetName": expected}}}
    await events.aclose()


FILTERS: dict[str, Data] = {
    "outcome": {"outcome": ["REFUSED"]},
    "code": {"codes": ["NOT_FOUND"]},
    "action": {"action": ["CERTIFICATE_DELETE"]},
    "target": {"targetIds": [f"crt_{'b' * 32}"]},
    "actor": {"actorIds": [f"usr_{'d' * 32}"]},
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_every_filter_is_walked_in_both_directions_while_entries_are_written(
    house: House, admin: Caller, name: str, direction: str
) -> None:
    person = as_user(admin)
    refused = {"id": f"crt_{'b' * 32}"}
    for _ in range(5):
        await person(DELETE, input=refused)
        await admin.upload(f"between {_}")
    expected = sorted(
        [entry.aseq for entry in await house.log_of(admin.account_id) if entry.action == "certificate.delete"],
        reverse=direction == "DESC",
    )

    async def page(**window: Data) -> Data:
        return (await admin(SEARCH, filterBy=FILTERS[name], direction=direction, **window))["auditEvents"]

    def sequences(connection: Data) -> list[int]:
        return [edge["node"]["sequence"] for edge in connection["edges"]]

    whole = await page(first=100)
    assert sequences(whole) == expected
    cursors = [edge["cursor"] for edge in whole["edges"]]
    await person(DELETE, input=refused)
    newer = 1 if direction == "ASC" else 0
    for place, cursor in enumerate(cursors):
        after, before = await page(first=100, after=cursor), await page(last=100, before=cursor)
        assert sequences(after)[: len(expected) - place - 1] == expected[place + 1 :]
        assert len(after["edges"]) == len(expected) - place - 1 + newer
        assert sequences(before)[1 - newer :] == expected[:place]
        two = await page(last=2, before=cursor)
        assert sequences(two) == sequences(before)[-2:]
        assert (two["pageInfo"]["hasNextPage"], two["pageInfo"]["hasPreviousPage"]) == (True, len(before["edges"]) > 2)
        between = await page(first=1, after=cursor, before=cursors[-1])
        assert sequences(between) == expected[place + 1 : -1][:1]


async def test_who_made_a_user_and_as_whom_stands_in_the_changes_while_it_is_disclosed(admin: Caller) -> None:
    operator = command_line(admin.account_id, "root")
    await admin.house.perform(operator, CreateUser("ada", Role.ADMIN, "hash"))
    await admin.house.perform(operator, SetUserPassword("ada", "another hash"))
    created, changed = await entries(admin, action=["USER_CREATE", "USER_SET_PASSWORD"])
    assert {"field": "name", "before": None, "after": "ada"} in created["changes"]
    assert {change["field"] for change in created["changes"]} == {
        "id", "version", "name", "role", "createdAt", "updatedAt",
    }  # fmt: skip
    assert {change["field"] for change in changed["changes"]} == {"version", "updatedAt"}
    assert created["targetName"] is None


def test_the_words_of_a_text_are_looked_for_once_each() -> None:
    search = audit_search.Search.of(EntryFilter(), "Plant  plant\nPLANT b")
    assert search.words == ("plant", "b")
