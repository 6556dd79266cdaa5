"""Requests that were refused before anything of them ran: recorded in the installation's own streams, coalesced.

Strangers must not be able to force unbounded writes: after the twentieth equal refusal of a minute, the rest of that
minute become one entry that says how many there were, and when the first and the last.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.actor import Actor, Origin
from app.audit.entry import Act, Result, system_stream
from app.audit.events import REQUEST_REFUSED
from app.audit.states import Target
from app.clock import Clock, to_text
from app.errors import AuditUnavailable, OutcomeUnknown
from app.ids import new_id
from app.services.door import Door

SINGLY = 20
"""How many equal refusals of one client in a minute have an entry each."""
PERIOD = timedelta(minutes=1)
CLIENTS_LIMIT = 10_000
"""Past this many different (client, code) in a minute all further ones are counted together, by code."""
ANYBODY = "many clients"


@dataclass(slots=True)
class _Burst:
    actor: Actor
    origin: Origin
    first: datetime
    last: datetime
    seen: int = 1
    unrecorded: int = 0


@dataclass(slots=True)
class Strangers:
    """Records what was refused unread. `flush` must be called at least once a minute, and at the end."""

    door: Door
    clock: Clock
    _bursts: dict[tuple[str, str], _Burst] = field(default_factory=dict)

    async def refused(self, code: str, actor: Actor, origin: Origin) -> None:
        """Record a refusal, or count it where its client has had twenty of the same in this minute.

        Never raises for a log that cannot be written: the request is refused either way, and the burst stays counted.
        """
        now = self.clock()
        client = origin.address or ""
        if (client, code) not in self._bursts and len(self._bursts) >= CLIENTS_LIMIT:
            client = ANYBODY
        burst = self._bursts.get((client, code))
        if burst is not None and now - burst.first >= PERIOD:
            await self._close(client, code)
            burst = None
        if burst is None:
            burst = self._bursts[client, code] = _Burst(actor, origin, now, now)
        else:
            burst.seen += 1
            burst.last = now
        if burst.seen > SINGLY or client == ANYBODY:
            burst.unrecorded += 1
            return
        if not await self._record(client, code, actor, origin, None):
            burst.unrecorded += 1

    async def flush(self, *, everything: bool = False) -> None:
        """Write the entries of the bursts whose minute is over, or of all."""
        now = self.clock()
        for (client, code), burst in list(self._bursts.items()):
            if everything or now - burst.first >= PERIOD:
                await self._close(client, code)

    async def _close(self, client: str, code: str) -> None:
        burst = self._bursts.pop((client, code))
        if burst.unrecorded and not await self._record(client, code, burst.actor, burst.origin, burst):
            # The log is away: the count waits for it.
            self._bursts[client, code] = burst

    async def _record(self, client: str, code: str, actor: Actor, origin: Origin, burst: _Burst | None) -> bool:
        now = self.clock()
        act = Act(
            id=new_id(now),
            time=now,
            # What never ran belongs to no account, whoever sent it: its entry is the installation's.
            actor=Actor(actor.type, actor.id, None, actor.name, actor.scopes),
            origin=origin,
            action=REQUEST_REFUSED,
            result=Result.REFUSED,
            code=code,
            target=Target("request"),
            extra=None
            if burst is None
            else {"count": burst.unrecorded, "first": to_text(burst.first), "last": to_text(burst.last)},
        )
        try:
            await self.door.record(act, system_stream(client))
        except (AuditUnavailable, OutcomeUnknown):
            return False
        return True
