"""A small house behind the small schema: one key, a rate, and a list of what was refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from tests.transport.endpoint.small_schema import SCHEMA, SmallContext

from app.actor import ANONYMOUS, Actor, ActorType, Origin, Scope
from app.clock import system_clock
from app.errors import RateLimited, Unauthenticated
from app.settings import Introspection
from app.transport.graphql.gate import Budget, Caller
from app.transport.graphql.limits import Limits
from app.transport.graphql.view import GraphQLEndpoint

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
