"""`anchorage audit report`: what an account's entries amount to, as a page for people or as rows."""

from contextlib import aclosing
from enum import StrEnum
from typing import Annotated

import typer

from app.audit.checkpoint import NoteInvalid
from app.audit.entry import leaf
from app.audit.merkle import ProofInvalid
from app.audit.proof import Receipt
from app.audit.records import Record
from app.audit.report import Link, Scope, Summary
from app.audit.report_page import page, verdict
from app.audit.row_forms import RowForm
from app.audit.stored import StoredEntry
from app.commands.audit_copy import Copy, End, Output, Start, TreeSize, Words, copied, say_what_it_is, take
from app.commands.output import Write, written_whole
from app.commands.running import AccountId, say
from app.installation import Installation
from app.services.audit_export import last_receipts


class ReportForm(StrEnum):
    """A page for people, or the same entries as rows."""

    HTML = "html"
    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"


def report(
    account: AccountId,
    form: Annotated[ReportForm, typer.Option("--format", help="html is one page that needs no other file.")],
    *,
    start: Start = None,
    end: End = None,
    tree_size: TreeSize = None,
    output: Output = None,
) -> None:
    """Report on an account's entries. The report is recorded as an export."""
    words = Words(
        command="report", account=account, form=form.value, output=output, start=start, end=end, tree_size=tree_size
    )
    words.require_fit()

    async def action(installation: Installation) -> None:
        asked = words.asked()
        with written_whole(output) as write:
            async with copied(installation, words, asked) as copy:
                summary = await _written(copy, words, form, write)
        say.print(verdict(summary)[1], markup=False)
        say_what_it_is(copy.header)

    take(action)


async def _written(copy: Copy, words: Words, form: ReportForm, write: Write) -> Summary:
    summary = Summary()

    def see(entry: StoredEntry, record: Record) -> None:
        summary.add(record)
        if entry.body is None:
            summary.chain.skip()
        else:
            summary.chain.take(Link(entry.stream, entry.aseq, entry.prev, entry.body, entry.hash))

    if form is not ReportForm.HTML:
        await copy.write_rows(RowForm(form.value), words.output, write, see)
        await _check_receipts(copy, summary)
        return summary
    async with aclosing(copy.records()) as found:
        async for entry, record in found:
            see(entry, record)
    await _check_receipts(copy, summary)
    for piece in page(_scope(copy), summary):
        write(piece.encode())
    return summary


async def _check_receipts(copy: Copy, summary: Summary) -> None:
    upto = copy.plan.upto
    if upto is None:
        return
    for one in await last_receipts(copy.connection, copy.plan):
        end = summary.chain.end(one.stream)
        if end is None or end[0] != one.aseq:
            # Its body is gone, which is told; so is that it could not be checked.
            continue
        try:
            Receipt.parse(one.receipt).require_proves(leaf(end[1]), [upto.vkey])
        except (NoteInvalid, ProofInvalid) as error:
            summary.chain.note(f"Entry {one.aseq} is not in the tree that was signed: {error}")
        else:
            summary.is_covered = True


def _scope(copy: Copy) -> Scope:
    header = copy.header
    return Scope(
        account=f"{header.account_name} ({header.account_id})",
        start=header.selection.start,
        end=header.selection.end,
        made_at=header.made_at,
        source="the database",
        checkpoint=None if header.proof is None else header.proof.checkpoint,
    )
