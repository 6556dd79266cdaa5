"""A small house behind the small schema: one key, a rate, and a list of what was refused."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from app.actor import ANONYMOUS, Actor, ActorType, Origin, Scope
from app.clock import system_clock
from app.errors import RateLimited, Unauthenticated
from app.settings import Introspection
from app.transport.graphql.gate import Budget, Caller
from app.transport.graphql.limits import Limits
from app.transport.graphql.sse import KEEP_ALIVE_SECONDS
from app.transport.graphql.view import GraphQLEndpoint
from app.transport.graphql.websocket import SocketLimits
from tests.transport.endpoint.small_schema import SCHEMA, SmallContext

RIGHT = "Bearer right"


@dataclass
class SmallGate:
    """A gate with one key, a rate that can be set, and a list of what was refused."""

    rate: int = 1_000_000
    refused: list[str] = field(default_factory=list)
    spent: int = 0
    keys: set[str] = field(default_factory=lambda: {RIGHT})
    admitted: int = 0
    _numbers: "count[int]" = field(default_factory=count)

    async def admit(self, connection: HTTPConnection, *, authorization: str | None) -> Caller:
        """See Gate."""
        del connection
        self.admitted += 1
        origin = Origin(request_id=f"request-{next(self._numbers)}")
        if authorization is None:
            return Caller(ANONYMOUS, origin)
        if authorization not in self.keys:
            raise Unauthenticated("The key is not valid.")
        scopes = frozenset({Scope.CERTIFICATES_READ})
        return Caller(Actor(ActorType.API_KEY, "key", "account", "a key", scopes), origin)

    async def refuse(self, code: str, caller: Caller) -> None:
        """See Gate."""
        del caller
        self.refused.append(code)

    def spend(self, caller: Caller, cost: int) -> Budget:
        """See Gate."""
        del caller
        if self.spent + cost > self.rate:
            raise RateLimited(retry_after_seconds=7)
        self.spent += cost
        reset_at: datetime = system_clock() + timedelta(seconds=30)
        return Budget(self.rate, self.rate - self.spent, cost, reset_at)

    def open(self, caller: Caller, operation_name: str | None) -> SmallContext:
        """See Gate."""
        del operation_name
        return SmallContext(caller, next(self._numbers))


@dataclass
class SmallHouse:
    """An application with the endpoint, and a client of it."""

    gate: SmallGate
    endpoint: GraphQLEndpoint
    client: httpx.AsyncClient

    async def post(
        self, query: str, variables: object = None, *, accept: str | None = None, key: str | None = None, **more: object
    ) -> httpx.Response:
        """Send one operation."""
        headers = {"Accept": accept or "application/graphql-response+json"}
        if key is not None:
            headers["Authorization"] = key
        body: dict[str, Any] = {"query": query, "variables": variables, **more}
        return await self.client.post("/graphql", json=body, headers=headers)


@dataclass
class ServedHouse:
    """The endpoint behind a real server."""

    gate: SmallGate
    endpoint: GraphQLEndpoint
    server: uvicorn.Server
    port: int

    @property
    def url(self) -> str:
        """Where HTTP is spoken."""
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def ws_url(self) -> str:
        """Where WebSockets are spoken."""
        return f"ws://127.0.0.1:{self.port}/graphql"


@asynccontextmanager
async def served_house(
    *,
    limits: Limits | None = None,
    socket_limits: SocketLimits | None = None,
    public_url: str | None = None,
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
) -> AsyncIterator[ServedHouse]:
    """The endpoint behind uvicorn, in this event loop, on a free port."""
    gate = SmallGate()
    endpoint = GraphQLEndpoint(
        SCHEMA,
        gate,
        limits or Limits(),
        None,
        socket_limits=socket_limits,
        public_url=public_url,
        keep_alive_seconds=keep_alive_seconds,
    )
    config = uvicorn.Config(
        Starlette(routes=endpoint.routes()),
        log_config=None,
        ws_max_size=65536,
        timeout_graceful_shutdown=5,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    # asyncio switches Nagle's delays off only for sockets that name their protocol.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110  # uvicorn offers nothing to wait for
            await asyncio.sleep(0.01)
        try:
            yield ServedHouse(gate, endpoint, server, listening.getsockname()[1])
        finally:
            endpoint.close()
            server.should_exit = True
            await serving


@asynccontextmanager
async def small_house(
    *,
    limits: Limits | None = None,
    explorer: Path | None = None,
    introspection: Introspection = Introspection.SIGNED_IN,
    gate: SmallGate | None = None,
) -> AsyncIterator[SmallHouse]:
    """The endpoint in an application of its own."""
    gate = gate or SmallGate()
    endpoint = GraphQLEndpoint(SCHEMA, gate, limits or Limits(), explorer, introspection=introspection)
    application = Starlette(routes=endpoint.routes())
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://house") as client:
        yield SmallHouse(gate, endpoint, client)
