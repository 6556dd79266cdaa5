#!/usr/bin/env python3
"""An auditor's report, made from the outside: through the API, with an auditor's key, for any range of the log.

    scripts/audit_report.py --url http://127.0.0.1:8000 --key-file auditor-key \
        --start 2026-01-01 --end 2026-04-01 --format html --output first-quarter.html

It reads the log to its end as it is now, computes the hash of every entry again, and says what it found: in the page,
and by its exit status. 0: every hash is right; 1: entries were tampered with, or the API refused; 2: it cannot be told.
"""

import argparse
import asyncio
import os
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from rich.console import Console

# It is run by its path, also where nothing of this is installed but what it needs.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.audit.api_source import ApiEvent, link_of, record_of_event
from app.audit.checkpoint import Checkpoint, NoteInvalid, VerifierKey, open_checkpoint
from app.audit.coverage import NOT_AUDITED
from app.audit.records import csv_header, csv_line, json_line
from app.audit.report import Scope, Summary
from app.audit.report_page import in_words, page, verdict
from app.commands.output import Bar, Write, drop_standard_output, written_whole
from scripts.audit_api import AuditApi, Standing, Unanswered

EXIT = {"good": 0, "bad": 1, "open": 2}
USAGE = 64

say = Console(stderr=True, highlight=False, soft_wrap=True)


class Words(argparse.ArgumentParser):
    """A command line that ends with 64 for words that it does not know: 1 and 2 are answers about the log."""

    def error(self, message: str) -> NoReturn:
        """See the library."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """What the command line asks for."""

    url: str
    key: str
    start: datetime | None
    end: datetime | None
    form: str
    output: Path | None


def main() -> int:
    """Make the report; answers the exit status."""
    try:
        return asyncio.run(report(parsed(sys.argv[1:])))
    except Unanswered as problem:
        say.print(str(problem), style="red", markup=False)
        return 1
    except BrokenPipeError:
        drop_standard_output()
        return 1
    except OSError as error:
        say.print(f"The report cannot be written: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130


def parsed(arguments: list[str]) -> Asked:
    """The command line's words. Ends the program with status 64 for ones that it does not know."""
    parser = Words(prog="audit_report.py", description="Report on the audit log of an account, through its API.")
    parser.add_argument("--url", required=True, help="the server, for example https://anchorage.example")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--key", help="an API key that may read the audit log; better in ANCHORAGE_KEY or a file")
    keys.add_argument("--key-file", type=Path, help="a file that holds the key and nothing else")
    parser.add_argument("--start", type=instant, help="from here on; a date is its first instant in UTC")
    parser.add_argument("--end", type=instant, help="up to here, itself not included")
    parser.add_argument("--format", choices=("html", "csv", "jsonl"), default="html")
    parser.add_argument("--output", type=Path, help="standard output when absent")
    given = parser.parse_args(arguments)
    try:
        key = given.key_file.read_text(encoding="ascii") if given.key_file else given.key
    except (OSError, UnicodeDecodeError) as problem:
        parser.error(f"the key cannot be read: {problem}")
    key = (key or os.environ.get("ANCHORAGE_KEY", "")).strip()
    if not key:
        parser.error("a key is needed: --key-file, ANCHORAGE_KEY or --key")
    return Asked(given.url, key, given.start, given.end, given.format, given.output)


def instant(text: str) -> datetime:
    """An instant from ISO 8601 text; no zone means UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


async def report(asked: Asked) -> int:
    """Read the range, write the report, and say what it amounts to."""
    made_at = datetime.now(UTC)
    summary = Summary()
    async with AuditApi.opened(asked.url, asked.key) as api:
        standing = await api.standing()
        scope = Scope(
            account=standing.account,
            start=asked.start,
            end=asked.end,
            made_at=made_at,
            source=asked.url,
            checkpoint=checkpoint_of(standing, summary),
        )
        with closing(Bar("Reading the log")) as bar, written_whole(asked.output) as write:
            if asked.form == "csv":
                write(csv_header().encode())
            async for event in api.events(asked.start, asked.end, last=standing.last):
                take(event, asked.form, summary, write)
                bar.show(event.sequence, standing.last)
            if asked.form == "html":
                for piece in page(scope, summary):
                    write(piece.encode())
    return told(scope, summary)


def take(event: ApiEvent, form: str, summary: Summary, write: Write) -> None:
    """Count one entry, check it, and write its row."""
    record = record_of_event(event)
    summary.add(record)
    link = link_of(event)
    if link is None:
        summary.chain.skip()
    else:
        summary.chain.take(link)
    if form != "html":
        write((csv_line(record) if form == "csv" else json_line(record)).encode())


def checkpoint_of(standing: Standing, summary: Summary) -> Checkpoint | None:
    """The checkpoint that the server names; one that its own key did not sign is a finding."""
    if standing.note is None or standing.vkey is None:
        return None
    try:
        return open_checkpoint(standing.note, [VerifierKey.parse(standing.vkey)])
    except NoteInvalid as problem:
        summary.chain.note(f"The server's checkpoint is none: {problem}")
        return None


def told(scope: Scope, summary: Summary) -> int:
    """Say what the report amounts to, on standard error; answers the exit status."""
    kind, words = verdict(summary)
    say.print(words, markup=False, style="red" if kind == "bad" else None)
    if summary.last is not None:
        say.print(f"Last entry: number {summary.last.sequence}, {summary.last.hash}", markup=False)
    say.print(f"Checkpoint: {in_words(scope.checkpoint)}.", markup=False)
    say.print("What is not audited:", markup=False)
    for gap in NOT_AUDITED:
        say.print(f"  {gap.what}. {gap.why}", markup=False, style="dim")
    return EXIT[kind]


if __name__ == "__main__":
    sys.exit(main())
