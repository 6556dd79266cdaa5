"""Jobs: what was sent and is not done yet, how far each has come, and which lines were refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Self

from tortoise.expressions import Q

from app.clock import from_micros, to_micros
from app.store import models
from app.store.connection import Connection, Row, Transaction
from app.store.counting import count_of
from app.store.paging import Order, Page, Window, page_of
from app.store.reads import among
from app.store.rows import columns, instant_of, micros_of
from app.store.statements import in_powers, places
from app.terms import JobKind, JobStatus

ORDER = Order("id", "id", descending=True)
ERRORS_BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job. `cursor` counts the chunks of its input that are done, of `chunk_count`."""

    id: str
    account_id: str
    kind: JobKind
    status: JobStatus
    created_at: datetime
    completed_at: datetime | None
    total_count: int
    processed_count: int
    errors_count: int
    input_sha256: bytes
    input_bytes: int
    chunk_count: int
    cursor: int

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(
            id=row["id"],
            account_id=row["account_id"],
            kind=JobKind(row["kind"]),
            status=JobStatus(row["status"]),
            created_at=from_micros(row["created_at"]),
            completed_at=instant_of(row["completed_at"]),
            total_count=row["total_count"],
            processed_count=row["processed_count"],
            errors_count=row["errors_count"],
            input_sha256=bytes(row["input_sha256"]),
            input_bytes=row["input_bytes"],
            chunk_count=row["chunk_count"],
            cursor=row["cursor"],
        )


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A line that was refused: its code, and its first value as it may be shown."""

    job_id: str
    line: int
    code: str
    text: str


_COLUMNS = columns(JobRow)
_JOB = f"SELECT {_COLUMNS} FROM job WHERE account_id = $1 AND id"
_OLDEST = (
    f"SELECT {_COLUMNS} FROM job WHERE completed_at IS NULL AND NOT EXISTS (SELECT 1 FROM job AS earlier"
    " WHERE earlier.account_id = job.account_id AND earlier.completed_at IS NULL"
    " AND (earlier.created_at, earlier.id) < (job.created_at, job.id)) ORDER BY id"
)
_UNFINISHED = "SELECT count(*) AS n FROM job WHERE account_id = $1 AND completed_at IS NULL"
_CHUNK = "SELECT lines FROM job_chunk WHERE job_id = $1 AND number = $2"
_STORE_CHUNK = "INSERT INTO job_chunk (job_id, number, lines) VALUES ($1, $2, $3)"
_DROP_CHUNK = "DELETE FROM job_chunk WHERE job_id = $1 AND number <= $2"
_DROP_CHUNKS = "DELETE FROM job_chunk WHERE job_id = $1"
_DROP_STRAYS = "DELETE FROM job_chunk WHERE job_id < $1 AND job_id NOT IN (SELECT id FROM job)"
_INSERT = f"INSERT INTO job ({_COLUMNS}, audit_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
_ADVANCE = (
    "UPDATE job SET status = $3, completed_at = $4, processed_count = $5, errors_count = $6, cursor = $7, audit_id = $8"
    " WHERE account_id = $1 AND id = $2"
)
_ERRORS = "SELECT job_id, line, code, text FROM job_error"


async def jobs(connection: Connection, account_id: str, ids: Iterable[str]) -> dict[str, JobRow]:
    """Jobs of the account by their ids; what is not there, or another account's, is absent."""
    return {row["id"]: JobRow.of(row) for row in await among(connection, _JOB, account_id, ids)}


async def jobs_page(connection: Connection, account_id: str, window: Window) -> Page[JobRow]:
    """A page of the account's jobs, newest first."""
    query = models.Job.filter(Q(account_id=account_id) & ORDER.within(window)).order_by(*ORDER.columns(window))
    found: Sequence[Row] = await query.limit(window.size + 1).using_db(connection.orm).values()
    return page_of([JobRow.of(row) for row in found], window)


async def count_jobs(connection: Connection, account_id: str) -> int | None:
    """How many jobs the account has had; None over COUNT_LIMIT."""
    return await count_of(connection, models.Job.filter(account_id=account_id))


async def waiting(connection: Connection) -> list[JobRow]:
    """Of every account the job whose turn it is: its oldest that is not completed."""
    return [JobRow.of(row) for row in await connection.fetch(_OLDEST)]


async def count_unfinished(connection: Connection, account_id: str) -> int:
    """How many of the account's jobs are not completed."""
    row = await connection.fetch_one(_UNFINISHED, account_id)
    return 0 if row is None else int(row["n"])


