"""Claims of devices' identities."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Self

import strawberry

from app.actor import Scope
from app.rules.enrollment import render_identity
from app.store.enrollments import EnrollmentRow
from app.store.paging import Page
from app.terms import EnrollmentStatus
from app.transport.graphql import ids
from app.transport.graphql.connections import PageInfo, write_cursor
from app.transport.graphql.context import Context, Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.ids import Kind
from app.transport.graphql.scopes import PARENT, field, needs
from app.transport.graphql.types.node import SOURCES, Node, Source

ENROLLMENTS_ORDER = "id"


@object_type
class Enrollment(Node):
    """The account's claim of a device's identity, made before the device comes: no other account can have one."""

    identity: str = attribute(
        "`A-` and the SHA-256 of the device's bootstrap certificate: 32 pairs of hexadecimal digits in capitals, with"
        " colons between them."
    )
    created_at: datetime = attribute("When it was claimed.")
    expires_at: datetime | None = attribute("When it ends unless a device has used it; null when it does not.")
    claimed_at: datetime | None = attribute("When a device first used it; null until then.")
    row: strawberry.Private[EnrollmentRow]

    @field(PARENT)
    def status(self, info: Info) -> EnrollmentStatus:
        """What has become of it by now."""
        return self.row.status(info.context.now)

    @classmethod
    def of(cls, row: EnrollmentRow) -> Self:
        """The claim of a row."""
        return cls(
            id=ids.encode(Kind.ENROLLMENT, row.id),
            identity=render_identity(row.fingerprint),
            created_at=row.created_at,
            expires_at=row.expires_at,
            claimed_at=row.claimed_at,
            row=row,
        )


@object_type
class EnrollmentEdge:
    """A claim, and its place in a connection."""

    cursor: str = attribute("Pass it as `after` or `before`.")
    node: Enrollment = attribute("The claim.")


@object_type
class EnrollmentConnection:
    """A page of claims."""

    edges: list[EnrollmentEdge] = attribute("The page, in order.")
    page_info: PageInfo = attribute("Where the page lies.")
    count: strawberry.Private[Callable[[], Awaitable[int | None]]]

    @field(PARENT, cost=5)
    async def total_count(self) -> int | None:
        """How many match in all; null over 10,000."""
        return await self.count()

    @classmethod
    def of(cls, page: Page[EnrollmentRow], count: Callable[[], Awaitable[int | None]]) -> Self:
        """The page as the schema shows it; `count` is asked only for those who want to know."""
        edges = [
            EnrollmentEdge(cursor=write_cursor(ENROLLMENTS_ORDER, (row.id, row.id)), node=Enrollment.of(row))
            for row in page.rows
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]), count=count)


async def _fetch(context: Context, enrollment_id: str) -> Enrollment | None:
    row = await context.loaders.enrollments.load(enrollment_id)
    return None if row is None else Enrollment.of(row)


SOURCES[Kind.ENROLLMENT] = Source(needs(Scope.DEVICES_READ), _fetch)
