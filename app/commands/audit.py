"""`anchorage audit …`: verify the log, export it, and report from it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer._click.exceptions import UsageError  # the framework has no public name for it
from typer.core import TyperCommand

from app.audit.coverage import NOT_AUDITED
from app.audit.records import csv_header, csv_line, evidence_line, json_line, record_of
from app.audit.report import Link, Scope, Summary
from app.audit.report_page import page, verdict
from app.audit.stored import StoredEntry, Verdict, Verification
from app.commands.output import Bar, Write, drop_standard_output, written_whole
from app.commands.running import AccountId, AsJson, instant, load_settings, object_id, run, say, stop
from app.errors import StoreUnavailable
from app.installation import Installation
from app.services.audit_export import ExportAuditLog, Interval, exported
from app.services.verification import verify_url
from app.services.verification_answer import as_json
from app.store import reads
from app.store.connection import CannotOpen

commands = typer.Typer(help="Verify, export and report the audit log.", no_args_is_help=True)

EXIT = {Verdict.VERIFIED: 0, Verdict.TAMPERED: 1, Verdict.UNDECIDABLE: 2}
USAGE = 64


class ExportForm(StrEnum):
    """The primary evidence, or what a spreadsheet opens."""

    JSONL = "jsonl"
    CSV = "csv"


class ReportForm(StrEnum):
    """A page for people, or the same entries as rows."""

    HTML = "html"
    CSV = "csv"
    JSONL = "jsonl"


Start = Annotated[str | None, typer.Option(metavar="INSTANT", help="From here on; a date is its first instant in UTC.")]
End = Annotated[str | None, typer.Option(metavar="INSTANT", help="Up to here, itself not included.")]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Standard output when absent.")]


class VerifyCommand(TyperCommand):
    """Ends with 64 for words that it does not know: 1 and 2 are answers about the log."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the framework's own signature
        """See the framework."""
        try:
            return super().make_context(*args, **kwargs)
        except UsageError as error:
            error.exit_code = USAGE
            raise


@commands.command("verify", cls=VerifyCommand)
def verify(*, in_json: AsJson = False) -> None:
    """Check every entry of the log, and the state against it. Ends with 0 verified, 1 tampering, 2 undecidable."""
    url = load_settings().store_url
    try:
        with closing(Bar("Verifying")) as bar:
            verification = asyncio.run(verify_url(url, bar.show))
    except (CannotOpen, StoreUnavailable, OSError) as error:
        stop(f"The log cannot be verified: {error}", EXIT[Verdict.UNDECIDABLE])
    _show(verification, in_json=in_json)
    raise typer.Exit(EXIT[verification.verdict])


@commands.command("export")
def export(
    account: AccountId,
    form: Annotated[ExportForm, typer.Option("--format", help="jsonl is the evidence itself, to the byte.")],
    *,
    start: Start = None,
    end: End = None,
    output: Output = None,
) -> None:
    """Write an account's entries to a file. The export is itself recorded, before its first line."""

    async def rows(entries: AsyncIterator[StoredEntry], write: Write, _: Scope) -> None:
        if form is ExportForm.CSV:
            write(csv_header().encode())
        async for entry in entries:
            write(evidence_line(entry) if form is ExportForm.JSONL else csv_line(record_of(entry)).encode())

    _export("export", account, form.value, _Asked(start, end, output), rows)


@commands.command("report")
def report(
    account: AccountId,
    form: Annotated[ReportForm, typer.Option("--format", help="html is one page that needs no other file.")],
    *,
    start: Start = None,
    end: End = None,
    output: Output = None,
) -> None:
    """Report on an account's entries. The report is recorded as an export."""

    async def written(entries: AsyncIterator[StoredEntry], write: Write, scope: Scope) -> None:
        summary = Summary()
        if form is ReportForm.CSV:
            write(csv_header().encode())
        async for entry in entries:
            record = record_of(entry)
            summary.add(record)
            _check(entry, summary)
            if form is not ReportForm.HTML:
                write((csv_line(record) if form is ReportForm.CSV else json_line(record)).encode())
        if form is ReportForm.HTML:
            for piece in page(scope, summary):
                write(piece.encode())
        _say_what_it_is(summary)

    _export("report", account, form.value, _Asked(start, end, output), written)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A range and a place, in the words of the command line."""

    start: str | None
    end: str | None
    output: Path | None

    def interval(self) -> Interval:
        """Raises InvalidInput."""
        first, last = (None if text is None else instant(text) for text in (self.start, self.end))
        return Interval(first, last)


def _export(
    words: str,
    account: str,
    form: str,
    asked: _Asked,
    written: Callable[[AsyncIterator[StoredEntry], Write, Scope], Awaitable[None]],
) -> None:
    async def action(installation: Installation) -> None:
        account_id, interval = object_id(account), asked.interval()
        origin = installation.origin(f"anchorage audit {words}")
        # Recorded before anything is read: nobody has a copy of the log that the log does not know of.
        await installation.door.perform(installation.operator(account_id), ExportAuditLog(form), origin)
        account_row = await reads.account(installation.database.reads, account_id)
        name = "" if account_row is None else account_row.name
        scope = Scope(
            account=f"{name} ({account_id})",
            start=interval.start,
            end=interval.end,
            made_at=installation.clock(),
            source="the database",
        )
        async with exported(installation.database, account_id, interval) as (count, entries):
            with closing(Bar("Exporting")) as bar, written_whole(asked.output) as write:
                try:
                    await written(bar.through(entries, count), write, scope)
                except BrokenPipeError:
                    drop_standard_output()
                    raise typer.Exit(1) from None

    run(action)


def _check(entry: StoredEntry, summary: Summary) -> None:
    if entry.body is None:
        summary.chain.skip()
    else:
        summary.chain.take(Link(entry.stream, entry.aseq, entry.prev, entry.body, entry.hash))


def _say_what_it_is(summary: Summary) -> None:
    _, words = verdict(summary)
    say.print(words, markup=False)
    say.print("What is not audited:", markup=False)
    for gap in NOT_AUDITED:
        say.print(f"  {gap.what}. {gap.why}", markup=False, style="dim")


def _show(verification: Verification, *, in_json: bool) -> None:
    if in_json:
        sys.stdout.write(f"{json.dumps(as_json(verification), ensure_ascii=False, indent=2)}\n")
        return
    for finding in verification.findings:
        where = "" if finding.stream is None else f"{finding.stream} entry {finding.aseq}: "
        say.print(f"{finding.code}  {where}{finding.message}", style="red", markup=False)
    hidden = sum(verification.counts.values()) - len(verification.findings)
    if hidden:
        say.print(f"… and {hidden} more.", style="red")
    for removal in verification.removals:
        what, verb = {"erasure": ("disclosures", "erased"), "retention": ("bodies", "archived")}[removal.kind.value]
        say.print(
            f"{removal.count} {what} of {removal.target} {verb}, by {removal.stream} entry {removal.aseq}",
            markup=False,
            style="dim",
        )
    sys.stdout.write(
        f"{verification.verdict.value}: {verification.entries} entries in {verification.streams} streams,"
        f" {verification.objects} objects of the state\n"
    )
