"""What a resolver may use: made anew for every operation, also for each one of a WebSocket."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import strawberry

from app import __version__
from app.actor import Actor, Origin
from app.audit.proof import Receipt
from app.clock import Clock
from app.errors import StoreUnavailable
from app.rules.credentials_file import Servers
from app.services.audit_log import ReadAuditLog
from app.services.door import Door, Recorded, Repeatable
from app.services.receipts import awaited_receipts
from app.services.trust_states import TrustState, TrustStates
from app.settings import Settings
from app.store.connection import Connection
from app.store.database import Database
from app.transport.graphql.fleet_loaders import FleetLoaders
from app.transport.graphql.gate import Budget
from app.transport.graphql.loaders import Loaders
from app.transport.long_runs import without_long_runs

T = TypeVar("T")


Check = Callable[[], Awaitable[bool]]
"""Asks a part of the service how it is: True for well, False for not so well. Raises what the part raises."""


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process. `checks` are asked for `health`, beside the database, which always is."""

    database: Database
    door: Door
    clock: Clock
    settings: Settings
    trust: TrustStates
    release: str = __version__
    servers: Servers = field(default_factory=Servers)
    """What devices connect to, as far as the operator named it."""
    checks: Mapping[str, Check] = field(default_factory=dict)


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
    fleet: FleetLoaders = field(init=False)
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
        self.loaders = Loaders(self.connection, self.account_id, self.now, self._receipts)
        self.fleet = FleetLoaders(self.connection, self.account_id, self.now, self.trust_state)

    async def trust_state(self) -> TrustState:
        """What the account trusts now. Raises StoreUnavailable where only what it trusted last is known."""
        confirmed = await self.services.trust.current(self.account_id)
        if confirmed.stale_seconds:
            raise StoreUnavailable("What the account trusts cannot be read now.")
        return confirmed.state

    async def _receipts(self, entries: Mapping[int, bytes]) -> dict[int, Receipt]:
        return await awaited_receipts(self.services.database, entries)

    def origin_at(self, path: str) -> Origin:
        """The origin of one field: two aliases of a document are two acts."""
        return replace(self.origin, path=without_long_runs(path))

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
