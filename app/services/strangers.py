"""Requests that were refused before anything of them ran: recorded in the installation's own streams, coalesced."""

from dataclasses import dataclass, field
from typing import NamedTuple

from app.actor import Actor, Origin
from app.audit.entry import Act, Result, system_stream
from app.audit.events import REQUEST_REFUSED
from app.audit.states import Target
from app.clock import Clock
from app.errors import AuditUnavailable, OutcomeUnknown
from app.ids import new_id
from app.services.bursts import Bursts, Many
from app.services.door import Door

ANYBODY = "many clients"


class _Refused(NamedTuple):
    code: str
    actor: Actor
    origin: Origin


@dataclass(slots=True)
class Strangers:
    """Records what was refused unread. `flush` must be called at least once a minute, and at the end."""

    door: Door
    clock: Clock
    _bursts: Bursts[tuple[str, str], _Refused] = field(init=False)

    def __post_init__(self) -> None:
        self._bursts = Bursts(self.clock, self._record, lambda kind: (ANYBODY, kind[1]))

    async def refused(self, code: str, actor: Actor, origin: Origin) -> None:
        """Record a refusal, or count it where its client has had many of the same in this minute.

        Never raises for a log that cannot be written: the request is refused either way, and the burst stays counted.
        """
        await self._bursts.add((origin.address or "", code), _Refused(code, actor, origin))

    async def flush(self, *, everything: bool = False) -> None:
        """Write the entries of the bursts whose minute is over, or of all."""
        await self._bursts.flush(everything=everything)

    async def _record(self, refused: _Refused, many: Many | None) -> bool:
        now, actor = self.clock(), refused.actor
        act = Act(
            id=new_id(now),
            time=now,
            # What never ran belongs to no account, whoever sent it: its entry is the installation's.
            actor=Actor(actor.type, actor.id, None, actor.name, actor.scopes),
            origin=refused.origin,
            action=REQUEST_REFUSED,
            result=Result.REFUSED,
            code=refused.code,
            target=Target("request"),
            extra=None if many is None else many.said(),
        )
        try:
            await self.door.record(act, system_stream(refused.origin.address or ""))
        except (AuditUnavailable, OutcomeUnknown):
            return False
        return True
