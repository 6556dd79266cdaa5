"""Whose a gateway's key is, asked at every connection of a device and so remembered for a moment.

A key that is revoked opens nothing from the next second on. While the database cannot be read, a key that was right
last goes on to be known, so that its gateway is told what is so and the refusals are its account's: that nobody is let
in for long is up to the decisions (`TrustStates`), which end after the bridge.
"""

from dataclasses import dataclass, field
from datetime import datetime

from app.actor import Actor, Scope
from app.errors import Forbidden, StoreUnavailable, Unauthenticated
from app.recent import Recent
from app.services import keys
from app.services.trust_states import CONFIRMED_SECONDS, Monotonic
from app.store import reads
from app.store.database import Database
from app.terms import ClientCertForm

KEYS_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A gateway, and the form in which it hands on what a device presented."""

    actor: Actor
    form: ClientCertForm


@dataclass(slots=True)
class GatewayKeys:
    """See the module."""

    database: Database
    monotonic: Monotonic
    _right: Recent[str, tuple[GatewayKey, float]] = field(default_factory=lambda: Recent(KEYS_LIMIT))

    def is_confirmed(self, presented: str) -> bool:
        """Whether the key was read, and found right, within the last second."""
        known = self._right.find(presented)
        return known is not None and self.monotonic() - known[1] < CONFIRMED_SECONDS

    async def authenticate(self, presented: str, at: datetime) -> GatewayKey:
        """Raises Unauthenticated for a key that is not valid, Forbidden for one that is no gateway's."""
        now = self.monotonic()
        known, since = self._right.find(presented) or (None, 0.0)
        if known is not None and now - since < CONFIRMED_SECONDS:
            return known
        try:
            found = await self._read(presented, at)
        except StoreUnavailable:
            if known is None:
                raise
            return known
        except (Unauthenticated, Forbidden):
            self._right.drop(presented)
            raise
        self._right.keep(presented, (found, now))
        return found

    async def _read(self, presented: str, at: datetime) -> GatewayKey:
        actor = await keys.authenticate(self.database.reads, presented, at)
        key = None if actor.id is None else await reads.api_key(self.database.reads, actor.id)
        if key is None or key.client_cert is None or Scope.GATEWAY not in actor.scopes:
            raise Forbidden("This needs a key of the role gateway: `anchorage key create --role gateway`.")
        return GatewayKey(actor, ClientCertForm(key.client_cert))
