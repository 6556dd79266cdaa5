"""A terminator with what stands before and behind it: devices, an application, and Anchorage, which it asks."""

import asyncio
import contextlib
import json
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.terms import ClientCertForm
from tests.fleet import Device
from tests.peers.behind import Application, application
from tests.peers.device_side import Answer, Credentials, HttpVisit, Refused, Session, Visit
from tests.peers.terminators import EFFECT_SECONDS, ROOT, Process, Workshop, is_listening, require

Values = dict[str, object]
Change = Callable[[str], str]
"""What becomes of the text of an example's file."""
Start = Callable[[Workshop, Values, Change], int]
"""Renders an example with values and what else changes in it, starts it, and answers with the port for devices."""


@dataclass(frozen=True, slots=True)
class Example:
    """One of the examples, and how it is run."""

    name: str
    form: ClientCertForm | None
    """In which it asks; None where it verifies by itself, with a bundle."""
    programs: tuple[str, ...]
    start: Start
    resumes_where: Change | None
    """Takes away what stands against resumption. None where nothing does."""
    visit: Callable[[int, Credentials, Any], Visit] = HttpVisit
    passes_chain: bool = True
    rejects: bool = True
    """Whether a blacklisted CA below an anchor can be kept out."""
    hurried: Change = str
    """So that tests need not wait."""
    watch: str | None = None
    """What cuts open connections, where Anchorage is not asked again while they last."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """A terminator at work."""

    example: Example
    workshop: Workshop
    port: int
    application: Application
    values: Values

    def credentials(self, device: Device, version: ssl.TLSVersion | None = None) -> Credentials:
        """What a device connects with."""
        return Credentials(self.workshop.credentials(device), version)

    async def visit(self, credentials: Credentials, session: Session | None = None) -> Visit:
        """A device's connection. Raises Refused."""
        return await asyncio.to_thread(self.example.visit, self.port, credentials, session)

    async def lets_in(self, credentials: Credentials | Device, session: Session | None = None) -> bool:
        """Whether a device that connects anew gets what it comes for."""
        if isinstance(credentials, Device):
            credentials = self.credentials(credentials)
        try:
            connection = await self.visit(credentials, session)
        except Refused:
            return False
        with contextlib.closing(connection):
            return await asyncio.to_thread(connection.is_served)

    async def answer(self, device: Device, headers: Mapping[str, str], body: bytes = b"") -> Answer | None:
        """What the application, or the terminator, answers to a request with these headers; None where none comes."""

        def asking() -> Answer | None:
            try:
                with contextlib.closing(HttpVisit(self.port, credentials)) as connection:
                    return connection.ask(headers, body)
            except Refused:
                return None

        credentials = self.credentials(device)
        return await asyncio.to_thread(asking)


@contextlib.contextmanager
def entrance(
    example: Example, *, anchorage: str, key: str, change: Change = str, interval: str = "0.1"
) -> Iterator[Entrance]:
    """The example at work, asking at an address (without a scheme) with a gateway's key; `change` spoils its files.

    What keeps a bundle looks once in so many seconds.
    """
    require(*example.programs)
    with application() as behind, Workshop.made() as workshop:
        values: Values = {
            "directory": workshop.folder,
            "runtime": workshop.folder,
            "application": behind.address,
            "anchorage": anchorage,
            "service": "lwm2m",
            "gateway_key": key,
            "interval": interval,
        }
        yield Entrance(example, workshop, example.start(workshop, values, change), behind, values)


@contextlib.contextmanager
def bundled(
    example: Example, *, anchorage: str, key: str, change: Change = str, interval: str = "0.1"
) -> Iterator[Entrance]:
    """The example at work with the bundle of an Anchorage (an address without a scheme), kept current by its script.

    Blocks until the terminator has read the newest bundle: not for the thread in which that Anchorage runs.
    """
    url = f"http://{anchorage}"
    with entrance(example, anchorage=url, key=key, change=change, interval=interval) as made:
        keeping = made.workshop.processes[0]
        keeping.until(
            lambda: is_applied(made.workshop, "bundle.pem") and is_listening(made.port), "the bundle is applied"
        )
        yield made


def keep_bundle(workshop: Workshop, values: Values) -> Process:
    """Start what keeps the bundle. Not for the thread of the Anchorage that it asks, where it is waited for."""
    return _keep(workshop, values, "keep-bundle", "gateway-key", values["gateway_key"])


def _keep(workshop: Workshop, values: Values, script: str, key_file: str, key: object) -> Process:
    command = f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m app "$@"\n'
    workshop.write("anchorage", command).chmod(0o755)
    workshop.write(key_file, str(key)).chmod(0o600)
    return workshop.start(workshop.folder / script, "--interval", values["interval"])


def watch(made: Entrance, key: str | None = None) -> None:
    """Start what cuts open connections, and wait until it has looked for the first time, which cuts too.

    It has a key of its own where that matters.
    """
    if made.example.watch is not None:
        key_or_gateways = key or made.values["gateway_key"]
        keeping = _keep(made.workshop, made.values, made.example.watch, "watch-key", key_or_gateways)
        keeping.until(lambda: is_applied(made.workshop, "watched.pem"), "the watch has looked")


def is_applied(workshop: Workshop, bundle: str) -> bool:
    """Whether the command that stands beside a bundle has succeeded."""
    notes = workshop.folder / f"{bundle}.json"
    return notes.exists() and bool(json.loads(notes.read_text())["is_applied"])


@contextlib.asynccontextmanager
async def opened(making: contextlib.AbstractContextManager[Entrance]) -> AsyncIterator[Entrance]:
    """Made and ended in another thread, for what is made may ask a server in this one."""
    made = await asyncio.to_thread(making.__enter__)
    try:
        yield made
    finally:
        await asyncio.to_thread(making.__exit__, None, None, None)


async def eventually(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until something holds. Raises AssertionError, with `what`, where it never does."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(EFFECT_SECONDS):
            while not await holds():  # noqa: ASYNC110  # programs do it
                await asyncio.sleep(0.01)
            return
    raise AssertionError(f"After {EFFECT_SECONDS:.0f} s: {what}")


async def for_good(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until something holds several times in a row: a terminator that begins anew may do both for a moment."""

    async def holds_again_and_again() -> bool:
        return all([await holds() for _ in range(5)])

    await eventually(holds_again_and_again, what)
