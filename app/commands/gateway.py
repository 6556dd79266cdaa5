"""`anchorage gateway`: what runs beside a terminator that verifies devices by itself."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app.commands.bundle_file import BundleFile
from app.commands.running import REFUSED, UNUSABLE, AccountId, AsJson, answer, object_id, run, stop
from app.commands.syncing import Syncing
from app.http_client import Address, BadAddress, HttpClient
from app.installation import Installation
from app.rules import credential
from app.rules.bundle_formats import Format
from app.services.intermediates import RememberIntermediates
from app.terms import ServiceName

commands = typer.Typer(help="What runs beside a terminator that verifies devices by itself.", no_args_is_help=True)

BUNDLE_BYTES = 64 * 1024 * 1024
REQUEST_SECONDS = 5.0

Service = Annotated[ServiceName, typer.Option(help="For the devices of which server.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file that the terminator reads.")]
OnChange = Annotated[str, typer.Option(help="A shell command that makes the terminator read the file anew.")]
EveryVersion = Annotated[
    bool,
    typer.Option(
        "--every-version",
        help="Run it also when the version of the account's trust rose and the file did not change, as when a device"
        " is suspended, but also when an enrollment is claimed or a certificate renamed.",
    ),
]
KeyFile = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A file with the gateway's key.")]
Interval = Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")]
Once = Annotated[bool, typer.Option("--once", help="Look once; the status says whether the newest bundle is applied.")]


@commands.command()
def sync(
    url: Annotated[str, typer.Argument(help="Where Anchorage is: https://ca.example")],
    service: Service,
    output: Output,
    key_file: KeyFile,
    form: Annotated[Format, typer.Option("--format", help="Which one the guides name for the terminator.")],
    on_change: OnChange = "",
    interval: Interval = 1.0,
    *,
    every_version: EveryVersion = False,
    once: Once = False,
) -> None:
    """Keep a terminator's bundle current: fetch, replace by renaming, run a command, say what is applied.

    While Anchorage cannot be reached, or nothing usable is answered, or the disk is full, the last good file stays, and
    it is said how old it is.
    """
    try:
        address = Address.parse(url)
    except BadAddress as bad:
        stop(str(bad), UNUSABLE)
    key = credential.read(key_file.read_text(encoding="utf-8", errors="replace").strip())
    if key is None:
        stop(f"{key_file} holds no key as `anchorage key create` prints it.", UNUSABLE)
    client = HttpClient(address, seconds=REQUEST_SECONDS, max_bytes=BUNDLE_BYTES)
    syncing = Syncing(client, BundleFile(output), service, form, key.text, on_change, every_version=every_version)
    if not asyncio.run(syncing.look() if once else syncing.run(interval)):
        raise typer.Exit(REFUSED)


@commands.command()
def remember(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Intermediates as PEM.")],
    account_id: AccountId,
    *,
    as_json: AsJson = False,
) -> None:
    """Bring intermediates ahead of the first device, for terminators that hand on the device's certificate alone."""
    source = file.read_bytes().decode("utf-8", "replace")

    async def act(installation: Installation) -> tuple[str, ...]:
        actor = installation.operator(object_id(account_id))
        origin = installation.origin("anchorage gateway remember")
        return (await installation.door.perform(actor, RememberIntermediates(source), origin)).value

    fingerprints = run(act)
    answer({"remembered": len(fingerprints)}, as_json=as_json, plain="\n".join(fingerprints))
