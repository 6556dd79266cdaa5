"""`anchorage audit …`: verify the log, export it, and report from it."""

import asyncio
import json
import sys
from contextlib import closing

import typer

from app.audit.stored import Verdict, Verification
from app.commands.audit_copy import AnsweringCommand
from app.commands.audit_export import export
from app.commands.audit_report import report
from app.commands.output import Bar
from app.commands.running import AsJson, load_settings, say, stop
from app.errors import StoreUnavailable
from app.services.verification import verify_url
from app.services.verification_answer import as_json
from app.store.connection import CannotOpen

commands = typer.Typer(help="Verify, export and report the audit log.", no_args_is_help=True)

EXIT = {Verdict.VERIFIED: 0, Verdict.TAMPERED: 1, Verdict.UNDECIDABLE: 2}


@commands.command("verify", cls=AnsweringCommand)
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


commands.command("export", cls=AnsweringCommand)(export)
commands.command("report", cls=AnsweringCommand)(report)


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
