"""Whose a gateway's key is, asked at every connection of a device and so remembered for a moment.

A key that is revoked opens nothing from the next second on. While the database cannot be read, a key that was found
right shortly before goes on to be known, so that decisions can go on (`TrustStates`): one that was not looked at for
longer than that may have been revoked since.
"""

from dataclasses import dataclass, field
from datetime import datetime

from app.actor import Actor, Scope
from app.errors import Forbidden, StoreUnavailable, Unauthenticated
from app.recent import Recent
from app.services import keys
from app.services.reachability import Monotonic, Reachability
from app.services.trust_states import CONFIRMED_SECONDS
from app.store import reads
from app.store.database import Database
from app.terms import ClientCertForm

KEYS_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A gateway, and the form in which it hands on what a device presented."""

    actor: Actor
    form: ClientCertForm
    expires_at: datetime | None = None


@dataclass(slots=True)
class GatewayKeys:
    """See the module. A key that was found right at most `bridge_seconds` before an outage is known in it."""

    database: Database
    monotonic: Monotonic
    reach: Reachability
    bridge_seconds: float
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
            found = await self.reach.read(lambda: self._read(presented, at))
        except StoreUnavailable:
            if known is None or not self._is_known_still(known, since, at):
                raise
            return known
        except (Unauthenticated, Forbidden):
            self._right.drop(presented)
            raise
        self._right.keep(presented, (found, now))
        return found

    def _is_known_still(self, known: GatewayKey, since: float, at: datetime) -> bool:
        unread_since = self.reach.unread_since
        is_recent = unread_since is None or unread_since - since <= self.bridge_seconds
        return is_recent and (known.expires_at is None or at < known.expires_at)

    async def _read(self, presented: str, at: datetime) -> GatewayKey:
        actor = await keys.authenticate(self.database.lookups, presented, at)
        key = None if actor.id is None else await reads.api_key(self.database.lookups, actor.id)
        if key is None or key.client_cert is None or Scope.GATEWAY not in actor.scopes:
            raise Forbidden("This needs a key of the role gateway: `anchorage key create --role gateway`.")
        return GatewayKey(actor, ClientCertForm(key.client_cert), key.expires_at)
