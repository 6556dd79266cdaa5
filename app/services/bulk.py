"""Files of identities to claim or to give up: read as they come, kept in parts, and made a job.

A file may be as long as it likes and is never held whole. What is kept of it is what its lines say, and not the file:
a private key that somebody sends by mistake is stored nowhere.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar

import orjson

from app.actor import Actor, Origin, Scope
from app.audit.enrollment_events import BulkClaimStarted, BulkReleaseStarted
from app.audit.states import Target
from app.clock import Clock
from app.errors import AuditUnavailable, InvalidInput, InvalidState, NotFound, OutcomeUnknown, Refusal
from app.ids import new_id
from app.rules.enrollment import Line, LineCode, LineReader, render_identity
from app.services.command import Done, Tx
from app.services.door import Door
from app.store import jobs
from app.store.connection import Transaction
from app.store.database import Database
from app.store.jobs import JobRow
from app.terms import JobKind, JobStatus

CHUNK_LINES = 1_000
"""So many lines are worked off in one transaction, and recorded by one entry."""
CHUNKS_AT_ONCE = 16
"""So many are stored in one transaction."""
UNFINISHED_LIMIT = 10
"""How many jobs of an account may wait or run."""
LANE = "job-input"
"""Its own, so that no account's writers wait for it."""
WANTED = "jobs"
"""What is announced when there is a new job: the lead of the processes that work them off is named alike."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file whose lines are stored under the id that its job will have."""

    job_id: str
    lines: int
    chunks: int
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class _StartBulk:
    """Make a job of a file that was stored. The file is gone where this is refused: see `Uploads`."""

    scope: ClassVar[Scope] = Scope.DEVICES_WRITE
    kind: ClassVar[JobKind]
    upload: Upload
    reason: None = None

    @property
    def target(self) -> Target:
        """The job."""
        return Target("job", self.upload.job_id)

    async def _insert(self, tx: Tx) -> JobRow:
        if await tx.accounts.with_id(tx.account_id) is None:
            raise NotFound("There is no account of this id.")
        require_turn(await tx.jobs.count_unfinished())
        upload = self.upload
        is_empty = not upload.chunks
        job = JobRow(
            id=upload.job_id,
            account_id=tx.account_id,
            kind=self.kind,
            status=JobStatus.DONE if is_empty else JobStatus.QUEUED,
            created_at=tx.now,
            completed_at=tx.now if is_empty else None,
            total_count=upload.lines,
            processed_count=0,
            errors_count=0,
            input_sha256=upload.sha256,
            input_bytes=upload.size,
            chunk_count=upload.chunks,
            cursor=0,
        )
        await tx.jobs.insert(job)
        return job


@dataclass(frozen=True, slots=True)
class StartBulkClaim(_StartBulk):
    """Have the identities of a file claimed."""

    action: ClassVar[str] = BulkClaimStarted.kind
    kind: ClassVar[JobKind] = JobKind.ENROLLMENT_CLAIM

    async def __call__(self, tx: Tx) -> Done[JobRow]:
        """The job waits for its turn."""
        upload = self.upload
        job = await self._insert(tx)
        return Done(job, BulkClaimStarted(job.id, upload.lines, upload.size, upload.sha256.hex()))


@dataclass(frozen=True, slots=True)
class StartBulkRelease(_StartBulk):
    """Have the claims of the identities of a file given up."""

    action: ClassVar[str] = BulkReleaseStarted.kind
    kind: ClassVar[JobKind] = JobKind.ENROLLMENT_RELEASE

    async def __call__(self, tx: Tx) -> Done[JobRow]:
        """The job waits for its turn."""
        upload = self.upload
        job = await self._insert(tx)
        return Done(job, BulkReleaseStarted(job.id, upload.lines, upload.size, upload.sha256.hex()))


STARTS: dict[JobKind, type[StartBulkClaim | StartBulkRelease]] = {
    JobKind.ENROLLMENT_CLAIM: StartBulkClaim,
    JobKind.ENROLLMENT_RELEASE: StartBulkRelease,
}


