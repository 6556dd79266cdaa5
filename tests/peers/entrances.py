"""A terminator with what stands before and behind it: devices, an application, and Anchorage, which it asks."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from app.terms import ClientCertForm
from tests.fleet import Device
from tests.peers.behind import Application, application
from tests.peers.device_side import Answer, Credentials, HttpVisit, Refused, Visit
from tests.peers.terminators import Workshop, require

Values = dict[str, object]
Change = Callable[[str], str]
"""What becomes of the text of an example's file."""
Start = Callable[[Workshop, Values, Change], int]
"""Renders an example with values and what else changes in it, starts it, and answers with the port for devices."""


@dataclass(frozen=True, slots=True)
class Example:
    """One of the examples, and how it is run."""

    name: str
    form: ClientCertForm
    programs: tuple[str, ...]
    start: Start
    resumes_where: Change | None
    """Takes away what stands against resumption. None where nothing does."""
    visit: Callable[[int, Credentials, ssl.SSLSession | None], Visit] = HttpVisit
    passes_chain: bool = True
    cut: "Callable[[Entrance], None] | None" = None
    """Ends open connections, where nothing asks again while they last."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """A terminator at work."""

    example: Example
    workshop: Workshop
    port: int
    application: Application

    def credentials(self, device: Device, version: ssl.TLSVersion | None = None) -> Credentials:
        """What a device connects with."""
        return Credentials(self.workshop.credentials(device), version)

    async def visit(self, credentials: Credentials, session: ssl.SSLSession | None = None) -> Visit:
        """A device's connection. Raises Refused."""
        return await asyncio.to_thread(self.example.visit, self.port, credentials, session)

    async def lets_in(self, credentials: Credentials | Device, session: ssl.SSLSession | None = None) -> bool:
        """Whether a device that connects anew gets what it comes for."""
        if isinstance(credentials, Device):
            credentials = self.credentials(credentials)
        try:
            connection = await self.visit(credentials, session)
        except Refused:
            return False
        with contextlib.closing(connection):
            return await asyncio.to_thread(connection.is_served)

    async def answer(self, device: Device, headers: Mapping[str, str]) -> Answer | None:
        """What the application, or the terminator, answers to a request with these headers; None where none comes."""

        def asking() -> Answer | None:
            try:
                with contextlib.closing(HttpVisit(self.port, credentials)) as connection:
                    return connection.ask(headers)
            except Refused:
                return None

        credentials = self.credentials(device)
        return await asyncio.to_thread(asking)


@contextlib.contextmanager
def entrance(example: Example, *, anchorage: str, key: str, change: Change = str) -> Iterator[Entrance]:
    """The example at work, asking at an address (without a scheme) with a gateway's key; `change` spoils its files."""
    require(*example.programs)
    with application() as behind, Workshop.made() as workshop:
        values: Values = {
            "directory": workshop.folder,
            "runtime": workshop.folder,
            "application": behind.address,
            "anchorage": anchorage,
            "service": "lwm2m",
            "gateway_key": key,
        }
        yield Entrance(example, workshop, example.start(workshop, values, change), behind)
