"""Keeping one terminator's bundle current, whatever Anchorage, what stands before it, or the disk answer meanwhile."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from app.commands.bundle_answer import Offered, Unusable, offered
from app.commands.bundle_file import BundleFile, Held
from app.commands.running import say
from app.http_client import HttpClient, NoAnswer
from app.rules.bundle_formats import Format
from app.terms import ServiceName

COMMAND_SECONDS = 60.0
SAID_EVERY_SECONDS = 60.0


@dataclass(slots=True)
class Syncing:
    """One bundle that is kept current."""

    client: HttpClient
    file: BundleFile
    service: ServiceName
    form: Format
    key: str = field(repr=False)
    on_change: str = ""
    every_version: bool = field(default=False, kw_only=True)
    _said: str = ""
    _said_at: float = 0.0
    _told: int | None = None
    _told_at: float = 0.0
    _applied: Held | None = None
    """What the command has succeeded for though it could not be noted."""

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
        """Look once; whether the newest bundle is there and applied. What is wrong is said, and nothing is raised."""
        try:
            return await self._look()
        except OSError as error:
            self._say(self._unkept(error))
            return False

    async def _look(self) -> bool:
        held, wrong = self.file.held(), ""
        try:
            held = await self._newest(held)
        except (NoAnswer, Unusable) as why:
            wrong = str(why)
        except OSError as error:
            wrong = self._unkept(error)
        if wrong:
            held = self.file.held() or self._restored()
            wrong = f"{wrong} {self._age(held)}"
        # Whatever was answered: what is held may have come just before, and a terminator without it trusts too many.
        failed = "" if held is None or held.is_applied else await self._apply(held)
        untold = "" if wrong or failed or held is None else await self._tell(held)
        self._say(" ".join(filter(None, (failed, untold, wrong))))
        return not wrong and not failed

    async def _newest(self, held: Held | None) -> Held:
        """The newest bundle, which the file holds now. Raises NoAnswer, Unusable, or OSError if it cannot be kept."""
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        headers |= {} if held is None else {"If-None-Match": held.tag}
        asked = urlencode({"service": self.service, "format": self.form.value})
        answer = await self.client.ask("GET", f"/gateway/bundle?{asked}", headers=headers)
        offer = offered(answer, self.form, named=None if held is None else held.tag)
        now, noted = time.time(), self.file.noted()
        if held is not None and (not offer.content or held.holds(offer.content)):
            held = self._same(held, offer)
            self.file.confirm(now, offer.stale_seconds)
        elif noted is not None and offer.sequence < noted.sequence and not noted.holds(offer.content):
            # Another server that is behind, or a restored database: to go back would let blacklisted devices in, also
            # where the file is gone.
            raise Unusable(
                f"Anchorage is behind: it offers version {offer.version}, and {noted.version} was here already. If the"
                f" database was restored, delete {self.file.notes}: before that what changes there is not taken."
            )
        else:
            newest_at = now - offer.stale_seconds
            held = self.file.write(offer.content, offer.tag, offer.version, offer.sequence, newest_at=newest_at)
        if offer.stale_seconds:
            raise Unusable("Anchorage cannot read its database now.")
        return held

    def _same(self, held: Held, offer: Offered) -> Held:
        """The same file, which stands for another version by now."""
        if (offer.tag, offer.sequence) == (held.tag, held.sequence):
            return held
        if offer.sequence < held.sequence:
            if offer.stale_seconds:
                raise Unusable("Anchorage is behind and cannot read its database now.")
            # A restored database. To go back with it lets nobody in, for the file is the same; not to go back would
            # be to pass over what is blacklisted there from now on.
            say.print(
                f"Anchorage is at version {offer.version}, behind version {held.version}, which is here already: was"
                f" the database restored? The bundle is the same, and stands for version {offer.version} from now on.",
                style="red",
                markup=False,
            )
        is_applied = held.is_applied and (offer.sequence == held.sequence or not self.every_version)
        held = Held(offer.tag, offer.version, offer.sequence, held.sha256, is_applied)
        self.file.note(held)
        return held

    async def _apply(self, held: Held) -> str:
        """Let the terminator read the file; why it does not, else nothing. Raises OSError if that cannot be noted."""
        if held != self._applied:
            failed = await _run(self.on_change) if self.on_change else ""
            if failed:
                return f"Version {held.version} is not applied: {failed}."
            say.print(f"Version {held.version} is applied.", markup=False)
        # A disk that is full is no reason to run the command at every look.
        self._applied = held
        self.file.note(replace(held, is_applied=True))
        self._applied = None
        return ""

    async def _tell(self, held: Held) -> str:
        """Say what is applied: once, and from time to time, so that it is seen that this gateway is there.

        Answers why the server does not take note of it, where it says so.
        """
        now = time.monotonic()
        if self._told == held.version and now - self._told_at < SAID_EVERY_SECONDS:
            return ""
        asked = urlencode({"service": self.service, "version": held.version})
        with suppress(NoAnswer):
            headers = {"Authorization": f"Bearer {self.key}"}
            answer = await self.client.ask("POST", f"/gateway/applied?{asked}", headers=headers)
            if answer.status != 204:
                reason = answer.headers.get("x-trust-reason", "no reason is given")
                return f"Anchorage does not note that version {held.version} is applied: {answer.status}, {reason}."
            self._told, self._told_at = held.version, now
        return ""

    def _restored(self) -> Held | None:
        held = self.file.restored()
        if held is not None:
            say.print(f"{self.file.path} was gone or changed, and is written again.", style="red", markup=False)
        return held

    def _age(self, held: Held | None) -> str:
        age = None if held is None else self.file.age_seconds(time.time())
        if age is not None:
            return f"The bundle in {self.file.path} was the newest {age:.0f} s ago, and stays."
        if self.file.path.exists():
            return f"What {self.file.path} holds was not written here: it is written anew with the next answer."
        if self.file.notes.exists():
            return f"{self.file.path} is gone: it is written anew with the next answer."
        return "There is no bundle yet."

    def _unkept(self, error: OSError) -> str:
        return f"{self.file.path} cannot be kept: {error.strerror}."

    def _say(self, message: str) -> None:
        """Something that goes on is said once a minute."""
        now, kind = time.monotonic(), message.partition(" was the newest ")[0]
        if message and (kind != self._said or now - self._said_at >= SAID_EVERY_SECONDS):
            say.print(message, style="red", markup=False)
            self._said_at = now
        self._said = kind


async def _run(command: str) -> str:
    """Run a command to its end, with all that it starts; how it failed, else nothing."""
    try:
        process = await asyncio.create_subprocess_shell(command, start_new_session=True)
    except OSError as error:
        return f"{command!r} cannot be run: {error.strerror}"
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            status = await process.wait()
    except TimeoutError:
        return f"{command!r} did not end within {COMMAND_SECONDS:g} s"
    finally:
        if process.returncode is None:
            # Not the shell alone: what it started would live on, beside the next run.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return f"{command!r} ended with {status}" if status else ""
