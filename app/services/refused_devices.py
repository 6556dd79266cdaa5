"""What is recorded of devices that are refused: an entry each, or one for many, and counts for blacklisted records.

A blacklisting brings bursts: a refused device comes again after 20 to 100 s, and a fleet does so at once. After the
twentieth refusal for one reason and record in a minute the rest of that minute become one entry that counts them. The
counts of a record's denied devices are written, together with all that wait, before anybody is answered, unless that
takes longer than a gateway waits.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.actor import Actor, Origin
from app.audit.device_events import DeviceConnected
from app.audit.entry import Act, Result, account_stream
from app.audit.states import Json, JsonValue, Target
from app.clock import Clock, to_text
from app.errors import AuditUnavailable, OutcomeUnknown
from app.ids import new_id
from app.reasons import Reason
from app.rules.decision import Decision
from app.services.door import Door
from app.services.submission import authority
from app.store import denials, device_writes
from app.store.batching import Unit
from app.store.connection import Transaction
from app.store.database import Database
from app.store.denials import Attempts, Denied

SINGLY = 20
PERIOD = timedelta(minutes=1)
BURSTS_LIMIT = 10_000
WAITING_LIMIT = 10_000
"""Of how many devices, and of how many certificates, something waits while nothing can be written."""
HOLD_SECONDS = 1.0
"""For how long an answer waits for what is written: a gateway that hears nothing for two seconds refuses by itself."""
LANE = "refused-devices"
"""Its own, so that no account's writers wait for it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A device that was refused: who asked, for what, and why. `trust_version` is None where no state could be read."""

    actor: Actor
    origin: Origin
    decision: Decision
    endpoint_name: str
    trust_version: int | None

    @property
    def account_id(self) -> str:
        """Whose gateway asked."""
        return self.actor.account_id or ""

    @property
    def burst(self) -> tuple[str, Reason, str]:
        """What makes refusals alike."""
        records = self.decision.records
        return self.account_id, self.decision.reason, records[0].id if records else ""

    def said(self) -> Json:
        """What its entry says beside the reason."""
        question = self.decision.question
        return {
            "service": question.service.value,
            "trust_version": self.trust_version,
            "fingerprint": question.presented[0].fingerprint.hex() if question.presented else None,
            "records": list[JsonValue]([record.id for record in self.decision.records]),
        }


@dataclass(slots=True)
class _Burst:
    """Refusals that are alike. While entries of single ones are `under_way` nobody knows how many have none."""

    newest: Refused
    first: datetime
    last: datetime
    seen: int = 0
    unrecorded: int = 0
    under_way: int = 0


@dataclass(slots=True)
class _Waiting:
    """What waits to be written together: WAITING_LIMIT of each kind at most, and no attempt is lost past that."""

    attempts: dict[Denied, Attempts] = field(default_factory=dict)
    refused_keys: dict[tuple[str, bytes], datetime] = field(default_factory=dict)

    def count(self, denied: Denied, attempts: Attempts) -> None:
        """Add attempts; where there are too many devices, to those of all that are not told apart."""
        is_known = denied in self.attempts or len(self.attempts) < WAITING_LIMIT
        denials.add(self.attempts, denied if is_known else denied.together, attempts)

    def refused(self, key: tuple[str, bytes], at: datetime) -> None:
        """Note when a certificate was refused last; past the limit it is not noted, as most are strangers' then."""
        if key in self.refused_keys or len(self.refused_keys) < WAITING_LIMIT:
            self.refused_keys[key] = max(at, self.refused_keys.get(key, at))

    def take_in(self, newer: "_Waiting") -> None:
        """Add what has come meanwhile."""
        for denied, attempts in newer.attempts.items():
            self.count(denied, attempts)
        for key, at in newer.refused_keys.items():
            self.refused(key, at)


