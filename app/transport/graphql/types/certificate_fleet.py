"""What a certificate's devices are: those that came in through it, and those that it refuses."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry
from strawberry import UNSET

from app.actor import Scope
from app.store.rows import CertificateRow
from app.transport.graphql.connections import After, Before, First, Last, asked
from app.transport.graphql.context import Context, Info
from app.transport.graphql.described import attribute
from app.transport.graphql.device_inputs import DeviceFilter
from app.transport.graphql.device_lists import denials_of, devices_through
from app.transport.graphql.inputs import given
from app.transport.graphql.scalars import SafeInt
from app.transport.graphql.scopes import field, needs
from app.transport.graphql.types.denials import DeviceDenialConnection
from app.transport.graphql.types.devices import DeviceConnection

Narrowed: TypeAlias = Annotated[DeviceFilter | None, strawberry.argument(description="Narrows the list.")]


@strawberry.type
class WithDevices:
    """What a certificate says of devices, all of it of now."""

    devices_suspended_at: datetime | None = attribute(
        "When the devices that were registered through it were suspended with it; null while they are not."
        " `resumeDevices` ends it."
    )
    row: strawberry.Private[CertificateRow]

    @field(needs(Scope.DEVICES_READ), cost=5)
    async def suspended_device_count(self, info: Info) -> SafeInt:
        """How many devices are suspended with it now, and not otherwise: those that `resumeDevices` would resume."""
        return SafeInt(await self.suspended(info.context))

    async def suspended(self, context: Context) -> int:
        """The same for whoever is not a field."""
        return await context.fleet.suspended_counts.load(self.row.id)

    @field(needs(Scope.DEVICES_READ), cost=2)
    async def devices(  # the arguments of a connection
        self,
        info: Info,
        filter_by: Narrowed = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> DeviceConnection:
        """The devices that it last let in, at either server, by endpoint name."""
        page = asked(first, after, last, before)
        return await devices_through(info.context, self.row.id, given(filter_by), page)

    @field(needs(Scope.DEVICES_READ), cost=2)
    async def denials(
        self, info: Info, first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> DeviceDenialConnection:
        """The devices that were refused because it is, or was, blacklisted; the last refused first."""
        return await denials_of(info.context, self.row.id, asked(first, after, last, before))

    @field(needs(Scope.DEVICES_READ), cost=2)
    async def denied_attempts(self, info: Info) -> SafeInt:
        """How often devices were refused because it is, or was, blacklisted."""
        return SafeInt((await info.context.fleet.denial_totals.load(self.row.id)).attempts)
