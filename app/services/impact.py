"""What a change of certificates would do to devices, before it is made.

The devices are taken by kind, for every decision treats those of a kind alike: one of them is decided about as things
are and as they would be. Only where a CA constrains names is each device asked by itself, and only below a CA that the
change is about. Devices that are suspended and stay so, and those whose certificate is not valid now, have no access
to lose.
"""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.impact import DeviceKind, Effect, Impact, Members, Standing, Suspending
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
from app.store.device_kinds import Came, Counted
from app.terms import Possession, Service, Status, Usage

SINGLY_LIMIT = 20_000
"""Of how many devices each is asked by itself; the rest is unknown."""
UPLOADED = ""
"""Stands for the record of an upload that is not made yet."""

# One thread for all of them: each that counts takes turns with the gateways' questions, which must not wait for many.
_ASIDE = ThreadPoolExecutor(max_workers=1, thread_name_prefix="impact")

_Answer = tuple[Reason, str | None]


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A record would be blacklisted or enabled, and its devices suspended or resumed with it."""

    certificate_id: str
    status: Status
    suspend_devices: bool = False
    resume_devices: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Which change this is."""
        return "status", self.certificate_id, self.status, str(self.suspend_devices), str(self.resume_devices)

    @property
    def suspending(self) -> Suspending:
        """What it does to suspensions."""
        if self.suspend_devices:
            return Suspending(suspends=self.certificate_id)
        return Suspending(resumes=self.certificate_id) if self.resume_devices else Suspending()


@dataclass(frozen=True, slots=True)
class Deletion:
    """A record would be deleted. The suspension of its devices outlives it."""

    certificate_id: str

    @property
    def words(self) -> tuple[str, ...]:
        """Which change this is."""
        return "delete", self.certificate_id

    @property
    def suspending(self) -> Suspending:
        """What it does to suspensions."""
        return Suspending()


@dataclass(frozen=True, slots=True)
class Upload:
    """A record would be uploaded, whose id is UPLOADED."""

    record: Record

    @property
    def words(self) -> tuple[str, ...]:
        """Which change this is."""
        record = self.record
        chain = (each.fingerprint.hex() for each in record.chain.certificates)
        return "upload", record.service, record.usage, record.possession, *chain

    @property
    def suspending(self) -> Suspending:
        """What it does to suspensions."""
        return Suspending()


Change = StatusChange | Deletion | Upload


def uploaded(chain: Chain, usage: Usage, service: Service, possession: Possession) -> Upload:
    """The upload of a chain, as it would stand."""
    return Upload(Record(UPLOADED, UPLOADED, Status.ACTIVE, service, usage, possession, chain))


async def impact(connection: Connection, account_id: str, change: Change, *, at: datetime) -> Impact:
    """What a change would do at an instant, from one state of the account's trust. Raises NotFound."""
    state = await load(connection, account_id)
    tally = _Tally(state.store, change, at)
    found = await device_kinds.kinds(connection, account_id, at, change.suspending)
    tally.unknown += found.left_out
    # Elsewhere, because thousands of signatures take seconds.
    loop = asyncio.get_running_loop()
    for counted in await loop.run_in_executor(_ASIDE, tally.take_together, found.counted):
        left = counted.devices
        async for some in device_kinds.devices_of(connection, account_id, counted, at, change.suspending):
            left -= await loop.run_in_executor(_ASIDE, tally.take_singly, counted, some)
            if not tally.singly_left:
                break
        tally.unknown += max(0, left)
    return Impact(change.words, state.version, tally.effects(), tally.unchanged, tally.unknown)


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


def _subjects(store: TrustStore, change: Change) -> set[bytes]:
    """The names in the record that changes: whoever has none of these above it is decided about as it is now."""
    if isinstance(change, Upload):
        records: Iterable[Record] = (change.record,)
    else:
        records = (each for each in store.records if each.id == change.certificate_id)
    return {certificate.subject for record in records for certificate in record.chain.certificates}


