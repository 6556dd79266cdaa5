"""What a change of certificates would do to devices, before it is made.

The devices are taken by kind, for every decision treats those of a kind alike: one of them is decided about as things
are and as they would be. Only where a CA constrains names is each device asked by itself. Suspended devices, and those
whose certificate is not valid now, have no access to lose.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.errors import ImpactChanged
from app.impact import DeviceKind, Effect, Impact
from app.reasons import Reason
from app.rules import admission, der
from app.rules.certificate import ParsedCertificate, parse_cached
from app.rules.chain import Chain
from app.rules.closure import Closure, TooComplex
from app.rules.decision import Decision, Question
from app.rules.trust import PRODUCTION, decide
from app.rules.trust_store import Record, TrustStore
from app.services.trust_states import load
from app.store import device_kinds
from app.store.connection import Connection
from app.store.device_kinds import Came, Counted, Standing
from app.terms import Possession, Service, Status, Usage

SINGLY_LIMIT = 20_000
"""Of how many devices each is asked by itself; the rest is unknown."""
UPLOADED = ""
"""Stands for the record of an upload that is not made yet."""

_Answer = tuple[Reason, str | None]
_Given = tuple[_Answer | None, _Answer | None]
_SUSPENDED: _Answer = (Reason.DEVICE_SUSPENDED, None)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A record would be blacklisted or enabled, and its devices suspended or resumed with it."""

    certificate_id: str
    status: Status
    suspend_devices: bool = False
    resume_devices: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """A record would be deleted."""

    certificate_id: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A record would be uploaded, whose id is UPLOADED."""

    record: Record


Change = StatusChange | Deletion | Upload


def uploaded(chain: Chain, usage: Usage, service: Service, possession: Possession) -> Upload:
    """The upload of a chain, as it would stand."""
    return Upload(Record(UPLOADED, UPLOADED, Status.ACTIVE, service, usage, possession, chain))


async def require_expected(
    connection: Connection, account_id: str, change: Change, token: str | None, *, target_id: str, at: datetime
) -> None:
    """Refuse a change that would do something else than its caller saw in a preview. Raises ImpactChanged."""
    if token is None:
        return
    found = await impact(connection, account_id, change, at=at)
    if found.token != token:
        raise ImpactChanged(found, target_id=target_id)


async def impact(connection: Connection, account_id: str, change: Change, *, at: datetime) -> Impact:
    """What a change would do at an instant, from one state of the account's trust. Raises NotFound."""
    state = await load(connection, account_id)
    tally = _Tally(state.store, changed(state.store, change), at)
    if isinstance(change, StatusChange) and change.suspend_devices:
        # A device is suspended as a whole, also where another record lets it in at the other service.
        await tally.take(connection, account_id, Standing(through=change.certificate_id), after=_SUSPENDED)
        await tally.take(connection, account_id, Standing(besides=change.certificate_id))
    else:
        await tally.take(connection, account_id, Standing())
    if isinstance(change, StatusChange) and change.resume_devices:
        await tally.take(connection, account_id, Standing(released=change.certificate_id), before=_SUSPENDED)
    return tally.impact()


def changed(store: TrustStore, change: Change) -> TrustStore:
    """The store as it would be."""
    match change:
        case StatusChange():
            records = [
                replace(each, status=change.status) if each.id == change.certificate_id else each
                for each in store.records
            ]
        case Deletion():
            records = [each for each in store.records if each.id != change.certificate_id]
        case Upload():
            records = [*store.records, change.record]
    return TrustStore(records, store.intermediates)


class _Tally:
    """Counts what happens to whom."""

    def __init__(self, before: TrustStore, after: TrustStore, at: datetime) -> None:
        self._before = before
        self._after = after
        self._at = at
        self._effects: Counter[tuple[DeviceKind, _Answer, _Answer]] = Counter()
        self._unchanged = 0
        self._unknown = 0
        self._singly_left = SINGLY_LIMIT

    async def take(
        self,
        connection: Connection,
        account_id: str,
        standing: Standing,
        *,
        before: _Answer | None = None,
        after: _Answer | None = None,
    ) -> None:
        """Count these devices in. `before` and `after` are what they are answered, where no rule is asked for it."""
        given = before, after
        found = await device_kinds.kinds(connection, account_id, self._at, standing)
        if len(found) == device_kinds.KINDS_LIMIT:
            everybody = await device_kinds.total(connection, account_id, self._at, standing)
            self._unknown += everybody - sum(each.devices for each in found)
        # Elsewhere, because thousands of signatures take seconds.
        singly = await asyncio.to_thread(self._take_together, found, given)
        for counted in singly:
            left = counted.devices
            async for came in device_kinds.devices_of(connection, account_id, counted, self._at, standing):
                if not self._singly_left:
                    break
                self._count(replace(counted, devices=1, sample=came), given)
                self._singly_left, left = self._singly_left - 1, left - 1
            self._unknown += max(0, left)

    def _take_together(self, found: Sequence[Counted], given: _Given) -> list[Counted]:
        """Count every kind by one of its devices; answers those whose devices have to be asked one by one."""
        singly = list[Counted]()
        for counted in found:
            if self._constrains_names(counted.sample):
                singly.append(counted)
            else:
                self._count(counted, given)
        return singly

    def _constrains_names(self, came: Came) -> bool:
        presented = _presented(came)
        try:
            closures = [
                Closure(store, presented, checks=PRODUCTION.signatures) for store in (self._before, self._after)
            ]
        except TooComplex:
            return False
        return any(each.name_constraints is not None for closure in closures for each in closure.issuers)

    def _count(self, counted: Counted, given: _Given) -> None:
        kind, devices = counted.kind, counted.devices
        question = Question(_presented(counted.sample), kind.service, self._at)
        before, after = (
            answer or _answer(decide(store, question), is_claimed=counted.is_claimed)
            for answer, store in zip(given, (self._before, self._after), strict=True)
        )
        if before == after:
            self._unchanged += devices
        else:
            self._effects[kind, before, after] += devices

    def impact(self) -> Impact:
        """What was counted."""
        effects = (
            Effect(kind, before[0], after[0], before[1], after[1], devices)
            for (kind, before, after), devices in self._effects.items()
        )
        return Impact(tuple(effects), self._unchanged, self._unknown)


def _answer(decision: Decision, *, is_claimed: bool) -> _Answer:
    decision = admission.of_device(decision, is_suspended=False, held_by=None, is_claimed=is_claimed)
    return decision.reason, decision.records[0].id if decision.is_allowed else None


def _presented(came: Came) -> tuple[ParsedCertificate, ...]:
    return tuple(parse_cached(each) for each in (came.leaf, *der.apart(came.presented)))
