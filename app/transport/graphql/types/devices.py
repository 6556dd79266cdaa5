"""Devices that came in at least once."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

import strawberry
from strawberry import UNSET

from app.actor import Scope
from app.store.device_rows import DeviceRow
from app.store.paging import Page
from app.terms import DeviceStatus, Service
from app.transport.graphql import ids, trust_enums  # noqa: F401  # defines DeviceStatus in the schema
from app.transport.graphql.connections import After, Before, First, Last, PageInfo, asked, write_cursor
from app.transport.graphql.context import Context, Info, path_of
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.ids import Kind
from app.transport.graphql.log_lists import object_log
from app.transport.graphql.scopes import PARENT, by_the_door, field, needs
from app.transport.graphql.types.audit import AuditEventConnection
from app.transport.graphql.types.decisions import TrustDecision
from app.transport.graphql.types.node import SOURCES, Node, Source
from app.transport.graphql.types.x509 import X509Certificate, view_of

if TYPE_CHECKING:
    from app.transport.graphql.types.certificates import Certificate

DEVICES_ORDER = "endpoint_name"

AtService: TypeAlias = Annotated[Service, strawberry.argument(description="At which server.")]
TrustedBy: TypeAlias = Annotated["Certificate", strawberry.lazy("app.transport.graphql.types.certificates")]


@object_type
class DeviceSuspension:
    """How a device is suspended."""

    at: datetime = attribute("Since when.")
    category: str | None = attribute(
        "A word for why, of whoever suspended it by itself; null where only a certificate's devices were."
    )
    description: str | None = attribute("More about why; null when there is none.")
    with_certificate: bool = attribute(
        "Whether it is one of a certificate's devices that were suspended together, and was not resumed since."
    )

    @classmethod
    def of(cls, row: DeviceRow) -> Self | None:
        """The suspension of a row; None where it is not suspended."""
        at = row.suspended_at or row.record_suspended_at
        if at is None:
            return None
        return cls(
            at=at,
            category=row.suspended_category,
            description=row.suspended_description,
            with_certificate=row.record_suspended_at is not None,
        )


@object_type
class Device(Node):
    """A device that came in at least once."""

    endpoint_name: str = attribute("The name it connects with; unique in the account.")
    status: DeviceStatus = attribute(
        "How far it came, or that it is suspended, by itself or with a certificate. Whoever comes with the certificate"
        " of a suspended device is refused as well, which `trustDecision` tells."
    )
    suspension: DeviceSuspension | None = attribute(
        "Its suspension, by itself or with a certificate; null where there is none, and where only another device that"
        " shares its certificate is suspended."
    )
    created_at: datetime = attribute("When it first came in.")
    last_seen_at: datetime | None = attribute("When it last came in; noted within a minute.")
    row: strawberry.Private[DeviceRow]

    @field(PARENT)
    async def identity(self, info: Info, service: AtService = Service.BOOTSTRAP) -> X509Certificate | None:
        """The certificate that it was last let in with at this server; null where it never was."""
        certificate = await info.context.fleet.identities.load((self.row.id, service))
        return None if certificate is None else view_of(certificate)

    @field(needs(Scope.CERTIFICATES_READ))
    async def trusted_by(self, info: Info, service: AtService = Service.BOOTSTRAP) -> TrustedBy | None:
        """The certificate that last let it in at this server; null where none did, and when it was deleted."""
        credential = self.row.credential(service)
        if credential is None:
            return None
        found: Any = await SOURCES[Kind.CERTIFICATE].fetch(info.context, credential.certificate_id)
        return found  # type: ignore[no-any-return]  # of this kind

    @field(PARENT)
    def accepted_at(self, service: AtService = Service.BOOTSTRAP) -> datetime | None:
        """Since when `trustedBy` lets it in at this server with this name and key; null where it never came."""
        credential = self.row.credential(service)
        return None if credential is None else credential.accepted_at

    @field(PARENT, cost=10)
    async def trust_decision(self, info: Info, service: AtService = Service.BOOTSTRAP) -> TrustDecision | None:
        """What would be decided now if it came with what it presented last at this server; null where it never came.

        Nothing is recorded against it.
        """
        decided = await info.context.fleet.decided.load((self.row.id, service))
        return None if decided is None else TrustDecision.of(decided)

    @field(by_the_door(Scope.AUDIT_READ), cost=2)
    async def audit_events(
        self, info: Info, first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> AuditEventConnection:
        """What happened to it up to now, newest first. Looking is recorded."""
        await info.context.record_log_read("device.auditEvents", path_of(info))
        return await object_log(info.context, self.row.id, asked(first, after, last, before))

    @classmethod
    def of(cls, row: DeviceRow) -> Self:
        """The device of a row."""
        return cls(
            id=ids.encode(Kind.DEVICE, row.id),
            endpoint_name=row.endpoint_name,
            status=row.status,
            suspension=DeviceSuspension.of(row),
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            row=row,
        )


@object_type
class DeviceEdge:
    """A device, and its place in a connection."""

    cursor: str = attribute("Pass it as `after` or `before`.")
    node: Device = attribute("The device.")


@object_type
class DeviceConnection:
    """A page of devices, by endpoint name."""

    edges: list[DeviceEdge] = attribute("The page, in order.")
    page_info: PageInfo = attribute("Where the page lies.")
    count: strawberry.Private[Callable[[], Awaitable[int | None]]]

    @field(PARENT, cost=5)
    async def total_count(self) -> int | None:
        """How many match in all; null over 10,000."""
        return await self.count()

    @classmethod
    def of(cls, context: Context, page: Page[DeviceRow], count: Callable[[], Awaitable[int | None]]) -> Self:
        """The page as the schema shows it; `count` is asked only for those who want to know."""
        for row in page.rows:
            context.fleet.devices.prime(row.id, row)
        edges = [
            DeviceEdge(cursor=write_cursor(DEVICES_ORDER, (row.endpoint_name, row.id)), node=Device.of(row))
            for row in page.rows
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]), count=count)


async def _fetch(context: Context, device_id: str) -> Device | None:
    row = await context.fleet.devices.load(device_id)
    return None if row is None else Device.of(row)


SOURCES[Kind.DEVICE] = Source(needs(Scope.DEVICES_READ), _fetch)
