"""What a resolver may use: made anew for every operation, also for each one of a WebSocket."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol, TypeVar

import strawberry

from app.actor import Actor, Origin
from app.clock import Clock
from app.services.audit_log import ReadAuditLog
from app.services.door import Door, Recorded, Repeatable
from app.settings import Settings
from app.store.connection import Connection
from app.store.database import Database
from app.transport.graphql.loaders import Loaders

T = TypeVar("T")


@unique
class Condition(StrEnum):
    """How well something works."""

    OK = "OK"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"


class Probe(Protocol):
    """A part of the service that can be asked how it is."""

    @property
    def name(self) -> str:
        """What it is called, for example `database`."""

    async def __call__(self) -> Condition:
        """How it is now. Raises nothing: what cannot be asked is DOWN."""


class Budget(Protocol):
    """What a caller may still spend, as it stood when the operation was let in."""

    @property
    def limit(self) -> int:
        """The cost that it may spend per window."""

    @property
    def remaining(self) -> int:
        """What is left of it."""

    @property
    def cost(self) -> int:
        """What this operation costs."""

    @property
    def reset_at(self) -> datetime:
        """When the window starts anew."""


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process. `probes` are asked beside the database, which always is."""

    database: Database
    door: Door
    clock: Clock
    settings: Settings
    release: str = "0"
    probes: Sequence[Probe] = ()


@dataclass(slots=True)
class Context:
    """One operation: who asks, from where, and as of when. `now` is taken once."""

    services: Services
    actor: Actor
    origin: Origin
    now: datetime
    budget: Budget | None = None
    connection: Connection = field(init=False)
    """Where queries read."""
    loaders: Loaders = field(init=False)
    _log_reads: dict[str, asyncio.Task[Recorded[None]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = self.services.database.reads
        self.renew()

    @property
    def account_id(self) -> str:
        """The caller's account; empty for a stranger, who finds nothing in it."""
        return self.actor.account_id or ""

    def renew(self, now: datetime | None = None) -> None:
        """Forget what was read: before every act of an operation, and every event of a subscription."""
        self.now = now or self.now
        self.loaders = Loaders(self.connection, self.account_id, self.now)

    def origin_at(self, path: str) -> Origin:
        """The origin of one field: two aliases of a document are two acts."""
        return replace(self.origin, path=path)

    async def perform(self, command: Repeatable[T], path: str, idempotency_key: str | None) -> Recorded[T]:
        """Perform a command through the door. Raises its Refusal, recorded."""
        return await self.services.door.perform_once(self.actor, command, self.origin_at(path), idempotency_key)

    async def record_log_read(self, view: str, path: str) -> None:
        """Record that the caller reads the log, once per operation and view, however many fields do.

        Raises Unauthenticated or Forbidden, recorded as well.
        """
        task = self._log_reads.get(view)
        if task is None:
            act = self.services.door.perform(self.actor, ReadAuditLog(view), self.origin_at(path))
            task = self._log_reads[view] = asyncio.ensure_future(act)
        # One field's cancellation must not take the others' entry with it.
        await asyncio.shield(task)


Info = strawberry.Info[Context, None]


def path_of(info: Info) -> str:
    """The response path of a field, for the log."""
    return ".".join(str(step) for step in info.path.as_list())
