"""Findings about records that live: looked for again and again, and recorded when one appears or goes.

What time does to a record, and what the account's other settings do, happens without anybody's act. So every account is
looked at once in an hour, and soon after its trust changed. What is found is compared with what stands already; only
what differs is written, with one entry for each record.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from app.actor import Actor, ActorType, Origin, Scope
from app.audit.events import CERTIFICATE_NOTED
from app.audit.finding_events import CertificateFindingsNoted
from app.audit.states import Target
from app.clock import Clock
from app.errors import AuditUnavailable, OutcomeUnknown, StoreUnavailable
from app.findings import Finding, FindingCode
from app.ids import new_id
from app.rules import standing as rules
from app.rules.standing import Key, Standing
from app.rules.trust_store import TrustStore
from app.services.command import Done, Tx
from app.services.door import Door
from app.services.trust_states import TrustState, load
from app.store import standing as store
from app.store import trust_reads
from app.store.connection import Connection, Transaction
from app.store.database import Database
from app.store.leadership import Leadership
from app.store.standing import Due, FindingRow, Used

LEAD = "findings"
"""What the one process leads in that looks, and the actor of what it records."""
LANE = "standing-looks"
"""Its own, so that no account's writers wait for it."""
PERIOD = timedelta(hours=1)
"""How old a look may be: time alone changes nothing that must be told sooner."""
PAUSE_SECONDS = 60.0
"""Between rounds: so soon is an account looked at whose trust changed."""
BREATH_SECONDS = 1.0
"""Between rounds while more accounts wait than one takes: everybody else goes first."""
ACCOUNTS_AT_ONCE = 100
RECORDS_AT_ONCE = 50
"""Of how many records one transaction tells: writers of an account wait for one another."""

_AWAY = (AuditUnavailable, OutcomeUnknown, StoreUnavailable)
_ORDER = {code: number for number, code in enumerate(FindingCode)}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found about every record of an account, in one state of its trust."""

    state: TrustState
    records: Mapping[str, Used]
    found: Mapping[str, tuple[Standing, ...]]


@dataclass(frozen=True, slots=True)
class Change:
    """How what was found about a record differs from what stands: what appeared, what is gone, what has other words."""

    certificate_id: str
    appeared: tuple[Standing, ...]
    gone: tuple[FindingRow, ...]
    reworded: Mapping[str, Finding]

    @property
    def is_to_be_told(self) -> bool:
        """Another wording of the same is no news."""
        return bool(self.appeared or self.gone)


async def see(connection: Connection, account_id: str, *, at: datetime, unused_after: timedelta) -> Seen:
    """Look at an account, in as many statements however much it holds. Raises NotFound."""
    state = await load(connection, account_id)
    # Where the connection is no snapshot, what changes between these two is noticed by the act.
    records = await store.uses(connection, account_id, at - unused_after)
    # Elsewhere, because thousands of certificates take seconds.
    found = await asyncio.to_thread(_found, state.store, records, at=at, unused_after=unused_after)
    return Seen(state, records, found)


def changes(seen: Seen, standing: list[FindingRow]) -> list[Change]:
    """What differs from what stands, record by record."""
    stored: dict[str, dict[Key, FindingRow]] = {}
    for row in standing:
        stored.setdefault(row.certificate_id, {})[row.standing.key] = row
    compared = (_compared(each, found, stored.get(each, {})) for each, found in seen.found.items())
    return [change for change in compared if change.is_to_be_told or change.reworded]


@dataclass(frozen=True, slots=True)
class LookAtFindings:
    """Record what a look found, where it is not what stands. Answers whether more is to be recorded.

    Where what findings are made of has changed since the look, nothing is done: another look will be.
    """

    action: ClassVar[str] = CERTIFICATE_NOTED
    scope: ClassVar[Scope] = Scope.OPERATE
    seen: Seen
    reason: None = None

    @property
    def target(self) -> Target:
        """Any record."""
        return Target("certificate")

    async def __call__(self, tx: Tx) -> Done[bool]:
        """Compared once more: whoever looked at the same time may have recorded it."""
        if not await _is_as_seen(tx, self.seen):
            return Done(value=False, event={})
        differing = changes(self.seen, await tx.findings.all())
        events: dict[str, CertificateFindingsNoted] = {}
        for change in differing[:RECORDS_AT_ONCE]:
            entry_id = new_id(tx.now)
            await _store(tx, change, entry_id)
            if change.is_to_be_told:
                events[entry_id] = self._told(change)
        return Done(len(differing) > RECORDS_AT_ONCE, events)

    def _told(self, change: Change) -> CertificateFindingsNoted:
        record = self.seen.records[change.certificate_id]
        return CertificateFindingsNoted(
            change.certificate_id,
            record.name,
            record.version,
            _codes(change.appeared),
            _codes(row.standing for row in change.gone),
        )


@dataclass(slots=True)
class StandingFindings:
    """One process's part in looking: one of them leads. See the module."""

    database: Database
    door: Door
    clock: Clock
    leadership: Leadership
    unused_after: timedelta

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            is_behind = False
            while True:
                # First: what a start has to do comes before.
                await asyncio.sleep(BREATH_SECONDS if is_behind else PAUSE_SECONDS)
                is_behind = await self.turn()
        finally:
            await self.leadership.release()

    async def turn(self) -> bool:
        """A round, if this process leads; whether more waits. Never raises: the next round is there to make good."""
        try:
            return await self.leadership.hold() and await self.round()
        except _AWAY as error:
            _log.warning("certificates are not looked at for now: %s", error.code)
        except Exception:  # noqa: BLE001  # the outermost border of a round: the next one must come
            _log.exception("certificates are not looked at for now")
        return False

    async def round(self) -> bool:
        """Look at the accounts that are due, so many at once; whether more may be.

        A round that does not come to its end is begun again, and finds recorded what it recorded.
        """
        at = self.clock()
        due = await store.due(self.database.reads, at - PERIOD, ACCOUNTS_AT_ONCE)
        looks = {each.account_id: await self._look_if_any(each) for each in due}
        if looks:

            async def unit(transaction: Transaction) -> None:
                async with transaction.savepoint():
                    await store.note_looks(transaction, looks, at)

            await self.database.write(LANE, unit)
        return len(due) == ACCOUNTS_AT_ONCE

    async def look(self, account_id: str) -> int:
        """Look at an account and record what differs; the version of its trust that was looked at. Raises NotFound."""
        # An account that claims all the time has another version at each statement.
        async with self.database.snapshot() as snapshot:
            seen = await see(snapshot, account_id, at=self.clock(), unused_after=self.unused_after)
            differing = changes(seen, await store.of_account(snapshot, account_id))
        if differing:
            actor = Actor(ActorType.SYSTEM, LEAD, account_id, None, frozenset({Scope.OPERATE}))
            origin = Origin(request_id=new_id(self.clock()), operation=LEAD)
            while (await self.door.perform(actor, LookAtFindings(seen), origin)).value:
                pass
        return seen.state.version

    async def _look_if_any(self, due: Due) -> int:
        # Without certificates there is nothing to find, and what stood went with them.
        if not due.has_certificates:
            return due.trust_version
        try:
            return await self.look(due.account_id)
        except _AWAY:
            raise
        except Exception:  # noqa: BLE001  # the outermost border of an account's look: the others must go on
            _log.exception("the certificates of the account %s are looked at again in an hour", due.account_id)
            return due.trust_version


