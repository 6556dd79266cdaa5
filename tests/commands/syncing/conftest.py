"""The folder beside a terminator, and a server that a test lets offer what it likes."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.commands.bundle_file import BundleFile
from app.commands.syncing import Syncing
from app.http_client import Address, HttpClient
from app.rules.bundle_formats import Format
from app.terms import ServiceName
from tests.commands.syncing.bundle_server import BundleServer, bundle, offering
from tests.fleet import fleet

TRUSTING = bundle(fleet().trusted)


@dataclass
class Beside:
    """The folder beside a terminator, and what keeps it current."""

    server: BundleServer
    folder: Path
    capture: pytest.CaptureFixture[str]
    syncings: list[Syncing] = field(default_factory=list)

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle.pem"

    @property
    def notes(self) -> Path:
        return self.folder / "bundle.pem.json"

    @property
    def changes(self) -> int:
        """How often the command succeeded."""
        told = self.folder / "changes"
        return len(told.read_text().splitlines()) if told.exists() else 0

    @property
    def command(self) -> str:
        return f"test ! -e {self.folder}/broken && echo applied >> {self.folder}/changes"

    def begin(self, command: str | None = None) -> Syncing:
        """A process's worth of it, which knows nothing but what lies in the folder."""
        client = HttpClient(Address("http", "127.0.0.1", self.server.port, ""), seconds=10, max_bytes=1_000_000)
        made = Syncing(
            client, BundleFile(self.bundle), ServiceName.LWM2M, Format.PEM, "ak_key", command or self.command
        )
        self.syncings.append(made)
        return made

    def said(self) -> str:
        """What was said since the last time, in one line."""
        return " ".join(self.capture.readouterr().err.split())

    def age(self) -> float:
        return BundleFile(self.bundle).age_seconds(time.time()) or 0.0


@pytest.fixture
async def beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Beside]:
    """Nothing is held yet; the server offers a bundle that trusts I, at version 5."""
    async with offering() as server:
        server.content = TRUSTING
        made = Beside(server, tmp_path, capsys)
        yield made
        for syncing in made.syncings:
            syncing.client.close()


@pytest.fixture
async def kept(beside: Beside) -> Syncing:
    """One that holds that bundle, applied."""
    syncing = beside.begin()
    assert await syncing.look()
    assert "Version 5 is applied." in beside.said()
    return syncing
