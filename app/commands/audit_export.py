"""`anchorage audit export`: an account's entries as evidence, or as rows for other programs."""

import sys
from contextlib import aclosing, closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.audit.export import Begun, footer, read_begun
from app.audit.row_forms import RowForm
from app.commands.audit_copy import (
    Copy,
    End,
    Output,
    Start,
    TreeSize,
    Words,
    copied,
    say_what_it_is,
    take,
)
from app.commands.audit_log import export_static
from app.commands.output import Bar, Write, WritingBehind, written_onward, written_whole
from app.commands.running import USAGE, AsJson, stop
from app.installation import Installation
from app.services.audit_export import last_receipts, lines

KEPT = "What was written is kept beside the file: the same words with --resume go on from there."


class ExportForm(StrEnum):
    """The primary evidence, or what a spreadsheet, a data tool or a SIEM takes in."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    OCSF = "ocsf"


Form = Annotated[ExportForm, typer.Option("--format", help="jsonl is the evidence itself, to the byte.")]
CertificateId = Annotated[
    str | None, typer.Option("--certificate", metavar="ID", help="Only this one's entries; the rest as their hashes.")
]
After = Annotated[int, typer.Option(metavar="N", min=0, help="Only entries after this number: where a file ended.")]
Trusted = Annotated[
    list[Path] | None,
    typer.Option(
        "--trusted-checkpoint", metavar="FILE", exists=True, dir_okay=False,
        help="Prove that the log continues this checkpoint; may be given again.",
    ),
]  # fmt: skip
WithoutPersonalData = Annotated[
    bool, typer.Option("--without-personal-data", help="Leave out names and addresses; every hash still holds.")
]
Account = Annotated[str | None, typer.Option("--account", metavar="ID", help="Whose entries: the account's id.")]
Static = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Instead: the signed tree as files, the same bytes as /log/ serves, for a mirror."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an export to this file that was interrupted.")]


def export(
    *,
    account: Account = None,
    form: Form = ExportForm.JSONL,
    static: Static = None,
    as_json: AsJson = False,
    start: Start = None,
    end: End = None,
    tree_size: TreeSize = None,
    certificate: CertificateId = None,
    after: After = 0,
    without_personal_data: WithoutPersonalData = False,
    trusted_checkpoint: Trusted = None,
    resume: Resume = False,
    output: Output = None,
) -> None:
    """Write an account's entries to a file, or the tree to a directory. Recorded itself, before its first line."""
    if static is not None:
        _copy_tree(static, account, output, as_json=as_json)
        return
    if account is None:
        stop("Whose entries? --account ID names them, and --static DIR takes the whole tree.", USAGE)
    words = Words(
        command="export",
        account=account,
        form=form.value,
        output=output,
        start=start,
        end=end,
        tree_size=tree_size,
        certificate=certificate,
        after=after,
        personal_data=not without_personal_data,
        trusted=tuple(trusted_checkpoint or ()),
    )
    words.require_fit()
    _export(words, form, resume=resume)


def _copy_tree(directory: Path, account: str | None, output: Path | None, *, as_json: bool) -> None:
    if account is not None or output is not None:
        stop("--static copies the whole tree, which names no account, into its own directory.", USAGE)
    export_static(directory, in_json=as_json)


def _export(words: Words, form: ExportForm, *, resume: bool) -> None:
    output = words.output
    if form is not ExportForm.JSONL:
        if resume:
            stop("Only jsonl can be resumed; other forms go on from where a file ended with --after.", USAGE)
        _export_rows(words, RowForm(form.value))
    elif output is None:
        if resume:
            stop("--resume goes on with a file: name it with --output.", USAGE)
        take(lambda installation: _to_standard_output(installation, words))
    else:
        path = output
        take(lambda installation: _to_file(installation, words, path, resume=resume), kept=KEPT)


def _export_rows(words: Words, form: RowForm) -> None:
    async def action(installation: Installation) -> None:
        asked = words.asked()
        with written_whole(words.output) as write:
            async with copied(installation, words, asked) as copy:
                await copy.write_rows(form, words.output, write, lambda _entry, _record: None)
        say_what_it_is(copy.header)

    take(action)


async def _to_standard_output(installation: Installation, words: Words) -> None:
    async with copied(installation, words, words.asked()) as copy:
        await _write_evidence(copy, None, sys.stdout.buffer.write)
    sys.stdout.buffer.flush()
    say_what_it_is(copy.header)


async def _to_file(installation: Installation, words: Words, path: Path, *, resume: bool) -> None:
    asked = words.asked()
    with written_onward(path) as part:
        begun: Begun | None = None
        if resume:
            with part.read() as file:
                begun = read_begun(file)
        part.cut(0 if begun is None else begun.length)
        if begun is not None and begun.is_ended:
            return
        async with copied(installation, words, asked, begun) as copy:
            await _write_evidence(copy, begun, part.write)
    say_what_it_is(copy.header)


async def _write_evidence(copy: Copy, begun: Begun | None, write: Write) -> None:
    header = copy.header
    written, withheld = (0, 0) if begun is None else (begun.entries, begun.withheld)
    if begun is None:
        write(header.line)
    rest = header.runs if begun is None else tuple(begun.rest())
    with closing(Bar("Exporting")) as bar:
        async with (
            aclosing(WritingBehind(write)) as behind,
            aclosing(lines(copy.connection, header, rest, copy.beside)) as found,
        ):
            async for some in found:
                await behind.write(some.text)
                written, withheld = written + some.entries, withheld + some.withheld
                bar.show(written, header.entries)
            await behind.finish()
    write(footer(written, withheld, await last_receipts(copy.connection, copy.plan)))
