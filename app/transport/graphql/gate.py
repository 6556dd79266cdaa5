"""What the endpoint asks of the house: who calls, may they spend, and record what was refused.

The endpoint speaks GraphQL over HTTP, server-sent events and WebSockets. It knows neither keys nor the log: it asks a
`Gate`, which the composition root implements.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.requests import HTTPConnection

from app.actor import Actor, ActorType, Origin


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and with which request. A wrong credential never becomes a caller; no credential becomes a stranger."""

    actor: Actor
    origin: Origin

    @property
    def is_anonymous(self) -> bool:
        """Whether no credential was sent."""
        return self.actor.type is ActorType.ANONYMOUS


@dataclass(frozen=True, slots=True)
class Budget:
    """What an operation cost and what is left of the caller's share until `reset_at`, all in units of cost."""

    limit: int
    remaining: int
    cost: int
    reset_at: datetime


class Gate(Protocol):
    """The house, as the endpoint sees it."""

    async def admit(self, connection: HTTPConnection, *, authorization: str | None) -> Caller:
        """The caller behind a connection, with a request id of its own at every call.

        `authorization` is the value of the header of that name, or of the field of that name in a WebSocket's
        `connection_init`; None when there is none. Raises `errors.Unauthenticated`, already recorded, for a credential
        that is not valid.
        """

    async def refuse(self, code: str, caller: Caller) -> None:
        """Record that a request was refused before any resolver ran."""

    def spend(self, caller: Caller, cost: int) -> Budget:
        """Take `cost` from the caller's share. Raises `errors.RateLimited` when too little is left."""

    def open(self, caller: Caller, operation_name: str | None) -> object:
        """A context for one operation, or for one event of a subscription; never shared between two."""
