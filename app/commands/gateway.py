"""`anchorage gateway`: what runs beside a terminator that verifies devices by itself."""

import asyncio
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from app.commands.bundle_file import BundleFile, Held
from app.commands.running import REFUSED, UNUSABLE, AccountId, AsJson, answer, object_id, run, say, stop
from app.http_client import Address, Answer, BadAddress, HttpClient, NoAnswer
from app.installation import Installation
from app.rules.bundle_formats import Format
from app.services.intermediates import RememberIntermediates

commands = typer.Typer(help="What runs beside a terminator that verifies devices by itself.", no_args_is_help=True)

BUNDLE_BYTES = 64 * 1024 * 1024
REQUEST_SECONDS = 5.0
COMMAND_SECONDS = 60.0
SAID_EVERY_SECONDS = 60.0

Service = Annotated[str, typer.Option(help="bootstrap or lwm2m.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file that the terminator reads.")]
OnChange = Annotated[str, typer.Option(help="A shell command that makes the terminator read the file anew.")]
EveryVersion = Annotated[
    bool,
    typer.Option(
        "--every-version",
        help="Run it also when the account's trust changed and the file did not, as when a device is suspended.",
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

    While Anchorage cannot be reached the last good file stays, and it is said how old it is.
    """
    try:
        address = Address.parse(url)
    except BadAddress as bad:
        stop(str(bad), UNUSABLE)
    key = key_file.read_text(encoding="utf-8", errors="replace").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        stop(f"{key_file} does not hold a key.", UNUSABLE)
    client = HttpClient(address, seconds=REQUEST_SECONDS, max_bytes=BUNDLE_BYTES)
    asked = {"service": service, "format": form.value}
    syncing = Syncing(client, BundleFile(output), asked, key, on_change, every_version=every_version)
    try:
        succeeded = asyncio.run(syncing.look() if once else syncing.run(interval))
    except OSError as error:
        stop(f"{output} cannot be kept: {error.strerror}.", UNUSABLE)
    if not succeeded:
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


@dataclass(slots=True)
class Syncing:
    """One bundle that is kept current."""

    client: HttpClient
    file: BundleFile
    asked: Mapping[str, str]
    key: str = field(repr=False)
    on_change: str = ""
    every_version: bool = field(default=False, kw_only=True)
    _said: str = ""
    _said_at: float = 0.0
    _told: int | None = None
    _told_at: float = 0.0

    async def run(self, interval: float) -> bool:
        """Look again and again, until the process is told to end."""
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        while not ended.is_set():
            await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await ended.wait()
        return True

    async def look(self) -> bool:
        """Look once; whether the newest bundle is there and applied. Raises OSError where the file cannot be kept."""
        held = self.file.held()
        try:
            newest = await self._newest(held)
        except NoAnswer as away:
            self._say(f"{away} {self._age()}")
            return False
        if newest is None:
            return False
        if not newest.is_applied and not await self._apply(newest):
            return False
        self._say("")
        await self._tell(newest)
        return True

    async def _newest(self, held: Held | None) -> Held | None:
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        headers |= {} if held is None else {"If-None-Match": held.tag}
        told = await self.client.ask("GET", f"/gateway/bundle?{urlencode(self.asked)}", headers=headers)
        is_same = told.status == 304 and held is not None
        if told.status != 200 and not is_same:
            self._say(f"Anchorage answers {told.status}: {_reason(told)}. {self._age()}")
            return None
        version, sequence = int(told.headers["x-trust-version"]), int(told.headers["x-trust-sequence"])
        if held is not None and is_same:
            return self._confirmed(held, version, sequence)
        if held is not None and sequence < held.sequence:
            # Another server that is behind, or a restored database: to go back would let blacklisted devices in.
            self._say(
                f"Anchorage offers version {version}, and {held.version} is here already: it is kept. If the database"
                f" was restored, delete {self.file.notes}."
            )
            return None
        return self.file.write(told.body, tag=told.headers["etag"], version=version, sequence=sequence)

    def _confirmed(self, held: Held, version: int, sequence: int) -> Held:
        """The same file, which may stand for a newer version by now."""
        if sequence > held.sequence:
            is_applied = held.is_applied and not self.every_version
            held = replace(held, version=version, sequence=sequence, is_applied=is_applied)
            self.file.note(held)
        self.file.confirm(time.time())
        return held

    async def _apply(self, held: Held) -> bool:
        if self.on_change:
            process = await asyncio.create_subprocess_shell(self.on_change, start_new_session=True)
            try:
                async with asyncio.timeout(COMMAND_SECONDS):
                    status = await process.wait()
            except TimeoutError:
                process.kill()
                status = await process.wait()
            if status:
                self._say(f"Version {held.version} is not applied: {self.on_change!r} ended with {status}.")
                return False
        say.print(f"Version {held.version} is applied.", markup=False)
        self.file.note(replace(held, is_applied=True))
        return True

    async def _tell(self, held: Held) -> None:
        """Say what is applied: once, and from time to time, so that it is seen that this gateway is there."""
        now = time.monotonic()
        if self._told == held.version and now - self._told_at < SAID_EVERY_SECONDS:
            return
        asked = urlencode({"service": self.asked["service"], "version": held.version})
        with suppress(NoAnswer):
            headers = {"Authorization": f"Bearer {self.key}"}
            answer = await self.client.ask("POST", f"/gateway/applied?{asked}", headers=headers)
            if answer.status == 204:
                self._told, self._told_at = held.version, now

    def _age(self) -> str:
        age = self.file.age_seconds(time.time())
        if age is None:
            return "There is no bundle yet."
        return f"The bundle in {self.file.path} was the newest {age:.0f} s ago, and stays."

    def _say(self, message: str) -> None:
        """Something that goes on is said once a minute."""
        now, kind = time.monotonic(), message.partition(" was the newest ")[0]
        if message and (kind != self._said or now - self._said_at >= SAID_EVERY_SECONDS):
            say.print(message, style="red", markup=False)
            self._said_at = now
        self._said = kind


def _reason(answer: Answer) -> str:
    return answer.headers.get("x-trust-reason", "no reason is given")
