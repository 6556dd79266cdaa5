"""`anchorage audit …`: verify the log, export it, report from it, and watch that it only grows."""

import asyncio
import json
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from app.audit.checkpoint import NoteInvalid
from app.audit.stored import Verdict, Verification
from app.audit.verify_tree import Trusted, trusted_from
from app.commands.audit_export import export
from app.commands.audit_log import EXIT, Kept, Key, PublicAddress, trusted_checkpoint, verify_public_log, watch
from app.commands.audit_report import report
from app.commands.output import Bar
from app.commands.running import USAGE, AnsweringCommand, AsJson, load_settings, say, stop
from app.errors import StoreUnavailable
from app.services.verification import verify_url
from app.services.verification_answer import as_json
from app.store.connection import CannotOpen

Database = Annotated[
    str | None, typer.Option(metavar="URL", help="Check this database, for example a restored copy: sqlite://… .")
]

commands = typer.Typer(help="Verify, export and report the audit log.", no_args_is_help=True)


@commands.command("verify", cls=AnsweringCommand)
def verify(
    *,
    log_url: PublicAddress = None,
    database: Database = None,
    trusted: Kept = None,
    vkey: Key = None,
    in_json: AsJson = False,
) -> None:
    """Check every entry of the log, and the state against it. Ends with 0 verified, 1 tampering, 2 undecidable.

    Without --url the database is checked: that of the settings, against the checkpoints that are kept beside it, or the
    one that is named.
    """
    kept = [trusted_checkpoint(path) for path in trusted or []]
    if log_url is not None:
        if database is not None:
            stop("Either --url or --database: a log's address has no database.", USAGE)
        verify_public_log(log_url, kept, vkey, in_json=in_json)
    if vkey is not None:
        stop("--vkey goes with --url: a database names its own key.", USAGE)
    url = database
    if url is None:
        settings = load_settings()
        url = settings.store_url
        kept += _own(settings.checkpoint_files)
    try:
        with closing(Bar("Verifying")) as bar:
            verification = asyncio.run(verify_url(url, bar.show, trusted=kept))
    except (CannotOpen, StoreUnavailable, OSError) as error:
        stop(f"The log cannot be verified: {error}", EXIT[Verdict.UNDECIDABLE])
    _show(verification, in_json=in_json)
    raise typer.Exit(EXIT[verification.verdict])


commands.command("watch", cls=AnsweringCommand)(watch)
commands.command("export", cls=AnsweringCommand)(export)
commands.command("report", cls=AnsweringCommand)(report)


def _own(places: Iterable[Path]) -> list[Trusted]:
    """The checkpoints that the notary keeps outside the database, read before it: they are never ahead of it."""
    kept = []
    for path in places:
        try:
            kept.append(trusted_from(path.read_text(encoding="utf-8"), str(path)))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, NoteInvalid) as error:
            stop(f"{path} should hold a checkpoint: {error}", EXIT[Verdict.UNDECIDABLE])
    return kept


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
    if verification.tree is not None:
        sys.stdout.write(
            f"signed: {verification.tree.size} entries of {verification.tree.origin} under"
            f" {verification.tree.checkpoints} checkpoints, compared with {verification.tree.compared} kept elsewhere\n"
        )
