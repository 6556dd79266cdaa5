"""The real server as a user runs it: `anchorage serve`, a process of its own, which can be killed."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

_LISTENING = re.compile(r"http://127\.0\.0\.1:\d+")
START_SECONDS = 60
STOP_SECONDS = 40

CREATE_KEY = """
mutation Make($name: String!) {
  createApiKey(input: {name: $name, role: GATEWAY}) { errors { __typename } auditEntry { receipt } }
}
"""

Json = dict[str, Any]


@dataclass(slots=True)
class Served:
    """A server that listens. `admin_key` is the first start's; `said` holds what it has written to standard error."""

    url: str
    data_dir: Path
    environment: dict[str, str]
    process: asyncio.subprocess.Process
    said: list[str]

    @property
    def admin_key(self) -> str:
        """The administrator's key that the first start made."""
        return (self.data_dir / "admin-key").read_text().strip()

    async def operate(self, query: str, variables: Json | None = None, *, key: str | None = None) -> Json:
        """The answer to a GraphQL operation: `data` where it has no errors. Raises AssertionError where it has."""
        answer = await self.ask(query, variables, key=key)
        assert "errors" not in answer, answer["errors"]
        data: Json = answer["data"]
        return data

    async def act(self, name: str) -> str:
        """Make a key of this name, and wait until that is signed; the receipt."""
        receipt: str = (await self.operate(CREATE_KEY, {"name": name}))["createApiKey"]["auditEntry"]["receipt"]
        return receipt

    async def ask(self, query: str, variables: Json | None = None, *, key: str | None = None) -> Json:
        """The whole answer to a GraphQL operation."""
        async with httpx.AsyncClient(timeout=60) as client:
            response = await client.post(
                f"{self.url}/graphql",
                json={"query": query, "variables": variables or {}},
                headers={"authorization": f"Bearer {key or self.admin_key}"},
            )
        answer: Json = orjson.loads(response.content)
        return answer

    async def command(self, *words: str) -> str:
        """What `anchorage` answers to these words, beside the server. Raises AssertionError where it fails."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", *words, env=self.environment, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, f"anchorage {' '.join(words)}: {process.returncode}"
        return output.decode().strip()

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to end, and answer with its exit status."""
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()


async def start(database_url: str, data_dir: Path, **settings: str) -> Served:
    """Start a server on a free port; the database and the data directory may have been used before."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANCHORAGE_")}
    environment |= {
        "ANCHORAGE_DATABASE_URL": database_url,
        "ANCHORAGE_DATA_DIR": str(data_dir),
        "ANCHORAGE_PORT": "0",
        **{f"ANCHORAGE_{name.upper()}": value for name, value in settings.items()},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "serve", env=environment, stderr=asyncio.subprocess.PIPE
    )
    said: list[str] = []
    served = Served("", data_dir, environment, process, said)
    assert process.stderr is not None
    async with asyncio.timeout(START_SECONDS):
        while line := (await process.stderr.readline()).decode():
            said.append(line)
            found = _LISTENING.search(line)
            if found is not None:
                served.url = found[0]
                break
    assert served.url, f"the server did not start: {''.join(said)}"
    reading = asyncio.create_task(_keep_reading(process.stderr, said))
    _reading.add(reading)
    reading.add_done_callback(_reading.discard)
    return served


# A task that nobody holds may be collected while it waits.
_reading: set[asyncio.Task[None]] = set()


async def _keep_reading(stream: asyncio.StreamReader, said: list[str]) -> None:
    while line := await stream.readline():
        said.append(line.decode())


@asynccontextmanager
async def serving(database_url: str, data_dir: Path, **settings: str) -> AsyncIterator[Served]:
    """A server for a block, stopped at its end."""
    served = await start(database_url, data_dir, **settings)
    try:
        yield served
    finally:
        await served.stop()
