"""What is recorded of devices that are refused: an entry each, or one for many, and counts for blacklisted records.

A blacklisting brings bursts: a refused device comes again after 20 to 100 s, and a fleet does so at once. All that are
refused for one reason and record are of one kind (`app.services.bursts`). The counts of a record's denied devices are
written, together with all that wait, before anybody is answered, unless that takes longer than a gateway waits.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.actor import Actor, Origin
from app.audit.device_events import DeviceConnected
from app.audit.entry import Act, Result, account_stream
from app.audit.states import Json, JsonValue, Target
from app.clock import Clock
from app.errors import AuditUnavailable, OutcomeUnknown, StoreUnavailable
from app.ids import new_id
from app.reasons import Reason
from app.rules.decision import Decision
from app.services.bursts import Bursts, Many
from app.services.door import Door
from app.services.submission import authority
from app.store import denials, device_writes
from app.store.batching import Unit
from app.store.connection import Transaction
from app.store.database import Database
from app.store.denials import Attempts, Denied

WAITING_LIMIT = 10_000
"""Of how many devices, and of how many certificates, something waits while nothing can be written."""
HOLD_SECONDS = 1.0
"""For how long an answer waits for what is written: a gateway that hears nothing for two seconds refuses by itself."""
TIDY_EVERY = timedelta(hours=1)
"""When the denials of deleted records are forgotten."""
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
    _bursts: Bursts[tuple[str, Reason, str], Refused] = field(init=False)
    _waiting: _Waiting = field(default_factory=_Waiting)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _next: asyncio.Task[None] | None = None
    _tidied: datetime | None = None

    def __post_init__(self) -> None:
        self._bursts = Bursts(self.clock, self._record, lambda kind: (kind[0], kind[1], ""))

    async def note(self, refused: Refused) -> None:
        """Record a refusal, within HOLD_SECONDS or after.

        Never raises for a log that cannot be written: the device is refused either way.
        """
        self._count(refused)
        written = self._write_soon()
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS):
                await self._bursts.add(refused.burst, refused)
                await asyncio.shield(written)

    async def flush(self, *, everything: bool = False) -> None:
        """Write the entries of the bursts whose minute is over, or of all, and what could not be written before."""
        await self._bursts.flush(everything=everything)
        await asyncio.shield(self._write_soon())
        await self._tidy()

    def note_later(self, refused: Refused) -> None:
        """Count a refusal whose entry cannot be written now; the next flush that can writes one for all of them."""
        self._bursts.add_later(refused.burst, refused)

    async def _record(self, refused: Refused, many: Many | None) -> bool:
        now, name, said = self.clock(), refused.endpoint_name, refused.said()
        if many is not None:
            name, said = "", {**said, "fingerprint": None, **many.said()}
        act = Act(
            id=new_id(now),
            time=now,
            actor=refused.actor,
            origin=refused.origin,
            action=DeviceConnected.kind,
            result=Result.REFUSED,
            code=refused.decision.reason.value,
            target=Target("device", None, name or None),
            extra=said,
        )
        try:
            await self.door.record(act, account_stream(refused.account_id))
        except (AuditUnavailable, OutcomeUnknown):
            return False
        return True

    def _count(self, refused: Refused) -> None:
        now, question = self.clock(), refused.decision.question
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

    async def _tidy(self) -> None:
        """Not with the deletion: who was refused by then, and is counted after it, would stay."""
        now = self.clock()
        if self._tidied is not None and now - self._tidied < TIDY_EVERY:
            return
        self._tidied = now
        try:
            for record in await denials.of_deleted_records(self.database.reads):
                while await self.database.write(LANE, _forgetting(*record)):
                    pass
        except (StoreUnavailable, AuditUnavailable, OutcomeUnknown):
            # The next time is early enough.
            return


def _forgetting(account_id: str, certificate_id: str) -> Unit[bool]:
    async def unit(transaction: Transaction) -> bool:
        async with transaction.savepoint():
            return await denials.forget(transaction, account_id, certificate_id)

    return unit


def _writing(batch: _Waiting) -> Unit[set[tuple[str, bytes]]]:
    async def unit(transaction: Transaction) -> set[tuple[str, bytes]]:
        async with transaction.savepoint():
            await denials.count(transaction, batch.attempts)
            return await device_writes.note_refused(transaction, batch.refused_keys)

    return unit
