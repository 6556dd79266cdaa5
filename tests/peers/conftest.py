"""Node.js with other people's programs in it, and a log for them to verify."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.audit.tiles import WIDTH
from app.terms import ClientCertForm
from scripts.setup_environment import is_usable_node, node_version
from tests.checks import check_log
from tests.peers.clean_machine import Clean
from tests.peers.log_directory import LogFiles
from tests.peers.log_promises import LivedLog, Serve
from tests.serving import Served, serving
from tests.transport.gateway.conftest import Site
from tests.transport.http import running

ROOT = Path(__file__).parents[2]
PROJECT = Path(__file__).parent / "node"

ACTS = 20

Said = dict[str, Any]
"""One line of a script: what happened, and what there is to say about it."""


@dataclass(frozen=True, slots=True)
class Peers:
    """The scripts of `tests/peers/node`, each run in a process of its own."""

    programs: Path
    """The directory of `node` and `npm`."""

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a script of node's to its end, from the top of the checkout."""
        command = [str(self.programs / "node"), *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    def answers(self, script: str, *arguments: str) -> list[Said]:
        """What a script says, line by line. Raises AssertionError where it fails."""
        done = self.run(str(PROJECT / script), *arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    @asynccontextmanager
    async def saying(self, script: str, *arguments: str) -> AsyncIterator[AsyncIterator[Said]]:
        """A script at work, and what it says as it says it."""
        process = await asyncio.create_subprocess_exec(
            self.programs / "node", PROJECT / script, *arguments, stdout=asyncio.subprocess.PIPE
        )

        async def lines() -> AsyncIterator[Said]:
            assert process.stdout is not None
            async with asyncio.timeout(60):
                async for line in process.stdout:
                    yield json.loads(line)

        try:
            yield lines()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture(scope="session")
def peers() -> Peers:
    """The packages that the lock names, installed when they are not."""
    programs = _node()
    stamp = PROJECT / "node_modules" / ".installed"
    key = hashlib.sha256((PROJECT / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != key:
        environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
        # Packages' own install scripts are not run: none of these needs one.
        command = [str(programs / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"npm ci failed in tests/peers/node: {done.stderr}"
        stamp.write_text(key, encoding="utf-8")
    return Peers(programs)


def _node() -> Path:
    """Where `node` and `npm` are: on PATH, or where `scripts/setup web` puts them."""
    for found in (shutil.which("node"), Path(sys.prefix) / "bin" / "node"):
        if found is not None and is_usable_node(node_version(str(found))) and Path(found).with_name("npm").exists():
            return Path(found).parent
    pytest.fail("Node.js 20.19 or later is needed. It comes with:  ./scripts/setup web")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The product, as a user starts it: one for all tests of a module, for each start takes seconds."""
    place = tmp_path_factory.mktemp("served")
    async with serving(f"sqlite://{place}/anchorage.db", place / "data") as served:
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lived_log(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LivedLog]:
    """The log of a server after some hundred acts."""
    place = tmp_path_factory.mktemp("lived")
    async with serving(f"sqlite://{place}/anchorage.db", place / "data") as served:
        for _ in range(WIDTH // ACTS + 1):
            await asyncio.gather(*(served.operate("{ auditEvents(first: 1) { totalCount } }") for _ in range(ACTS)))
        receipts = []
        for number in range(3):
            receipts.append(place / f"{number}.tlog-proof")
            receipts[-1].write_text(await served.act(f"key {number}"), encoding="utf-8")
        mirrored = json.loads(await served.command("audit", "export", "--static", str(place / "mirror"), "--json"))
        async with httpx.AsyncClient(base_url=f"{served.url}/log") as client, asyncio.timeout(20):
            vkey = (await client.get("vkey")).text
            # The mirror is recorded before it is made, and covered by a checkpoint within a second.
            while int((await client.get("checkpoint")).text.split("\n")[1]) == mirrored["size"]:  # noqa: ASYNC110  # a server does it
                await asyncio.sleep(0.05)
            yield LivedLog(vkey, f"{served.url}/log", place / "mirror", receipts, mirrored["size"])


@pytest.fixture(scope="session")
def log_files(tmp_path_factory: pytest.TempPathFactory) -> LogFiles:
    """A log as files, and the same with flaws."""
    return LogFiles.write(tmp_path_factory.mktemp("logs"))


@pytest.fixture
def serve() -> Serve:
    """Serves a directory as any web server does, for as long as it is looked at."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    @contextmanager
    def serve(directory: Path) -> Iterator[str]:
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory))) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()

    return serve


@pytest.fixture
def clean(tmp_path: Path) -> Clean:
    """A machine without the project, but for the script that an auditor carries there."""
    return Clean.with_script(tmp_path)


@pytest.fixture
async def site(migrated_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """An account with gateways of every form, at a server that listens; the log must tell its state at the end."""
    async with running.serving(running.settings_for(migrated_url, tmp_path)) as server:
        site = Site(server, await running.make_account(server.installation, "fleet"), {})
        for form in ClientCertForm:
            site.keys[form] = await site.key(form)
        yield site
        await server.parts.gateways.flush(everything=True)
        await check_log(server.installation.database)
