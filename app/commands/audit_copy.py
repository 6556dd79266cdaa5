"""A copy of the log, as `export` and `report` take one: what is asked, recorded first, from one snapshot."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from app import __version__
from app.audit.checkpoint import Checkpoint, Note, NoteInvalid
from app.audit.export import Begun, Header, NotAnExport, Selection
from app.audit.receipts import TreeDamaged
from app.audit.records import Record, record_of
from app.audit.report_page import in_words
from app.audit.row_forms import Beside, RowForm, rows_of
from app.audit.stored import StoredEntry
from app.commands.output import Bar, Write, drop_standard_output, written_whole
from app.commands.running import USAGE, instant, object_id, run, say, stop
from app.installation import Installation
from app.services.audit_export import (
    Asked,
    ExportAuditLog,
    HistoryDiffers,
    Plan,
    covered_soon,
    entries,
    planned,
    resumed,
)
from app.store.connection import Connection
from app.store.export_lines import EntriesMissing
from app.store.instants import shared_snapshots

CONNECTIONS = 2
"""How many read at once: one has its next page under way while that of the other is written."""
INTERRUPTED = 130
DAMAGED = UNREAD = 1

Start = Annotated[str | None, typer.Option(metavar="INSTANT", help="From here on; a date is its first instant in UTC.")]
End = Annotated[str | None, typer.Option(metavar="INSTANT", help="Up to here, itself not included.")]
TreeSize = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="What the signed checkpoint of exactly this size covers.")
]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Standard output when absent.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is asked for, in the words of the command line. `command` is `export` or `report`."""

    command: str
    account: str
    form: str
    output: Path | None
    start: str | None = None
    end: str | None = None
    tree_size: int | None = None
    certificate: str | None = None
    after: int = 0
    personal_data: bool = True
    trusted: tuple[Path, ...] = ()

    def require_fit(self) -> None:
        """End the command where the words contradict one another."""
        has_range = self.start is not None or self.end is not None
        if self.certificate is not None and (has_range or self.after):
            stop("--certificate takes the whole stream, to be complete: not with --start, --end or --after.", USAGE)
        if self.tree_size is not None and has_range:
            stop("A range is one of time, or exact by --tree-size: not both.", USAGE)

    def asked(self) -> Asked:
        """The same, understood. Raises InvalidInput; a file that is no checkpoint ends the command."""
        start, end = (None if text is None else instant(text) for text in (self.start, self.end))
        return Asked(
            account_id=object_id(self.account),
            selection=Selection(start, end, None if self.certificate is None else object_id(self.certificate)),
            tree_size=self.tree_size,
            after=self.after,
            personal_data=self.personal_data,
            trusted=tuple(_checkpoint(path) for path in self.trusted),
        )


@dataclass(frozen=True, slots=True)
class Copy:
    """The log as of one instant, and what of it is copied. `beside`: more connections that read as of that instant."""

    connection: Connection
    beside: Sequence[Connection]
    plan: Plan

    @property
    def header(self) -> Header:
        """What every form of the copy names."""
        return self.plan.header

    async def records(self) -> AsyncGenerator[tuple[StoredEntry, Record], None]:
        """What is copied, entry by entry, with a bar that shows how far."""
        with closing(Bar("Exporting")) as bar:
            async with aclosing(entries(self.connection, self.header)) as found:
                async for entry in bar.through(found, self.header.entries):
                    yield entry, record_of(entry)

    async def write_rows(
        self, form: RowForm, output: Path | None, write: Write, see: Callable[[StoredEntry, Record], None]
    ) -> None:
        """Write the entries as rows; a form that cannot name its checkpoint gets a file beside it that does."""
        beside = Beside(form, self.header)

        def noted(data: bytes) -> None:
            beside.take(data)
            write(data)

        rows = rows_of(form, noted, self.header)
        async with aclosing(self.records()) as found:
            async for entry, record in found:
                see(entry, record)
                rows.add(entry, record)
                beside.rows += 1
        rows.end()
        if output is not None and form is not RowForm.PARQUET:
            with written_whole(output.with_name(f"{output.name}.meta.json")) as write_beside:
                write_beside(beside.text(output.name))


@asynccontextmanager
async def copied(
    installation: Installation, words: Words, asked: Asked, begun: Begun | None = None
) -> AsyncIterator[Copy]:
    """Record that a copy is taken, wait for a checkpoint that covers the record, and look at the log as of then.

    Nobody has a copy of the log that the log does not know of. Raises what `planned` and `resumed` raise.
    """
    recorded = await installation.door.perform(
        installation.operator(asked.account_id),
        ExportAuditLog(words.form),
        installation.origin(f"anchorage audit {words.command}"),
    )
    if begun is None and asked.tree_size is None:
        await covered_soon(installation.database, installation.signing, asked.account_id, recorded.entry_id)
    async with shared_snapshots(installation.database, CONNECTIONS) as (connection, *beside):
        if begun is None:
            software = f"anchorage/{__version__}"
            plan = await planned(connection, asked, made_at=installation.clock(), software=software)
        else:
            plan = await resumed(connection, asked, begun)
        yield Copy(connection, beside, plan)


def take(action: Callable[[Installation], Coroutine[Any, Any, None]], *, kept: str | None = None) -> None:
    """Run an action that copies the log, with whatever keeps it from its end told in a sentence.

    `kept` says what becomes of a file that is not whole.
    """

    async def read_to_its_end(installation: Installation) -> None:
        try:
            await action(installation)
        except BrokenPipeError:
            drop_standard_output()
            raise typer.Exit(UNREAD) from None

    try:
        run(read_to_its_end)
    except NotAnExport as error:
        stop(f"The file that was begun cannot be continued. {error}", USAGE)
    except (HistoryDiffers, TreeDamaged, EntriesMissing) as error:
        stop(str(error), DAMAGED)
    except (KeyboardInterrupt, asyncio.CancelledError):
        say.print("Interrupted." if kept is None else f"Interrupted. {kept}", markup=False)
        raise typer.Exit(INTERRUPTED) from None


def say_what_it_is(header: Header) -> None:
    """Name the checkpoint, and what the log does not say."""
    checkpoint = None if header.proof is None else header.proof.checkpoint
    say.print(f"{header.entries} entries. Checkpoint: {in_words(checkpoint)}.", markup=False)
    say.print("What is not audited:", markup=False)
    for gap in header.gaps:
        say.print(f"  {gap.what}. {gap.why}", markup=False, style="dim")


def _checkpoint(path: Path) -> Checkpoint:
    try:
        return Checkpoint.parse(Note.parse(path.read_text(encoding="utf-8")).text)
    except (NoteInvalid, UnicodeDecodeError) as error:
        stop(f"{path} is no checkpoint: {error}", USAGE)
