"""Works off the jobs that wait: one batch after another, each a transaction of its own with one entry.

A batch's rows, its refused lines and the job's progress are committed together. So whoever goes on after a crash goes
on where the last commit was, and nothing is done twice. One process at a time does it, which saves work and no more: a
batch whose turn it is not is refused by the row of its job.
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from app.actor import Actor, ActorType, Origin, Scope
from app.audit.enrollment_events import Batch, EnrollmentsClaimed, EnrollmentsReleased, JobFailed
from app.audit.states import Target
from app.clock import Clock, to_text
from app.errors import AuditUnavailable, InvalidState, OutcomeUnknown, StoreUnavailable
from app.ids import new_id
from app.rules import enrollment
from app.rules.enrollment import Line, LineCode
from app.services.bulk import WANTED, unpacked
from app.services.door import Command, Done, Door, Tx
from app.store import jobs
from app.store.connection import Transaction
from app.store.database import Database
from app.store.enrollments import EnrollmentRow
from app.store.jobs import ErrorRow, JobRow
from app.store.leadership import Leadership
from app.terms import JobKind, JobStatus

PAUSE_SECONDS = 1.0
"""Between looks for jobs that wait, where nobody announces one."""
STRAY_AFTER = timedelta(days=1)
"""When input whose job never came is given up."""
TIDY_EVERY = timedelta(hours=1)
LANE = "job-tidying"

_log = logging.getLogger(__name__)


async def require_due(tx: Tx, job_id: str, number: int) -> JobRow:
    """The job, if the chunk of this number is its next one. Raises InvalidState."""
    job = await tx.jobs.with_id(job_id)
    if job is None or job.completed_at is not None or job.cursor != number:
        raise InvalidState("The turn of these lines is over, or has not come: another process works this job off.")
    return job


@dataclass(frozen=True, slots=True)
class _Batch:
    """Do with some lines what the job does, if it is their turn."""

    scope: ClassVar[Scope] = Scope.DEVICES_WRITE
    job_id: str
    number: int
    lines: tuple[Line, ...]
    reason: None = None

    @property
    def target(self) -> Target:
        """The job."""
        return Target("job", self.job_id)

    async def _finish(self, tx: Tx, job: JobRow, done: set[bytes], otherwise: LineCode) -> tuple[JobRow, Batch]:
        """Note the job's progress, and why each line was refused whose identity is not in `done`."""
        left = set(done)
        refused = []
        for line in self.lines:
            if line.fingerprint in left:
                # The second line of one identity comes too late.
                left.remove(line.fingerprint)
            else:
                refused.append(ErrorRow(job.id, line.number, (line.code or otherwise).value, line.text))
        await tx.jobs.report(refused)
        is_last = job.cursor + 1 == job.chunk_count
        after = replace(
            job,
            status=JobStatus.DONE if is_last else JobStatus.RUNNING,
            completed_at=tx.now if is_last else None,
            processed_count=job.processed_count + len(self.lines),
            errors_count=job.errors_count + len(refused),
            cursor=job.cursor + 1,
        )
        await tx.jobs.update(after)
        lines = [line.number for line in self.lines]
        return after, Batch(job.id, min(lines), max(lines), len(done), len(refused), _digest(done))

    def _fingerprints(self) -> list[bytes]:
        found = (line.fingerprint for line in self.lines if line.fingerprint is not None)
        return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class ClaimBatch(_Batch):
    """Claim the identities of some lines. Those that somebody holds are refused, each by itself."""

    action: ClassVar[str] = EnrollmentsClaimed.kind
    expires_after_days: int | None = None

    async def __call__(self, tx: Tx) -> Done[JobRow]:
        """All of them are claimed at one instant, and end at one."""
        job = await require_due(tx, self.job_id, self.number)
        expires_at = enrollment.expiry(tx.now, self.expires_after_days)
        claims = [
            EnrollmentRow(
                id=new_id(tx.now),
                account_id=tx.account_id,
                version=1,
                fingerprint=fingerprint,
                created_at=tx.now,
                expires_at=expires_at,
                claimed_at=None,
                device_id=None,
                job_id=job.id,
                created_audit_id=tx.entry_id,
            )
            for fingerprint in self._fingerprints()
        ]
        claimed = await tx.enrollments.insert(claims)
        after, batch = await self._finish(tx, job, claimed, LineCode.ALREADY_CLAIMED)
        ends = None if expires_at is None else to_text(expires_at)
        return Done(after, EnrollmentsClaimed(batch, to_text(tx.now), ends))


