"""Jobs that work files off, and the lines that they refused."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Self

import strawberry
from strawberry import UNSET

from app.actor import Scope
from app.rules.enrollment import LineCode
from app.store.counting import counted
from app.store.jobs import ErrorRow, JobRow
from app.store.paging import Page
from app.terms import JobKind, JobStatus
from app.transport.graphql import ids
from app.transport.graphql.connections import After, Before, First, Last, PageInfo, asked, write_cursor
from app.transport.graphql.context import Context, Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.ids import Kind
from app.transport.graphql.scalars import Sha256
from app.transport.graphql.scopes import PARENT, field, needs
from app.transport.graphql.types.node import SOURCES, Node, Source

JOBS_ORDER = "id"
ERRORS_ORDER = "line"


@object_type
class JobError:
    """A line of a file that was refused."""

    line: int = attribute("Its number in the file, counted from 1; the first line is the heading.")
    code: LineCode = attribute("Why: branch on this.")
    text: str = attribute(
        "Its first value, shortened, and with what does not show itself as `\\u{…}`. It comes from the file:"
        " neutralise it before a spreadsheet sees it."
    )

    @classmethod
    def of(cls, row: ErrorRow) -> Self:
        """The line of a row."""
        return cls(line=row.line, code=LineCode(row.code), text=row.text)


@object_type
class JobErrorEdge:
    """A refused line, and its place in a connection."""

    cursor: str = attribute("Pass it as `after` or `before`.")
    node: JobError = attribute("The line.")


@object_type
class JobErrorConnection:
    """A page of refused lines."""

    edges: list[JobErrorEdge] = attribute("The page, in order.")
    page_info: PageInfo = attribute("Where the page lies.")
    total_count: int | None = attribute("How many there are in all; null over 10,000.")

    @classmethod
    def of(cls, page: Page[ErrorRow], total: int) -> Self:
        """The page as the schema shows it."""
        edges = [
            JobErrorEdge(cursor=write_cursor(ERRORS_ORDER, (row.line, row.job_id)), node=JobError.of(row))
            for row in page.rows
        ]
        info = PageInfo.of(page, [edge.cursor for edge in edges])
        return cls(edges=edges, page_info=info, total_count=counted(total))


@object_type
class Job(Node):
    """A file of identities that is worked off, some lines at a time: `POST /enrollments/bulk` makes one."""

    kind: JobKind = attribute("What it does with the lines.")
    status: JobStatus = attribute("How far it is.")
    created_at: datetime = attribute("When it was made.")
    completed_at: datetime | None = attribute("When it was done or given up; null until then.")
    total_count: int = attribute("How many lines it has, without the heading and blank ones.")
    processed_count: int = attribute("How many of them are done or refused.")
    errors_count: int = attribute("How many of them were refused.")
    input_sha256: Sha256 = attribute("SHA-256 over the file as it was sent.")
    row: strawberry.Private[JobRow]

    @field(PARENT, cost=2)
    async def errors(
        self, info: Info, first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> JobErrorConnection:
        """The lines that were refused so far, in the order of the file."""
        window = asked(first, after, last, before).window(ERRORS_ORDER)
        page = await info.context.loaders.job_errors.load((self.row.id, window))
        return JobErrorConnection.of(page, self.row.errors_count)

    @classmethod
    def of(cls, row: JobRow) -> Self:
        """The job of a row."""
        return cls(
            id=ids.encode(Kind.JOB, row.id),
            kind=row.kind,
            status=row.status,
            created_at=row.created_at,
            completed_at=row.completed_at,
            total_count=row.total_count,
            processed_count=row.processed_count,
            errors_count=row.errors_count,
            input_sha256=Sha256(row.input_sha256),
            row=row,
        )


@object_type
class JobEdge:
    """A job, and its place in a connection."""

    cursor: str = attribute("Pass it as `after` or `before`.")
    node: Job = attribute("The job.")


@object_type
class JobConnection:
    """A page of jobs."""

    edges: list[JobEdge] = attribute("The page, in order.")
    page_info: PageInfo = attribute("Where the page lies.")
    count: strawberry.Private[Callable[[], Awaitable[int | None]]]

    @field(PARENT, cost=5)
    async def total_count(self) -> int | None:
        """How many there are in all; null over 10,000."""
        return await self.count()

    @classmethod
    def of(cls, page: Page[JobRow], count: Callable[[], Awaitable[int | None]]) -> Self:
        """The page as the schema shows it; `count` is asked only for those who want to know."""
        edges = [JobEdge(cursor=write_cursor(JOBS_ORDER, (row.id, row.id)), node=Job.of(row)) for row in page.rows]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]), count=count)


async def _fetch(context: Context, job_id: str) -> Job | None:
    row = await context.loaders.jobs.load(job_id)
    return None if row is None else Job.of(row)


SOURCES[Kind.JOB] = Source(needs(Scope.DEVICES_READ), _fetch)
