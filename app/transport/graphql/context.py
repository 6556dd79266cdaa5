"""What a resolver may use: made anew for every operation, also for each one of a WebSocket."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from app.actor import Actor, Origin
from app.clock import Clock
from app.services.door import Door
from app.settings import Settings
from app.store.database import Database
from app.transport.graphql.loaders import Loaders


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process."""

    database: Database
    door: Door
    clock: Clock
    settings: Settings


@dataclass(slots=True)
class Context:
    """One operation: who asks, from where, and as of when. `now` is taken once."""

    services: Services
    actor: Actor
    origin: Origin
    now: datetime
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.services.database.reads, self.account_id, self.now)

    @property
    def account_id(self) -> str:
        """The caller's account; empty for a stranger, who finds nothing in it."""
        return self.actor.account_id or ""

    def origin_at(self, path: str) -> Origin:
        """The origin of one field: two aliases of a document are two acts."""
        return replace(self.origin, path=path)
