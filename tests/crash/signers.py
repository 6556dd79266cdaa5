"""Notaries in processes of their own, writers beside them, and a witness who forgets nothing that he ever saw."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.audit import receipts
from app.audit.checkpoint import VerifierKey, open_checkpoint
from app.audit.entry import leaf
from app.store import tree as trees
from app.store.database import Database, Role, open_database
from tests.audit.faithful import Literal, require_faithful
from tests.audit.notaries import add

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("notarising.py")
PATIENCE_SECONDS = 60


@asynccontextmanager
async def beside(url: str) -> AsyncIterator[Database]:
    """The test's own connections, beside the notaries', of whom none is left afterwards."""
    database = open_database(url, role=Role.BESIDE, pool_size=4)
    await database.start()
    try:
        yield database
    finally:
        for signer in _started.pop(url, ()):
            await signer.kill()
        await database.close()


@dataclass
class Signer:
    """A notary's process, and what it has said."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)

    @classmethod
    async def start(
        cls, url: str, folder: Path, *names: str, step: str = "never", nth: int = 1, signum: int = 0
    ) -> "Signer":
        """Start it; at the step it gets the signal."""
        words = (url, str(folder), ",".join(names or ("checkpoint",)), step, str(nth), str(signum))
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), *words, cwd=ROOT, env=_environment(), stdout=asyncio.subprocess.PIPE
        )
        signer = cls(process)
        _started.setdefault(url, []).append(signer)
        return signer

    async def hear(self, word: str) -> str:
        """The next line that begins with this word. Raises AssertionError where it ends before."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := (await self.process.stdout.readline()).decode().strip():
                self.said.append(line)
                if line.startswith(word):
                    return line
        raise AssertionError(f"it ended without {word!r}, after {self.said[-5:]}")

    async def ended(self) -> int:
        """Wait for its end; how it ended."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := await self.process.stdout.readline():
                self.said.append(line.decode().strip())
            return await self.process.wait()

    async def stopped(self) -> None:
        """Wait until it has been put to sleep."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.to_thread(os.waitid, os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def wake(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL, whatever it does."""
        if self.process.returncode is None:
            self.process.kill()
        await self.ended()


_started: dict[str, list[Signer]] = {}


@dataclass
class Witness:
    """Collects every checkpoint that anybody could have seen."""

    database: Database
    folder: Path
    notes: set[str] = field(default_factory=set)
    largest_published: int = 0

    async def look(self) -> None:
        """At what is served and at what is kept."""
        upto = await receipts.published(self.database.reads)
        if upto is not None:
            assert upto.size >= self.largest_published, "what is served went back"
            self.largest_published = upto.size
            self.notes.add(upto.note)
        self.notes |= {path.read_text() for path in self.folder.iterdir() if not path.name.startswith(".")}

    async def watch(self) -> None:
        """Look without end."""
        while True:
            await self.look()
            await asyncio.sleep(0.005)

    async def require_one_history(self) -> None:
        """Every checkpoint ever seen is of the one tree that the entries make; every entry is in it, once, in order."""
        await self.look()
        tree = await require_faithful(self.database.reads)
        assert tree.published == tree.size
        rows = await self.database.reads.fetch("SELECT note FROM audit_checkpoint")
        stored = {row["note"] for row in rows}
        assert self.notes <= stored, "a checkpoint was shown that the database does not hold"
        hashes = await trees.leaf_entries(self.database.reads, tree.generation, 0, tree.size)
        literal = Literal([leaf(one) for one in hashes])
        for note in stored | self.notes:
            checkpoint = open_checkpoint(note, [VerifierKey.parse(tree.vkey)])
            assert checkpoint.root == literal.root(checkpoint.size), f"two histories of size {checkpoint.size}"


@asynccontextmanager
async def working(*endless: "asyncio.Task[None]") -> AsyncIterator[None]:
    """Tasks that go on until the end of the block, and must not have failed by then. After it they are over."""
    try:
        yield
        for task in endless:
            if task.done():
                task.result()
    finally:
        for task in endless:
            task.cancel()
        await asyncio.gather(*endless, return_exceptions=True)


async def write_on(database: Database, stream: str) -> None:
    """A writer without end, who waits a little between entries."""
    number = 0
    while True:
        number += 1
        adding = asyncio.create_task(add(database, stream, 1 + number % 3))
        try:
            await asyncio.shield(adding)
        except asyncio.CancelledError:
            # What has begun is written to its end, and nothing comes after that.
            await adding
            raise
        await asyncio.sleep(0.01)


async def until_all_is_signed(database: Database) -> None:
    """Wait until no entry waits, and what was signed is served."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            tree = await trees.newest(database.reads)
            if tree is not None and not await trees.behind(database.reads, tree.generation, 1):
                # Looked at again, because what waited a moment ago may be signed and not yet served.
                tree = await trees.newest(database.reads)
                if tree is not None and 0 < tree.published == tree.size:
                    return
            await asyncio.sleep(0.02)


def _environment() -> dict[str, str]:

    return os.environ | {"PYTHONPATH": str(ROOT)}
