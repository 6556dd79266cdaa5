"""A report's figures are those of its entries; its page needs nothing else and runs nothing."""

import hashlib
import re
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from app.audit.checkpoint import Checkpoint
from app.audit.coverage import NOT_AUDITED, UNSIGNED
from app.audit.entry import GENESIS, entry_hash
from app.audit.records import Change, Record
from app.audit.report import CHANGES_LIMIT, Link, Scope, Summary
from app.audit.report_chart import chart
from app.audit.report_page import STYLE, page, verdict

pytestmark = pytest.mark.once

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SCOPE = Scope(account="Northwind", start=AT, end=None, made_at=AT, source="a test")
NASTY = "</title><script>alert(1)</script><img src=x onerror=alert(1)>&\"'"
SIMPLE = Record(
    id="1",
    sequence=1,
    occurred_at=AT,
    action="certificate.update",
    outcome="success",
    actor_kind="user",
    hash="ab" * 32,
)


class Elements(HTMLParser):
    """Collects every element with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See the library."""
        self.found.append((tag, dict(attrs)))


def summed(*records: Record) -> Summary:
    """The figures of these entries."""
    summary = Summary()
    for record in records:
        summary.add(record)
    return summary


def chained(*bodies: bytes) -> list[Link]:
    """A stream of entries with these bodies."""
    links: list[Link] = []
    prev = GENESIS
    for aseq, body in enumerate(bodies, start=1):
        made = entry_hash("s/0", aseq, prev, hashlib.sha256(body).digest())
        links.append(Link("s/0", aseq, prev, body, made))
        prev = made
    return links


def verdict_of(links: list[Link]) -> tuple[str, str]:
    """What the page would say of these entries."""
    summary = summed(*(replace(SIMPLE, sequence=link.aseq) for link in links))
    for link in links:
        summary.chain.take(link)
    return verdict(summary)


def test_figures_are_those_of_the_entries() -> None:
    summary = summed(
        SIMPLE,
        replace(SIMPLE, sequence=2, outcome="refused", code="NOT_FOUND", occurred_at=AT + timedelta(days=2)),
        replace(SIMPLE, sequence=3, outcome="refused", code="NOT_FOUND", actor_name="Ada"),
        replace(SIMPLE, sequence=4, outcome="failed", code="INTERNAL", action="user.create"),
        replace(SIMPLE, sequence=5, code="IDEMPOTENT_REPLAY"),
    )

    assert (summary.entries, summary.outcomes) == (5, Counter(success=2, refused=2, failed=1))
    assert summary.refusals == Counter(NOT_FOUND=2, INTERNAL=1)
    assert summary.actors == Counter({("user", "user"): 4, ("Ada", "user"): 1})
    assert [record.sequence for record in summary.changes] == [1]
    assert [(day, sum(counts.values())) for day, counts in summary.periods()] == [
        ("2026-06-01", 4), ("2026-06-02", 0), ("2026-06-03", 1),
    ]  # fmt: skip
    assert summary.last is not None
    assert summary.last.sequence == 5


def test_many_days_are_counted_by_month() -> None:
    summary = summed(SIMPLE, replace(SIMPLE, occurred_at=AT + timedelta(days=200)))

    periods = summary.periods()

    assert [month for month, _ in periods] == [f"2026-{month:02}" for month in range(6, 13)]
    assert [sum(counts.values()) for _, counts in periods] == [1, 0, 0, 0, 0, 0, 1]


def test_a_page_holds_at_most_so_many_changes_and_says_of_how_many() -> None:
    summary = summed(*(replace(SIMPLE, sequence=number) for number in range(1, CHANGES_LIMIT + 11)))

    written = "".join(page(SCOPE, summary))

    assert f"The latest {CHANGES_LIMIT} of {CHANGES_LIMIT + 10}." in written
    assert len(summary.changes) == CHANGES_LIMIT


def test_a_page_says_what_it_was_made_from_and_what_is_not_audited() -> None:
    written = "".join(page(SCOPE, summed(replace(SIMPLE, sequence=7))))

    assert "from 2026-06-01T12:00:00.000000Z to now" in written
    assert "number 7 of 2026-06-01T12:00:00.000000Z" in written
    assert SIMPLE.hash in written
    for gap in NOT_AUDITED:
        assert gap.what.replace("'", "&#x27;") in written


