"""The files of a log, wherever they are: at an address that serves them, or in a directory that is a mirror."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.audit.verify_public import FETCHED_AHEAD, Absent, Fetch, Unanswered
from app.http_client import Address, Answer, BadAddress, HttpClient, NoAnswer

REQUEST_SECONDS = 30.0
ANSWER_BYTES = 17 * 1024 * 1024
"""More than the largest bundle that the format allows."""
TRIES = 4
LONGEST_PAUSE_SECONDS = 60
BUSY = frozenset({429, 502, 503, 504})
LOG = "/log"


@asynccontextmanager
async def log_files(where: str) -> AsyncIterator[Fetch]:
    """How to fetch a log's files. An address without a path means our own, `/log`; a path or `file://` a directory.

    Raises BadAddress.
    """
    scheme, separator, _ = where.partition("://")
    if not separator or scheme == "file":
        yield _Directory(_path(where)).fetch
        return
    if urlsplit(where).path.rstrip("/") == "":
        where = f"{where.rstrip('/')}{LOG}"
    address = Address.parse(where)
    served = _Served(address)
    try:
        yield served.fetch
    finally:
        served.close()


def _path(where: str) -> Path:
    if not where.startswith("file://"):
        return Path(where)
    parts = urlsplit(where)
    if parts.netloc not in ("", "localhost"):
        raise BadAddress(f"{where!r} is on another machine: write file:///path.")
    return Path(unquote(parts.path))


class _Directory:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def fetch(self, name: str) -> bytes:
        file = self._path / name
        try:
            return file.read_bytes()
        except FileNotFoundError:
            raise Absent(f"There is no {file}.") from None
        except OSError as error:
            raise Unanswered(f"{file} cannot be read: {error.strerror}.") from error


class _Served:
    """Asks over a few connections, and patiently: a server that is busy says when to come back."""

    def __init__(self, address: Address) -> None:
        self._prefix = address.prefix
        self._host = address.shown_host
        self._all = [HttpClient(address, seconds=REQUEST_SECONDS, max_bytes=ANSWER_BYTES) for _ in range(FETCHED_AHEAD)]
        self._idle = list(self._all)
        self._turns = asyncio.Semaphore(len(self._all))

    def close(self) -> None:
        for client in self._all:
            client.close()

    async def fetch(self, name: str) -> bytes:
        async with self._turns:
            client = self._idle.pop()
            try:
                return await self._fetched(client, name)
            finally:
                self._idle.append(client)

    async def _fetched(self, client: HttpClient, name: str) -> bytes:
        for tries_left in reversed(range(TRIES)):
            answer = await _ask(client, name)
            if answer.status not in BUSY or not tries_left:
                break
            await asyncio.sleep(min(LONGEST_PAUSE_SECONDS, answer.retry_after_seconds or 1))
        shown = f"{self._host}{self._prefix}/{name}"
        if answer.status == 404:
            raise Absent(f"{shown} is not there (404).")
        if answer.status != 200:
            raise Unanswered(f"{shown} answers {answer.status}.")
        return answer.body


async def _ask(client: HttpClient, name: str) -> Answer:
    try:
        return await client.ask("GET", f"/{name}")
    except NoAnswer as error:
        raise Unanswered(str(error)) from error
