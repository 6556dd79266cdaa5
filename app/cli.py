"""The command line, `anchorage`: serving, and what the operator of an installation does.

Results go to standard output, and with `--json` in a form for programs; what is said to people goes to standard error.
Every command that changes something goes through the door and is recorded, also beside a running server.
"""

import sys
from io import TextIOWrapper

import typer

from app import __version__
from app.commands import (
    accounts,
    audit,
    audit_archive,
    audit_erasure,
    audit_recover,
    demo,
    devices,
    enrollments,
    gateway,
    keys,
    serving,
    signing,
    users,
)
from app.commands.output import SPELLED_OUT

cli = typer.Typer(
    name="anchorage",
    help="Which certificate authorities may vouch for your devices, and who decided it.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a local variable may hold a key
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.command("serve")(serving.serve)
cli.command("migrate")(serving.migrate_database)
cli.command("notary")(signing.notary)
cli.add_typer(accounts.commands, name="account")
cli.add_typer(keys.commands, name="key")
cli.add_typer(devices.commands, name="device")
cli.add_typer(users.commands, name="user")
cli.add_typer(enrollments.commands, name="enrollment")
audit.commands.command("erase")(audit_erasure.erase)
audit.commands.command("archive")(audit_archive.archive)
audit.commands.command("recover")(audit_recover.recover)
cli.add_typer(audit.commands, name="audit")
cli.add_typer(gateway.commands, name="gateway")
cli.command("demo")(demo.demo)


@cli.command("version")
def show_version() -> None:
    """Print the release."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line."""
    # What the output's encoding cannot show is spelled out, as a name of a certificate may hold anything.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=SPELLED_OUT)
    cli()