def _found(
    trusted: TrustStore, records: Mapping[str, Used], *, at: datetime, unused_after: timedelta
) -> dict[str, tuple[Standing, ...]]:
    return {
        record.id: rules.standing(record, trusted, records[record.id].use, at=at, unused_after=unused_after)
        for record in trusted.records
        if record.id in records
    }


def _compared(certificate_id: str, found: tuple[Standing, ...], stored: Mapping[Key, FindingRow]) -> Change:
    keys = {each.key for each in found}
    return Change(
        certificate_id,
        appeared=tuple(each for each in found if each.key not in stored),
        gone=tuple(row for key, row in stored.items() if key not in keys),
        reworded={
            row.id: each.finding
            for each in found
            if (row := stored.get(each.key)) is not None and row.standing.finding != each.finding
        },
    )


async def _is_as_seen(tx: Tx, seen: Seen) -> bool:
    """Whether the records are those that were looked at, and what else their findings follow from.

    Claims raise the version as well, and findings have nothing to do with them.
    """
    state, connection, account_id = seen.state, tx.transaction, tx.account_id
    if await trust_reads.version(connection, account_id) == state.version:
        return True
    suspending = {id_ for id_, used in seen.records.items() if used.use.has_suspended_devices}
    remembered = {each.der for each in state.store.intermediates}
    return (
        await trust_reads.versions(connection, account_id) == state.records
        and await store.suspending(connection, account_id) == suspending
        and set(await trust_reads.intermediates(connection, account_id)) == remembered
    )


async def _store(tx: Tx, change: Change, entry_id: str) -> None:
    for row in change.gone:
        await tx.findings.go(row.id, entry_id)
    for each in change.appeared:
        await tx.findings.insert(
            FindingRow(new_id(tx.now), tx.account_id, change.certificate_id, each, tx.now, entry_id)
        )
    for finding_id, finding in change.reworded.items():
        await tx.findings.reword(finding_id, finding)


def _codes(found: Iterable[Standing]) -> tuple[str, ...]:
    codes = {each.finding.code for each in found}
    return tuple(code.value for code in sorted(codes, key=_ORDER.__getitem__))