@dataclass(slots=True)
class _Sum:
    """The devices of one effect."""

    devices: int = 0
    standings: set[Standing] = field(default_factory=set)
    ids: list[str] = field(default_factory=list)
    newest: str = ""


class _Tally:
    """Counts what happens to whom."""

    def __init__(self, before: TrustStore, change: Change, at: datetime) -> None:
        self._before = before
        self._after = changed(before, change)
        self._subjects = _subjects(before, change)
        self._suspending = change.suspending
        self._at = at
        self._sums: dict[tuple[DeviceKind, _Answer, _Answer], _Sum] = {}
        self.unchanged = 0
        self.unknown = 0
        self.singly_left = SINGLY_LIMIT

    def take_together(self, found: Sequence[Counted]) -> list[Counted]:
        """Count every kind by one of its devices; answers those whose devices have to be asked one by one."""
        singly = list[Counted]()
        for counted in found:
            closures = self._closures(counted.sample)
            if not self._concerns(counted.standing, closures):
                self.unchanged += counted.devices
            elif any(each.name_constraints is not None for closure in closures for each in closure.issuers):
                singly.append(counted)
            else:
                happens = self._add(counted, counted.sample, counted.devices)
                if happens is not None:
                    happens.standings.add(counted.standing)
                    happens.newest = max(happens.newest, counted.newest)
        return singly

    def take_singly(self, counted: Counted, some: Sequence[Came]) -> int:
        """Count these devices each by itself, as many as may be; answers how many."""
        taken = some[: self.singly_left]
        for came in taken:
            happens = self._add(counted, came, 1)
            if happens is not None:
                happens.ids.append(came.device_id)
        self.singly_left -= len(taken)
        return len(taken)

    def effects(self) -> tuple[Effect, ...]:
        """What was counted, the most devices first."""
        effects = (
            Effect(
                Members(kind, self._at, self._suspending, frozenset(found.standings), tuple(sorted(found.ids))),
                *(before[0], after[0], before[1], after[1]),
                found.devices,
                found.newest,
            )
            for (kind, before, after), found in self._sums.items()
        )
        return tuple(sorted(effects, key=lambda effect: (-effect.devices, effect.words)))

    def _closures(self, came: Came) -> list[Closure]:
        presented = _presented(came)
        try:
            return [Closure(store, presented, checks=PRODUCTION.signatures) for store in (self._before, self._after)]
        except TooComplex:
            return []

    def _concerns(self, standing: Standing, closures: Sequence[Closure]) -> bool:
        """Whether the change may do anything to devices that stand so and have this above them."""
        if not closures or standing.was_suspended is not standing.will_be_suspended:
            return True
        # A certificate of the record's chain counts wherever a search by names finds it, and as the device's own.
        names = {name for each in closures for found in each.issuers for name in (found.subject, found.issuer)}
        return not names.isdisjoint(self._subjects)

    def _add(self, counted: Counted, came: Came, devices: int) -> _Sum | None:
        """Count devices that fare as this one; answers the effect that they are of, None where nothing changes."""
        kind, standing = counted.kind, counted.standing
        question = Question(_presented(came), kind.service, self._at)
        before = _answer(decide(self._before, question), standing, is_suspended=standing.was_suspended)
        after = _answer(decide(self._after, question), standing, is_suspended=standing.will_be_suspended)
        if before == after:
            self.unchanged += devices
            return None
        happens = self._sums.setdefault((kind, before, after), _Sum())
        happens.devices += devices
        return happens


def _answer(decision: Decision, standing: Standing, *, is_suspended: bool) -> _Answer:
    decision = admission.of_device(decision, is_suspended=is_suspended, held_by=None, is_claimed=standing.is_claimed)
    return decision.reason, decision.records[0].id if decision.is_allowed else None


def _presented(came: Came) -> tuple[ParsedCertificate, ...]:
    return tuple(parse_cached(each) for each in (came.leaf, *der.apart(came.presented)))
