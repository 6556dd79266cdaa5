"""Devices that were refused for a blacklisted certificate."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Self

import strawberry

from app.clock import to_micros
from app.store.denials import DenialRow
from app.store.paging import Page
from app.terms import Service
from app.transport.graphql.connections import PageInfo, write_cursor
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.scalars import SafeInt, Sha256
from app.transport.graphql.scopes import PARENT, field

DENIALS_ORDER = "last_at"


@object_type
class DeviceDenial:
    """A device that was refused because a certificate is blacklisted, and how often."""

    endpoint_name: str | None = attribute(
        "The name that it came with; null for all devices together that are not told apart: past the first 10,000 of a"
        " certificate, or of those that wait while nothing can be written."
    )
    service: Service = attribute("At which server.")
    fingerprint: Sha256 = attribute("SHA-256 over the DER of the certificate that it presented last.")
    attempts: SafeInt = attribute("How often it was refused.")
    first_at: datetime = attribute("When it was first refused.")
    last_at: datetime = attribute("When it was last refused.")

    @classmethod
    def of(cls, row: DenialRow) -> Self:
        """The denial of a row."""
        return cls(
            endpoint_name=row.denied.endpoint_name or None,
            service=row.denied.service,
            fingerprint=Sha256(row.attempts.fingerprint),
            attempts=SafeInt(row.attempts.count),
            first_at=row.attempts.first_at,
            last_at=row.attempts.last_at,
        )


@object_type
class DeviceDenialEdge:
    """A refused device, and its place in a connection."""

    cursor: str = attribute("Pass it as `after` or `before`.")
    node: DeviceDenial = attribute("The refused device.")


@object_type
class DeviceDenialConnection:
    """A page of refused devices, the last refused first."""

    edges: list[DeviceDenialEdge] = attribute("The page, in order.")
    page_info: PageInfo = attribute("Where the page lies.")
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @field(PARENT, cost=5)
    async def total_count(self) -> int:
        """How many there are in all."""
        return await self.count()

    @classmethod
    def of(cls, page: Page[DenialRow], count: Callable[[], Awaitable[int]]) -> Self:
        """The page as the schema shows it; `count` is asked only for those who want to know."""
        edges = [
            DeviceDenialEdge(
                cursor=write_cursor(DENIALS_ORDER, (to_micros(row.attempts.last_at), row.id)), node=DeviceDenial.of(row)
            )
            for row in page.rows
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]), count=count)
