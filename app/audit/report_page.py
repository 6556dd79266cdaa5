"""A report as one page of HTML that needs nothing from anywhere: no script, no other file, no other host."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape

from app.audit.checkpoint import Checkpoint
from app.audit.coverage import NOT_AUDITED, UNSIGNED
from app.audit.records import Change, Record
from app.audit.report import CHANGES_LIMIT, OUTCOMES, TOP, Scope, Summary
from app.audit.report_chart import chart
from app.clock import to_text

STYLE = """
:root { color-scheme: light; --ink: #1c2430; --soft: #5b6675; --line: #d9dee5; --paper: #fff; --wash: #f5f7f9; }
body { margin: 0 auto; padding: 32px; max-width: 1040px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 36px 0 10px; }
p { margin: 0 0 10px; } .soft { color: var(--soft); }
.banner p:last-child { margin: 0; }
.banner { margin: 20px 0; padding: 14px 18px; border-left: 6px solid #2f7d4f; background: #eef6f1; }
.banner.bad { border-color: #b3261e; background: #fbeeed; } .banner.open { border-color: #8a6d1a; background: #faf5e6; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.w { white-space: nowrap; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; } svg line { stroke: var(--line); } svg text { font-size: 12px; fill: var(--soft); }
svg .x { text-anchor: middle; } svg .y { text-anchor: end; }
.success { fill: #3b7dd8; } .refused { fill: #e08a1e; } .failed { fill: #b3261e; }
.key { display: inline-block; width: 12px; height: 12px; margin: 0 6px 0 14px; }
.key.success { background: #3b7dd8; } .key.refused { background: #e08a1e; } .key.failed { background: #b3261e; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; }
dt { color: var(--soft); } dd { margin: 0; }
@media print { body { padding: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def page(scope: Scope, summary: Summary) -> Iterator[str]:
    """The report, piece by piece."""
    policy = f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>Audit report, {escape(scope.account)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    yield f"<h1>Audit report</h1>\n<p class=soft>{escape(scope.account)}</p>\n"
    yield from _banner(scope, summary)
    yield from _made_from(scope, summary)
    yield from _chart(summary)
    yield from _table("Refusals and failures by code", ("Code", "Entries"), summary.refusals.most_common())
    actors = [(f"{name} ({kind})", count) for (name, kind), count in summary.actors.most_common(TOP)]
    yield from _table(f"Most active, of {len(summary.actors)}", ("Who", "Entries"), actors)
    yield from _changes(summary)
    yield from _findings(summary)
    yield "<h2>What is not audited</h2>\n<dl>\n"
    for gap in NOT_AUDITED if scope.checkpoint is not None else (*NOT_AUDITED, UNSIGNED):
        yield f"<dt>{escape(gap.what)}</dt><dd>{escape(gap.why)}</dd>\n"
    yield "</dl>\n</body>\n</html>\n"


def verdict(summary: Summary) -> tuple[str, str]:
    """What the hashes of the entries prove: `good`, `bad` or `open`, and in words."""
    chain = summary.chain
    if chain.problems:
        return "bad", f"These entries were tampered with. {' '.join(chain.problems)}"
    if not summary.entries:
        return "open", "There are no entries in this range."
    if open_questions := questions(summary):
        return "open", " ".join(open_questions)
    words = (
        f"The hashes of all {chain.checked} entries were computed again: none was changed, and none is missing between"
        " the first and the last."
    )
    return "good", f"{words} The last one stands in the signed tree." if summary.is_covered else words


def questions(summary: Summary) -> list[str]:
    """What the entries leave open, in sentences."""
    chain = summary.chain
    told = []
    if chain.unchecked:
        told.append(f"{chain.unchecked} of {summary.entries} entries have no body any more and could not be checked.")
    if chain.left_out:
        told.append(f"The range leaves out entries in {chain.left_out} places: verify the whole log to rule out a gap.")
    return told


def in_words(checkpoint: Checkpoint | None) -> str:
    """A checkpoint in one line: whose tree, of how many entries, and its root."""
    if checkpoint is None:
        return "none was signed yet"
    return f"{checkpoint.origin}, {checkpoint.size} entries, root {b64encode(checkpoint.root).decode()}"


def _banner(scope: Scope, summary: Summary) -> Iterator[str]:
    kind, words = verdict(summary)
    yield f'<div class="banner {kind}"><p>{escape(words)}</p>\n'
    yield f"<p>Checkpoint: <code>{escape(in_words(scope.checkpoint))}</code></p></div>\n"


def _findings(summary: Summary) -> Iterator[str]:
    yield "<h2>Findings</h2>\n"
    found = [*summary.chain.problems, *questions(summary)]
    if not found:
        yield "<p class=soft>None.</p>\n"
        return
    yield "<ul>\n" + "".join(f"<li>{escape(one)}</li>\n" for one in found) + "</ul>\n"


def _made_from(scope: Scope, summary: Summary) -> Iterator[str]:
    start = "the beginning" if scope.start is None else to_text(scope.start)
    end = "now" if scope.end is None else f"{to_text(scope.end)}, not included"
    told = {
        "Range": f"from {start} to {end}",
        "Entries": f"{summary.entries}: " + ", ".join(f"{summary.outcomes[each]} {each}" for each in OUTCOMES),
        "Made": f"{to_text(scope.made_at)}, from {scope.source}",
    }
    yield "<dl>\n"
    for name, words in told.items():
        yield f"<dt>{name}</dt><dd>{escape(words)}</dd>\n"
    if summary.last is not None:
        last = summary.last
        yield f"<dt>Last entry</dt><dd>number {last.sequence} of {to_text(last.occurred_at)},<br>"
        yield f"<code>{escape(last.hash)}</code></dd>\n"
    yield "</dl>\n<p class=soft>Keep this page: whoever has its checkpoint, or the number and the hash of an entry, can"
    yield " prove later whether the log before it is still the same.</p>\n"


def _chart(summary: Summary) -> Iterator[str]:
    periods = summary.periods()
    yield "<h2>Entries by outcome</h2>\n<p class=soft>"
    for outcome in OUTCOMES:
        yield f'<span class="key {outcome}"></span>{outcome}'
    yield "</p>\n"
    yield from chart(periods)
    yield "<details><summary>Figures</summary>\n<table>\n<tr><th>When</th>"
    yield "".join(f"<th class=n>{outcome}</th>" for outcome in OUTCOMES) + "</tr>\n"
    for name, counts in periods:
        yield (
            f"<tr><td>{escape(name)}</td>"
            + "".join(f"<td class=n>{counts[each]}</td>" for each in OUTCOMES)
            + "</tr>\n"
        )
    yield "</table>\n</details>\n"


def _table(title: str, columns: tuple[str, str], rows: Sequence[tuple[str, int]]) -> Iterator[str]:
    yield f"<h2>{escape(title)}</h2>\n"
    if not rows:
        yield "<p class=soft>None.</p>\n"
        return
    yield f"<table>\n<tr><th>{columns[0]}</th><th class=n>{columns[1]}</th></tr>\n"
    for name, count in rows:
        yield f"<tr><td>{escape(name)}</td><td class=n>{count}</td></tr>\n"
    yield "</table>\n"


def _changes(summary: Summary) -> Iterator[str]:
    yield "<h2>Changes to trusted certificates</h2>\n"
    if summary.changes_in_all > CHANGES_LIMIT:
        yield f"<p class=soft>The latest {CHANGES_LIMIT} of {summary.changes_in_all}.</p>\n"
    if not summary.changes:
        yield "<p class=soft>None.</p>\n"
        return
    yield "<table>\n<tr><th class=n>No.</th><th>When (UTC)</th><th>What</th><th>Certificate</th><th>Who</th>"
    yield "<th>Why, and what changed</th></tr>\n"
    for record in summary.changes:
        yield from _change(record)
    yield "</table>\n"


def _change(record: Record) -> Iterator[str]:
    yield f"<tr><td class=n>{record.sequence}</td>"
    yield f"<td class=w>{record.occurred_at:%Y-%m-%d %H:%M:%S}</td><td class=w>{escape(record.action)}</td>"
    yield f"<td>{escape(record.target_name or record.target_id or '')}</td><td>{escape(record.actor)}</td>"
    yield f"<td>{_words(record.reason, record.changes)}</td></tr>\n"


def _words(reason: str | None, changes: Sequence[Change]) -> str:
    words = [] if reason is None else [f"“{escape(reason)}”"]
    came_or_went = all(one.before is None for one in changes) or all(one.after is None for one in changes)
    if not came_or_went:
        # Versions and times change with everything.
        words += [_in_words(one) for one in changes if one.field not in {"version", "updated_at", "updatedAt"}]
    return "<br>".join(words)


def _in_words(change: Change) -> str:
    before, after = (escape("none" if value is None else value) for value in (change.before, change.after))
    return f"{escape(change.field)}: {before} → {after}"
