"""`anchorage audit …`."""

import typer

commands = typer.Typer(help="Verify, export and report the audit log.", no_args_is_help=True)