@dataclass(slots=True)
class RefusedDevices:
    """See the module. `flush` must be called at least once a minute, and at the end."""

    database: Database
    door: Door
    clock: Clock
    _bursts: dict[tuple[str, Reason, str], _Burst] = field(default_factory=dict)
    _waiting: _Waiting = field(default_factory=_Waiting)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _next: asyncio.Task[None] | None = None

    async def note(self, refused: Refused) -> None:
        """Record a refusal, within HOLD_SECONDS or after.

        Never raises for a log that cannot be written: the device is refused either way.
        """
        now = self.clock()
        self._count(refused, now)
        noting = asyncio.gather(self._record_one(refused, now), self._write_soon())
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS):
                await asyncio.shield(noting)

    async def flush(self, *, everything: bool = False) -> None:
        """Write the entries of the bursts whose minute is over, or of all, and what could not be written before."""
        now = self.clock()
        for key, burst in list(self._bursts.items()):
            if everything or now - burst.first >= PERIOD:
                await self._close(key)
        await asyncio.shield(self._write_soon())

    def note_later(self, refused: Refused) -> None:
        """Count a refusal whose entry cannot be written now; the next flush that can writes one for all of them."""
        burst = self._burst(refused, self.clock())
        burst.unrecorded += 1

    async def _record_one(self, refused: Refused, now: datetime) -> None:
        found = self._bursts.get(refused.burst)
        if found is not None and now - found.first >= PERIOD:
            await self._close(refused.burst)
        burst = self._burst(refused, now)
        if burst.seen > SINGLY:
            burst.unrecorded += 1
            return
        burst.under_way += 1
        try:
            if not await self._append(refused, now, refused.said()):
                burst.unrecorded += 1
        finally:
            burst.under_way -= 1

    def _burst(self, refused: Refused, now: datetime) -> _Burst:
        key = refused.burst
        if key not in self._bursts and len(self._bursts) >= BURSTS_LIMIT:
            key = (refused.account_id, refused.decision.reason, "")
        burst = self._bursts.setdefault(key, _Burst(refused, now, now))
        burst.seen += 1
        burst.newest, burst.last = refused, now
        return burst

    async def _close(self, key: tuple[str, Reason, str]) -> None:
        burst = self._bursts.get(key)
        if burst is None or burst.under_way:
            # One that is under way is counted when it has ended; a later flush finds it.
            return
        del self._bursts[key]
        if not burst.unrecorded:
            return
        said: Json = {
            **burst.newest.said(),
            "fingerprint": None,
            "count": burst.unrecorded,
            "first": to_text(burst.first),
            "last": to_text(burst.last),
        }
        if not await self._append(replace(burst.newest, endpoint_name=""), self.clock(), said):
            # The log is away: the count waits for it, with whatever came in the meantime.
            came = self._bursts.setdefault(key, burst)
            if came is not burst:
                came.first = burst.first
                came.seen += burst.seen
                came.unrecorded += burst.unrecorded

    async def _append(self, refused: Refused, now: datetime, said: Json) -> bool:
        act = Act(
            id=new_id(now),
            time=now,
            actor=refused.actor,
            origin=refused.origin,
            action=DeviceConnected.kind,
            result=Result.REFUSED,
            code=refused.decision.reason.value,
            target=Target("device", None, refused.endpoint_name or None),
            extra=said,
        )
        try:
            await self.door.record(act, account_stream(refused.account_id))
        except (AuditUnavailable, OutcomeUnknown):
            return False
        return True

    def _count(self, refused: Refused, now: datetime) -> None:
        question = refused.decision.question
        if not question.presented:
            return
        leaf = question.presented[0]
        self._waiting.refused((refused.account_id, authority(leaf)), now)
        if refused.decision.reason is Reason.BLACKLISTED:
            for record in refused.decision.records:
                denied = Denied(refused.account_id, record.id, refused.endpoint_name, question.service)
                self._waiting.count(denied, Attempts(1, now, now, leaf.fingerprint))

    def _write_soon(self) -> asyncio.Task[None]:
        """The one write that takes with it all that waits when its turn comes."""
        if self._next is None:
            self._next = asyncio.create_task(self._write(), name="refused devices")
        return self._next

    async def _write(self) -> None:
        async with self._turn:
            batch, self._waiting, self._next = self._waiting, _Waiting(), None
            if not batch.refused_keys:
                return
            try:
                left = await self.database.write(LANE, _writing(batch))
            except (AuditUnavailable, OutcomeUnknown):
                # All that was counted waits for the next write.
                batch.take_in(self._waiting)
                self._waiting = batch
                return
            for key in left:
                self._waiting.refused(key, batch.refused_keys[key])


def _writing(batch: _Waiting) -> Unit[set[tuple[str, bytes]]]:
    async def unit(transaction: Transaction) -> set[tuple[str, bytes]]:
        async with transaction.savepoint():
            await denials.count(transaction, batch.attempts)
            return await device_writes.note_refused(transaction, batch.refused_keys)

    return unit
