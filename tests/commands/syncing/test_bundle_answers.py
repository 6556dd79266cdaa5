"""Whatever is answered: a proxy's page, a stale state, a restored database's bundle."""

import json
import os
import re
import time

import pytest

from app.commands.syncing import Syncing
from app.rules import pem
from app.rules.bundle_formats import Format
from tests.commands.syncing.bundle_server import bundle, raw
from tests.commands.syncing.conftest import TRUSTING, Beside
from tests.fleet import fleet

pytestmark = pytest.mark.once

HEADERS = ('ETag: "a"', "X-Trust-Version: 6", "X-Trust-Sequence: 393216")


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (raw(200, "Content-Type: text/html", body=b"<html>back soon</html>"), "not Anchorage's: its ETag is ''"),
        (raw(200, *HEADERS[:2], "X-Trust-Sequence: 1e9", body=bundle()), "its X-Trust-Sequence is '1e9'"),
        (raw(200, HEADERS[0], "X-Trust-Version: abc", HEADERS[2], body=bundle()), "its X-Trust-Version is 'abc'"),
        (raw(200, "ETag: \xe4", *HEADERS[1:], body=bundle()), "its ETag is"),
        (raw(200, *HEADERS, "X-Trust-Stale-Seconds: soon", body=bundle()), "its X-Trust-Stale-Seconds is 'soon'"),
        (raw(304), "its X-Trust-Version is ''"),
        (raw(200, *HEADERS), "It cannot be read as pem."),
        (raw(200, *HEADERS, body=b"<html>back soon</html>"), "It cannot be read as pem."),
        (raw(200, *HEADERS, body=bundle(form=Format.P7B)), "It cannot be read as pem."),
        (raw(200, *HEADERS, body=pem.encode([fleet().trusted.der]).encode()), "it lacks the anchor"),
        (raw(502, body=b"Bad Gateway"), "Anchorage answers 502: no reason is given."),
    ],
)
async def test_what_is_no_bundle_is_said_and_passes(beside: Beside, kept: Syncing, says: bytes, why: str) -> None:
    beside.server.version, beside.server.content, beside.server.says = 6, bundle(), says

    assert not await kept.look()

    said = beside.said()
    assert why in said
    assert "was the newest" in said
    assert (beside.bundle.read_bytes(), beside.changes) == (TRUSTING, 1)
    beside.server.says = None
    assert await kept.look()
    assert (beside.bundle.read_bytes(), beside.changes) == (bundle(), 2)


async def test_after_a_restore_the_same_bundle_stands_for_the_older_version_and_changes_are_taken(
    beside: Beside, kept: Syncing
) -> None:
    beside.server.version = beside.server.knows = 2

    assert await kept.look()

    assert "Anchorage is at version 2, behind version 5" in beside.said()
    assert (beside.changes, beside.server.applied, beside.server.refused) == (1, [5, 2], 0)
    assert await kept.look()
    assert beside.said() == ""

    beside.server.version, beside.server.content = 3, bundle()
    assert await kept.look()
    assert (beside.bundle.read_bytes(), beside.changes) == (bundle(), 2)


async def test_an_older_bundle_that_differs_is_not_taken_and_a_later_one_is(beside: Beside, kept: Syncing) -> None:
    beside.server.version = beside.server.knows = 3
    beside.server.content = bundle(fleet().trusted, fleet().sibling)

    assert not await kept.look()

    said = beside.said()
    assert "it offers version 3, and 5 was here already" in said
    assert f"delete {beside.notes}" in said
    assert (beside.bundle.read_bytes(), beside.server.applied) == (TRUSTING, [5])
    beside.server.version = beside.server.knows = 6
    assert await kept.look()
    assert (beside.bundle.read_bytes(), beside.server.applied) == (beside.server.content, [5, 6])


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("spoiled", ["gone", "changed"])
async def test_nor_is_it_taken_where_the_file_is(beside: Beside, spoiled: str) -> None:
    if spoiled == "gone":
        beside.bundle.unlink()
    else:
        beside.bundle.write_bytes(TRUSTING + b"\n")
    beside.server.version = beside.server.knows = 3
    beside.server.content = bundle(fleet().trusted, fleet().sibling)

    assert not await beside.begin().look()

    assert "it offers version 3, and 5 was here already" in beside.said()
    assert not beside.bundle.exists() or beside.bundle.read_bytes() != beside.server.content
    beside.server.content = TRUSTING
    assert await beside.begin().look()
    assert beside.bundle.read_bytes() == TRUSTING
    beside.notes.unlink()
    beside.server.content = bundle(fleet().sibling)
    assert await beside.begin().look()
    assert beside.bundle.read_bytes() == beside.server.content


async def test_a_stale_answer_is_as_old_as_it_says(beside: Beside) -> None:
    beside.server.stale_seconds = 20

    assert not await beside.begin().look()

    found = re.search(r"cannot read its database now\. The bundle in \S+ was the newest (\d+) s ago", beside.said())
    assert found is not None
    assert int(found[1]) >= 20
    assert beside.changes == 1
    beside.server.stale_seconds = 0
    assert await beside.begin().look()
    assert beside.age() < 20


async def test_a_stale_answer_confirms_what_was_not_confirmed_since(beside: Beside, kept: Syncing) -> None:
    beside.server.stale_seconds = 3_000
    assert not await kept.look()
    assert beside.age() < 3_000

    long_ago = time.time() - 1_000_000
    os.utime(beside.notes, (long_ago, long_ago))
    assert not await kept.look()

    assert 3_000 <= beside.age() < 1_000_000


async def test_a_stale_answer_of_an_older_version_is_no_restored_database(beside: Beside, kept: Syncing) -> None:
    beside.server.version, beside.server.stale_seconds = 4, 20

    assert not await kept.look()

    assert json.loads(beside.notes.read_text())["version"] == 5


async def test_a_version_that_the_server_does_not_note_is_said_once(beside: Beside) -> None:
    beside.server.knows = 4
    syncing = beside.begin()

    assert await syncing.look()
    assert "does not note that version 5 is applied: 400, UNKNOWN_VERSION." in beside.said()
    assert await syncing.look()

    assert (beside.said(), beside.server.refused) == ("", 2)