def test_a_page_names_its_checkpoint_in_its_banner_and_lists_what_was_found() -> None:
    checkpoint = Checkpoint("log.example/<audit>", 7, bytes(32))
    summary = summed(SIMPLE)
    summary.chain.take(*chained(b"1"))

    sound = "".join(page(replace(SCOPE, checkpoint=checkpoint), summary))
    summary.chain.note("Entry 1 is <b>wrong</b>.")
    spoilt = "".join(page(SCOPE, summary))

    assert f"log.example/&lt;audit&gt;, 7 entries, root {b64encode(bytes(32)).decode()}" in sound
    assert "<h2>Findings</h2>\n<p class=soft>None.</p>" in sound
    assert "<li>Entry 1 is &lt;b&gt;wrong&lt;/b&gt;.</li>" in spoilt
    assert "none was signed yet" in spoilt
    assert UNSIGNED.what in spoilt
    assert UNSIGNED.what not in sound


def test_a_page_needs_no_other_file_and_runs_nothing_whatever_names_hold() -> None:
    nasty = replace(
        SIMPLE, actor_name=NASTY, target_name=NASTY, reason=NASTY, code=None,
        changes=(Change(NASTY, NASTY, NASTY), Change("x", "1", None)),
    )  # fmt: skip
    refused = replace(nasty, outcome="refused", code=NASTY)
    written = "".join(page(replace(SCOPE, account=NASTY, source=NASTY), summed(nasty, refused)))
    elements = Elements()
    elements.feed(written)

    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "img", "link", "iframe", "a", "object", "form", "base"}
    for _, attributes in elements.found:
        assert not any(name.startswith("on") or name in {"src", "href", "style"} for name in attributes)
    policy = next(attributes["content"] for tag, attributes in elements.found if "http-equiv" in attributes)
    digest = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'"
    assert re.search(r"<style>(.*?)</style>", written, re.DOTALL)[1] == STYLE  # type: ignore[index]
    assert "://" not in written.replace(NASTY, "")
    assert written.count("alert(1)") == written.count("&lt;script&gt;alert(1)&lt;/script&gt;") * 2


def test_hashes_that_hold_are_said_to_hold() -> None:
    assert verdict_of(chained(b"1", b"2", b"3"))[0] == "good"
    assert verdict_of(chained(b"1", b"2", b"3")[1:])[0] == "good"


@pytest.mark.parametrize("spoilt", ["body", "hash", "prev"])
def test_an_entry_that_was_changed_is_named(spoilt: str) -> None:
    links = chained(b"1", b"2", b"3")
    links[1] = replace(links[1], **{spoilt: bytes(32)})  # type: ignore[arg-type]  # one of the fields of bytes

    kind, words = verdict_of(links)

    assert kind == "bad"
    assert "entry 2" in words.lower()


def test_entries_outside_the_range_leave_the_question_open() -> None:
    first, _, third = chained(b"1", b"2", b"3")

    assert verdict_of([first, third])[0] == "open"


def test_an_archived_body_leaves_the_question_open() -> None:
    summary = summed(SIMPLE)
    summary.chain.skip()

    assert verdict(summary)[0] == "open"


@pytest.mark.parametrize("highest", [0, 1, 5, 6, 10, 99, 100, 12_345, 10_000_000])
def test_a_chart_has_a_few_lines_whatever_the_figures(highest: int) -> None:
    drawn = "".join(chart([("2026-06-01", Counter(success=highest))]))

    assert 2 <= drawn.count("<line ") <= 7
    heights = [float(height) for height in re.findall(r'height="([0-9.]+)"/>', drawn)]
    assert len(heights) == (1 if highest else 0)
    assert all(height <= 260 - 12 - 34 for height in heights)


def test_no_gap_is_told_twice() -> None:
    assert len({gap.what for gap in NOT_AUDITED}) == len(NOT_AUDITED)
    assert all(gap.why.endswith(".") and not gap.what.endswith(".") for gap in NOT_AUDITED)
