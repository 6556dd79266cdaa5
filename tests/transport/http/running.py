"""A server on the loopback interface, in the test's own event loop, with the guarded protocol and a real database."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from uvicorn.server import Server

from app.actor import Role, command_line
from app.clock import Clock, system_clock
from app.ids import new_id
from app.installation import Installation
from app.main import Application, create_app, parts_of
from app.rules.credential import Credential
from app.services.accounts import CreateAccount
from app.services.keys import CreateApiKey, RevokeApiKey
from app.settings import Settings
from app.terms import Tier
from app.transport.guard import Bounds, GuardedConfig, GuardedProtocol
from tests.transport.http.stub_api import StubApi


class _Server(Server):
    """Leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    port: int
    application: Starlette
    client: httpx.AsyncClient

    @property
    def parts(self) -> Application:
        """What it consists of."""
        return parts_of(self.application)

    @property
    def installation(self) -> Installation:
        """Its installation."""
        return self.parts.installation

    async def operate(self, key: str | None = None, **operation: object) -> httpx.Response:
        """POST an operation to the stub."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return await self.client.post("/graphql", json=operation, headers=headers)

    async def raw(self, request: bytes, *, seconds: float = 20.0) -> bytes:
        """Send bytes, and answer with all that comes until the server closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            async with asyncio.timeout(seconds):
                return await reader.read()
        finally:
            writer.close()

    async def entries(self, code: str) -> list[dict[str, Any]]:
        """The bodies of the entries with this code, oldest first."""
        rows = await self.installation.database.reads.fetch(
            "SELECT b.body FROM audit_entry AS e JOIN audit_body AS b ON b.seq = e.seq"
            " WHERE e.code = $1 ORDER BY e.seq",
            code,
        )
        return [json.loads(bytes(row["body"])) for row in rows]


def settings_for(url: str, folder: Path, **given: object) -> Settings:
    """Settings that no environment and no file of this machine changes."""
    values: dict[str, object] = {"data_dir": folder, "database_url": url, "node": "test-node", **given}
    return Settings(_env_file=None, **values)  # type: ignore[call-arg, arg-type]


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, *, bounds: Bounds | None = None, web_build: Path | None = None, clock: Clock = system_clock
) -> AsyncIterator[Running]:
    """Serve until the block ends, then drain."""
    application = create_app(
        settings, api=StubApi, clock=clock, web_build=web_build or settings.data_dir / "no-web-build"
    )
    config = GuardedConfig(
        app=application,
        host="127.0.0.1",
        port=0,
        http=GuardedProtocol,
        ws="websockets-sansio",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=settings.drain_seconds,
        reset_contextvars=True,
    )
    config.bounds = bounds or Bounds()
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield Running(port, application, client)
    finally:
        server.should_exit = True
        await task


async def make_account(installation: Installation, name: str = "acme") -> str:
    """An account; answers with its id."""
    made = await installation.door.perform(
        installation.operator(None), CreateAccount(name, Tier.COMMERCIAL), installation.origin("test")
    )
    return made.value.id


async def make_key(installation: Installation, account_id: str, *, expires_at: datetime | None = None) -> Credential:
    """A viewer's key of the account."""
    key = Credential(key_id=new_id(system_clock()), secret=secrets.token_bytes(32))
    command = CreateApiKey("test key", Role.VIEWER, key, expires_at=expires_at)
    await installation.door.perform(command_line(account_id, None), command, installation.origin("test"))
    return key


async def revoke(installation: Installation, account_id: str, key: Credential) -> None:
    """Revoke it."""
    command = RevokeApiKey(key.key_id)
    await installation.door.perform(command_line(account_id, None), command, installation.origin("test"))