async def chunk(connection: Connection, job_id: str, number: int) -> bytes | None:
    """A part of a job's input, counted from 0; None where it is gone."""
    row = await connection.fetch_one(_CHUNK, job_id, number)
    return None if row is None else bytes(row["lines"])


async def errors_pages(
    connection: Connection, account_id: str, job_ids: Sequence[str], window: Window
) -> dict[str, Page[ErrorRow]]:
    """The same page of each job's refused lines, in the order of the file. One statement, a piece for each job."""
    bounds = ""
    values: list[int | str] = []
    for key, comparison in ((window.after, ">"), (window.before, "<")):
        if key is not None:
            bounds += f" AND line {comparison} ${2 + len(values)}"
            values.append(key[0])
    direction = "DESC" if window.backward else "ASC"
    first = 2 + len(values)
    own = "EXISTS (SELECT 1 FROM job WHERE job.account_id = $1 AND job.id = job_error.job_id)"
    query = " UNION ALL ".join(
        f"SELECT * FROM ({_ERRORS} WHERE job_id = ${place} AND {own}{bounds} ORDER BY line {direction}"
        f" LIMIT {window.size + 1}) AS page"
        for place in range(first, first + len(job_ids))
    )
    found = await connection.fetch(query, account_id, *values, *job_ids)
    return {
        job_id: page_of([_error(row) for row in found if row["job_id"] == job_id], window)
        for job_id in dict.fromkeys(job_ids)
    }


async def errors_after(connection: Connection, job_id: str, line: int) -> list[ErrorRow]:
    """The refused lines past this one, some at a time."""
    query = f"{_ERRORS} WHERE job_id = $1 AND line > $2 ORDER BY line LIMIT {ERRORS_BATCH}"
    return [_error(row) for row in await connection.fetch(query, job_id, line)]


async def store_chunks(transaction: Transaction, job_id: str, first: int, chunks: Sequence[bytes]) -> None:
    """Keep parts of the input of a job that is to come. It is no act: without the job they are nothing, and go."""
    for number, lines in enumerate(chunks, first):
        await transaction.execute(_STORE_CHUNK, job_id, number, lines)


async def drop_chunks(transaction: Transaction, job_id: str) -> None:
    """Forget the input of a job that does not come."""
    await transaction.execute(_DROP_CHUNKS, job_id)


async def drop_stray_chunks(transaction: Transaction, before_id: str) -> None:
    """Forget input whose job never came, of jobs that would have had an id before this one."""
    await transaction.execute(_DROP_STRAYS, before_id)


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of one account."""

    transaction: Transaction
    account_id: str
    audit_id: str

    async def with_id(self, job_id: str) -> JobRow | None:
        """The job; None when the account has none of this id."""
        return (await jobs(self.transaction, self.account_id, (job_id,))).get(job_id)

    async def count_unfinished(self) -> int:
        """How many are not completed."""
        return await count_unfinished(self.transaction, self.account_id)

    async def insert(self, row: JobRow) -> None:
        """Add a job, whose input is stored."""
        await self.transaction.execute(
            _INSERT,
            row.id,
            row.account_id,
            row.kind.value,
            row.status.value,
            to_micros(row.created_at),
            micros_of(row.completed_at),
            row.total_count,
            row.processed_count,
            row.errors_count,
            row.input_sha256,
            row.input_bytes,
            row.chunk_count,
            row.cursor,
            self.audit_id,
        )

    async def update(self, row: JobRow) -> None:
        """Replace how far it has come, and forget the input that is done; of a completed job all of it."""
        await self.transaction.execute(
            _ADVANCE,
            self.account_id,
            row.id,
            row.status.value,
            micros_of(row.completed_at),
            row.processed_count,
            row.errors_count,
            row.cursor,
            self.audit_id,
        )
        if row.completed_at is None:
            await self.transaction.execute(_DROP_CHUNK, row.id, row.cursor - 1)
        else:
            await self.transaction.execute(_DROP_CHUNKS, row.id)

    async def report(self, errors: Sequence[ErrorRow]) -> None:
        """Keep refused lines."""
        for some in in_powers(errors):
            values = [value for error in some for value in (error.job_id, error.line, error.code, error.text)]
            await self.transaction.execute(_insertion(len(some)), *values)


@lru_cache(maxsize=16)
def _insertion(count: int) -> str:
    each = ", ".join(f"({places(4, 1 + 4 * at)})" for at in range(count))
    return f"INSERT INTO job_error (job_id, line, code, text) VALUES {each}"


def _error(row: Row) -> ErrorRow:
    return ErrorRow(row["job_id"], row["line"], row["code"], row["text"])
