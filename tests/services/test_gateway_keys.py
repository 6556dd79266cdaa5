"""In an outage a gateway's key is known for as long as decisions go on, and no longer than it holds."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.actor import SCOPES, Actor, ActorType, Role
from app.errors import StoreUnavailable, Unauthenticated
from app.services.gateway_keys import GatewayKey, GatewayKeys
from app.services.reachability import Reachability
from app.terms import ClientCertForm

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BRIDGE_SECONDS = 30.0
GATEWAY = Actor(ActorType.API_KEY, "9" * 32, "a" * 32, "gateway", SCOPES[Role.GATEWAY])


@dataclass
class Keys:
    """One key, and a database that may be away."""

    expires_at: datetime | None = None
    error: Exception | None = None
    seconds: float = 100.0
    known: GatewayKeys = field(init=False)

    def __post_init__(self) -> None:
        keys = self

        class Read(GatewayKeys):
            """Reads what the test says."""

            async def _read(self, presented: str, at: datetime) -> GatewayKey:
                del self, presented, at
                if keys.error is not None:
                    raise keys.error
                return GatewayKey(GATEWAY, ClientCertForm.RFC9440, keys.expires_at)

        database = None
        reach = Reachability(self.monotonic)
        self.known = Read(database, self.monotonic, reach, BRIDGE_SECONDS)  # type: ignore[arg-type]

    def monotonic(self) -> float:
        """See `Monotonic`."""
        return self.seconds

    async def is_let_in(self, after: float) -> bool:
        """Whether the key opens, so many seconds later."""
        self.seconds += after
        try:
            await self.known.authenticate("ak_x", NOW + timedelta(seconds=self.seconds - 100))
        except (StoreUnavailable, Unauthenticated):
            return False
        return True


async def test_a_key_that_was_in_use_goes_on_to_be_known() -> None:
    keys = Keys()
    assert await keys.is_let_in(0)
    keys.error = StoreUnavailable("away")
    # How long an outage may last is up to the decisions.
    assert [await keys.is_let_in(10), await keys.is_let_in(10), await keys.is_let_in(100)] == [True] * 3


async def test_a_key_that_nobody_used_shortly_before_may_have_been_revoked() -> None:
    keys = Keys()
    assert await keys.is_let_in(0)
    keys.error = StoreUnavailable("away")
    assert not await keys.is_let_in(BRIDGE_SECONDS + 1)
    keys.error = None
    assert await keys.is_let_in(1)


async def test_a_key_expires_in_an_outage_too() -> None:
    keys = Keys(expires_at=NOW + timedelta(seconds=15))
    assert await keys.is_let_in(0)
    keys.error = StoreUnavailable("away")
    assert [await keys.is_let_in(10), await keys.is_let_in(10)] == [True, False]


async def test_a_revoked_key_opens_nothing_from_the_next_second_on() -> None:
    keys = Keys()
    assert await keys.is_let_in(0)
    keys.error = Unauthenticated("revoked")
    assert keys.known.is_confirmed("ak_x")
    assert await keys.is_let_in(0.9)
    keys.seconds += 0.1
    assert not keys.known.is_confirmed("ak_x")
    assert not await keys.is_let_in(0)
    keys.error = StoreUnavailable("away")
    assert not await keys.is_let_in(0), "it is forgotten"
