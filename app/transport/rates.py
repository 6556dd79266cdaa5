"""Who may ask how much: a fixed window of a minute, in the memory of this process.

Several processes, or gateways on several hosts, each count for themselves: the limit protects a process from a caller,
it is no quota to be billed.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from app.clock import Clock
from app.errors import RateLimited

WINDOW = timedelta(minutes=1)
CALLERS_LIMIT = 100_000
"""Past this many callers in a minute the rest share one window: strangers must not fill the memory."""
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Left:
    """What a caller has left, and when it starts afresh."""

    remaining: int
    reset_at: datetime


@dataclass(slots=True)
class Rates:
    """Counts what each caller spends in the present minute."""

    clock: Clock
    limit: int
    _from: datetime = field(init=False)
    _spent: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._from = _minute(self.clock())

    def spend(self, caller: str, cost: int) -> None:
        """Take `cost` from the caller's share of this minute.

        Raises RateLimited where too little is left; then nothing is taken, and a cheaper operation may still pass.
        """
        caller, spent, now = self._window(caller)
        if spent + cost > self.limit:
            raise RateLimited(retry_after_seconds=max(1, round((self._reset_at - now).total_seconds())))
        self._spent[caller] = spent + cost

    def left(self, caller: str) -> Left:
        """What the caller may still spend in this minute."""
        return Left(self.limit - self._window(caller)[1], self._reset_at)

    def is_spent(self, caller: str) -> bool:
        """Whether the caller has nothing left."""
        return self._window(caller)[1] >= self.limit

    @property
    def _reset_at(self) -> datetime:
        return self._from + WINDOW

    def _window(self, caller: str) -> tuple[str, int, datetime]:
        now = self.clock()
        if _minute(now) != self._from:
            self._from = _minute(now)
            self._spent.clear()
        if caller not in self._spent and len(self._spent) >= CALLERS_LIMIT:
            caller = OTHERS
        return caller, self._spent.get(caller, 0), now


def network_of(address: str | None) -> str:
    """Under which name an address counts: whoever has one IPv6 address has the 2^64 of its /64 network."""
    if address is None:
        return "unknown"
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return address


def _minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)