def require_turn(unfinished: int) -> None:
    """Raises InvalidState where the account has as many unfinished jobs as it may."""
    if unfinished >= UNFINISHED_LIMIT:
        raise InvalidState(f"The account has {unfinished} jobs that are not done yet: wait for one of them.")


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes files in."""

    database: Database
    door: Door
    clock: Clock

    async def take(self, actor: Actor, kind: JobKind, origin: Origin, file: AsyncIterator[bytes]) -> JobRow:
        """Store a file as it comes, and make a job of it. Memory stays the same, however long the file is.

        Where it does not come to its end, or the job is refused, nothing is kept. Raises what the file raises,
        InvalidInput for an empty one, and what the door raises. Whoever is cancelled while the job is made, or gets
        OutcomeUnknown, may have made one: what is kept stays, and goes as a stray if there is no job.
        """
        require_turn(await jobs.count_unfinished(self.database.reads, actor.account_id or ""))
        store = _Store(self.database, new_id(self.clock()))
        try:
            async for data in file:
                await store.take(data)
            upload = await store.end()
        except BaseException:
            await store.forget()
            raise
        try:
            job = (await self.door.perform(actor, STARTS[kind](upload), origin)).value
        except OutcomeUnknown:
            raise
        except Refusal:
            await store.forget()
            raise
        self.database.wakes.announce(WANTED)
        return job


@dataclass(slots=True)
class _Store:
    """Writes the lines of one file, in chunks."""

    database: Database
    job_id: str
    _reader: LineReader = field(default_factory=LineReader)
    _waiting: list[Line] = field(default_factory=list)
    _lines: int = 0
    _chunks: int = 0
    _size: int = 0
    _sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    async def take(self, data: bytes) -> None:
        """Some more of the file."""
        self._size += len(data)
        self._sha256.update(data)
        self._waiting += self._reader.feed(data)
        if len(self._waiting) >= CHUNK_LINES * CHUNKS_AT_ONCE:
            await self._write(len(self._waiting) - len(self._waiting) % CHUNK_LINES)

    async def end(self) -> Upload:
        """There is no more. Raises InvalidInput for a file of nothing."""
        if not self._size:
            raise InvalidInput("The file is empty: its first line is a heading, and then comes one identity a line.")
        self._waiting += self._reader.end()
        await self._write(len(self._waiting))
        return Upload(self.job_id, self._lines, self._chunks, self._size, self._sha256.digest())

    async def forget(self) -> None:
        """Remove what was written, or leave it to `app.services.jobs` where nothing can be written now."""
        if self._chunks:
            with suppress(AuditUnavailable, OutcomeUnknown):
                await self._in_transaction(lambda transaction: jobs.drop_chunks(transaction, self.job_id))

    async def _write(self, count: int) -> None:
        lines, self._waiting = self._waiting[:count], self._waiting[count:]
        chunks = [packed(lines[at : at + CHUNK_LINES]) for at in range(0, count, CHUNK_LINES)]
        first, self._chunks = self._chunks, self._chunks + len(chunks)
        self._lines += count
        if chunks:
            await self._in_transaction(lambda transaction: jobs.store_chunks(transaction, self.job_id, first, chunks))

    async def _in_transaction(self, write: Callable[[Transaction], Awaitable[None]]) -> None:
        async def unit(transaction: Transaction) -> None:
            async with transaction.savepoint():
                await write(transaction)

        await self.database.write(LANE, unit)


def packed(lines: Sequence[Line]) -> bytes:
    """Lines as they are stored."""
    return orjson.dumps(
        [
            [line.number, line.fingerprint.hex()]
            if line.fingerprint is not None
            else [line.number, None, line.code, line.text]
            for line in lines
        ]
    )


def unpacked(stored: bytes) -> list[Line]:
    """The lines that `packed` stored."""
    return [_line(*parts) for parts in orjson.loads(stored)]


def _line(number: int, fingerprint: str | None, code: str | None = None, text: str = "") -> Line:
    if fingerprint is None:
        return Line(number, text, code=None if code is None else LineCode(code))
    sha256 = bytes.fromhex(fingerprint)
    return Line(number, render_identity(sha256), sha256)
