"""Cursors and pages that cannot be are refused as what they are, and no cursor tells what is not its reader's."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from tests.transport.graphql.callers import Caller
from tests.transport.graphql.test_lists import KEYS, LIST, LOG, page


def cursor(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


NOBODY = "0" * 32
WRONG_CURSORS = [
    "",
    "nonsense",
    "\u00e9",
    "x" * 5000,
    cursor("[]"),
    cursor('["name", "a", "' + NOBODY + '"]'),
    cursor('["created_at", "a", "' + NOBODY + '"]'),
    cursor('["created_at", true, "' + NOBODY + '"]'),
    cursor('["created_at", 9223372036854775808, "' + NOBODY + '"]'),
    cursor('["created_at", 1e3, "' + NOBODY + '"]'),
    cursor('["created_at", 1, "x"]'),
    cursor('["created_at", 1]'),
    cursor('{"created_at": 1}'),
    cursor('["sequence", 1, "' + NOBODY + '"]'),
]


@pytest.mark.parametrize("wrong", WRONG_CURSORS)
async def test_a_cursor_that_is_none_of_the_list_is_said_to_be_none(admin: Caller, wrong: str) -> None:
    for document in (LIST, LOG, KEYS):
        for window in ({"after": wrong}, {"before": wrong}):
            assert await admin.refusal(document, **window) == "BAD_USER_INPUT"


async def test_a_cursor_of_another_order_is_refused(admin: Caller) -> None:
    await admin.upload("fleet")
    by_name = await page(admin, LIST, first=1, orderBy={"field": "NAME", "direction": "ASC"})
    assert await admin.refusal(LIST, after=by_name["pageInfo"]["endCursor"]) == "BAD_USER_INPUT"


async def test_a_cursor_of_another_accounts_log_is_refused(admin: Caller, stranger: Caller) -> None:
    theirs = (await page(stranger, LOG, first=1))["pageInfo"]["endCursor"]
    result = await admin.execute(LOG, after=theirs)
    nothing = await admin.execute(LOG, after=cursor(f'["sequence",1,"{NOBODY}"]'))
    assert result.errors
    assert nothing.errors
    assert result.errors[0].message == nothing.errors[0].message
    assert (result.errors[0].extensions or {})["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("window", [{"first": 0}, {"first": 101}, {"last": -1}, {"first": 1, "last": 1}])
async def test_a_page_has_one_to_a_hundred_items_from_one_end(admin: Caller, window: dict[str, int]) -> None:
    for document in (LIST, LOG, KEYS):
        assert await admin.refusal(document, **window) == "BAD_USER_INPUT"


@pytest.mark.parametrize("filter_by", [{"text": "x" * 201}, {"text": "\x00"}, {"text": "\ud800"}])
async def test_a_text_that_cannot_be_looked_for_is_refused(admin: Caller, filter_by: dict[str, str]) -> None:
    assert await admin.refusal(LIST, filterBy=filter_by) == "BAD_USER_INPUT"


async def test_no_cursor_tells_how_much_other_accounts_do(admin: Caller, stranger: Caller) -> None:
    before = (await page(admin, LOG, first=1))["pageInfo"]["endCursor"]
    for letter in "abc":
        await stranger.upload(letter)
    after = (await page(admin, LOG, first=1))["edges"][0]
    assert before != after["cursor"]
    assert after["node"]["sequence"] == 3
    assert json.loads(urlsafe_b64decode(after["cursor"] + "==")) == [
        "sequence",
        3,
        after["node"]["id"].removeprefix("evt_"),
    ]