@dataclass(frozen=True, slots=True)
class ReleaseBatch(_Batch):
    """Give up the claims of the identities of some lines. Those that the account does not hold are refused."""

    action: ClassVar[str] = EnrollmentsReleased.kind

    async def __call__(self, tx: Tx) -> Done[JobRow]:
        """Whether somebody else holds an identity is not said."""
        job = await require_due(tx, self.job_id, self.number)
        released = await tx.enrollments.release(self._fingerprints(), tx.now, job.id)
        after, batch = await self._finish(tx, job, released, LineCode.NOT_FOUND)
        return Done(after, EnrollmentsReleased(batch))


@dataclass(frozen=True, slots=True)
class FailJob:
    """Give a job up whose next chunk has this number. What it has done stays done."""

    action: ClassVar[str] = JobFailed.kind
    scope: ClassVar[Scope] = Scope.DEVICES_WRITE
    job_id: str
    number: int
    reason: str

    @property
    def target(self) -> Target:
        """The job."""
        return Target("job", self.job_id)

    async def __call__(self, tx: Tx) -> Done[JobRow]:
        """Raises InvalidState for a job that has come further meanwhile."""
        job = await require_due(tx, self.job_id, self.number)
        after = replace(job, status=JobStatus.FAILED, completed_at=tx.now)
        await tx.jobs.update(after)
        return Done(after, JobFailed(job.id, job.processed_count))


@dataclass(slots=True)
class JobRunner:
    """One process's part in working jobs off. `expires_after_days` is how long a claim holds that no device uses."""

    database: Database
    door: Door
    clock: Clock
    leadership: Leadership
    expires_after_days: int | None
    _last: str = ""
    _tidied: datetime | None = None

    async def run(self) -> None:
        """Work until cancelled: at once when a job is announced in this process, within a second otherwise."""
        try:
            with self.database.wakes.watch(WANTED) as watch:
                while True:
                    if not await self.turn():
                        await watch.wait(PAUSE_SECONDS)
        finally:
            await self.leadership.release()

    async def once(self) -> None:
        """Work off all that waits, if this process may lead, and leave the lead to others again."""
        try:
            while await self.turn():
                pass
        finally:
            await self.leadership.release()

    async def turn(self) -> bool:
        """Work off one batch, if this process leads; whether more may wait. Never raises for what may be over soon."""
        try:
            if not await self.leadership.hold():
                return False
            await self._tidy()
            job = await self._next()
            return job is not None and await self._work(job)
        except (AuditUnavailable, OutcomeUnknown, StoreUnavailable) as error:
            _log.warning("jobs are not worked off for now: %s", error.code)
            return False

    async def _next(self) -> JobRow | None:
        """The job whose turn it is: of each account the oldest, and the accounts one after another."""
        waiting = await jobs.waiting(self.database.reads)
        later = [job for job in waiting if job.id > self._last]
        job = next(iter(later or waiting), None)
        self._last = "" if job is None else job.id
        return job

    async def _work(self, job: JobRow) -> bool:
        stored = await jobs.chunk(self.database.reads, job.id, job.cursor)
        if stored is None:
            return await self._perform(job, FailJob(job.id, job.cursor, "A part of its input is not there any more."))
        try:
            return await self._perform(job, self._batch(job, tuple(unpacked(stored))))
        except (AuditUnavailable, OutcomeUnknown, StoreUnavailable):
            raise
        except Exception:  # noqa: BLE001  # the outermost border of what a job does: the others must go on
            _log.exception("the job %s has ended", job.id)
            return await self._perform(job, FailJob(job.id, job.cursor, "It ended through a fault of ours."))

    def _batch(self, job: JobRow, lines: tuple[Line, ...]) -> Command[JobRow]:
        if job.kind is JobKind.ENROLLMENT_CLAIM:
            return ClaimBatch(job.id, job.cursor, lines, expires_after_days=self.expires_after_days)
        return ReleaseBatch(job.id, job.cursor, lines)

    async def _perform(self, job: JobRow, command: Command[JobRow]) -> bool:
        actor = Actor(ActorType.SYSTEM, "jobs", job.account_id, None, frozenset({Scope.DEVICES_WRITE}))
        try:
            await self.door.perform(actor, command, Origin(new_id(self.clock()), "jobs"))
        except InvalidState as late:
            _log.warning("the job %s has come further meanwhile: %s", job.id, late.code)
            return False
        return True

    async def _tidy(self) -> None:
        """Forget input whose job never came, now and then."""
        now = self.clock()
        if self._tidied is not None and now - self._tidied < TIDY_EVERY:
            return
        self._tidied = now
        oldest = new_id(now - STRAY_AFTER)

        async def unit(transaction: Transaction) -> None:
            async with transaction.savepoint():
                await jobs.drop_stray_chunks(transaction, oldest)

        await self.database.write(LANE, unit)


def _digest(fingerprints: Iterable[bytes]) -> str:
    """The digest of a batch: see `app.audit.batches`."""
    return hashlib.sha256(b"".join(sorted(fingerprints))).hexdigest()
