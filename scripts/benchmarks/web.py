"""Requests over HTTP to a server in a process of its own: how many a second, and what each costs that process."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from time import perf_counter

import orjson

START_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Served:
    """What callers got: requests a second, and the server's processor time per request."""

    per_second: float
    cpu_micros: float


@dataclass(frozen=True, slots=True)
class Server:
    """A server on the loopback interface."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """What its process has used so far, in user and system mode."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    async def load(self, bodies: list[Iterator[bytes]], seconds: float, key: str) -> Served:
        """A connection for each source of bodies, each sending one request after another."""
        done = 0
        end = perf_counter() + seconds

        async def call(mine: Iterator[bytes]) -> None:
            nonlocal done
            async with self.connection(key) as connection:
                while perf_counter() < end:
                    await connection.post(next(mine))
                    done += 1

        start, cpu = perf_counter(), self.cpu_seconds()
        await asyncio.gather(*(call(mine) for mine in bodies))
        return Served(done / (perf_counter() - start), (self.cpu_seconds() - cpu) / done * 1e6)

    @asynccontextmanager
    async def connection(self, key: str) -> AsyncIterator["Connection"]:
        """One that is kept open."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Connection(reader, writer, self.port, key)
        finally:
            writer.close()
            await writer.wait_closed()


@dataclass(frozen=True, slots=True)
class Connection:
    """The least of an HTTP client that serves: it must not be what is measured."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    port: int
    key: str

    async def post(self, body: bytes) -> bytes:
        """The answer to a GraphQL request. Raises RuntimeError unless it is 200."""
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.key}\r\n"
            "Content-Type: application/json\r\nAccept: application/graphql-response+json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        answered = await self.reader.readuntil(b"\r\n\r\n")
        status, *lines = answered.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        said = await self.reader.readexactly(int(headers.get("content-length", "0")))
        if " 200 " not in f"{status} ":
            raise RuntimeError(f"{status}: {said[:500].decode()}")
        return said

    async def ask(self, query: str, variables: Mapping[str, object]) -> dict[str, object]:
        """The data of an operation. Raises RuntimeError where there are errors."""
        said = orjson.loads(await self.post(request(query, variables)))
        if "errors" in said:
            raise RuntimeError(f"the server refused: {said['errors']}")
        data: dict[str, object] = said["data"]
        return data


def request(query: str, variables: Mapping[str, object]) -> bytes:
    """The body of a GraphQL request."""
    return orjson.dumps({"query": query, "variables": variables})


@asynccontextmanager
async def program(folder: Path, database_url: str) -> AsyncIterator[tuple[Server, str]]:
    """The program, served as `anchorage serve` does, with the administrator's key of its first start."""
    async with serving(folder, database_url) as server:
        yield server, (folder / "admin-key").read_text(encoding="ascii").strip()


@asynccontextmanager
async def serving(folder: Path, database_url: str, **more: str) -> AsyncIterator[Server]:
    """The program on a database that may have been used before; `more` are further settings."""
    port = _free_port()
    settings = {"DATA_DIR": str(folder), "DATABASE_URL": database_url, "LOG_FORMAT": "json", **more}
    environment = os.environ | {f"ANCHORAGE_{name}": value for name, value in settings.items()}
    said = folder / f"server-{port}.log"
    async with _running(["-m", "app", "serve", "--port", str(port)], environment, port, said) as server:
        yield server


@asynccontextmanager
async def bare(folder: Path, answer: bytes) -> AsyncIterator[Server]:
    """A server that answers every request with the same bytes and does nothing else."""
    port = _free_port()
    (folder / "answer").write_bytes(answer)
    arguments = ["-m", "scripts.benchmarks.bare", str(port), str(folder / "answer")]
    async with _running(arguments, os.environ, port, folder / "bare.log") as server:
        yield server


@asynccontextmanager
async def _running(
    arguments: list[str], environment: Mapping[str, str], port: int, said: Path
) -> AsyncIterator[Server]:
    # A file and no pipe: the server writes a line for every request, and would wait for whoever does not read them.
    with said.open("ab") as log:
        process = subprocess.Popen(  # noqa: ASYNC220  # it has begun long before anything is measured
            [sys.executable, *arguments], env=environment, stdout=log, stderr=log
        )
    try:
        await _answers(process, port, said)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


async def _answers(process: "subprocess.Popen[bytes]", port: int, said: Path) -> None:
    deadline = perf_counter() + START_SECONDS
    while perf_counter() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server did not start: {_end_of(said)}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
    raise RuntimeError("the server does not answer")


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8")[-2000:]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def always(body: bytes) -> Iterator[bytes]:
    """The same request for ever."""
    return repeat(body)
