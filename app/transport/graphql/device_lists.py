"""Lists of devices and of refused ones: the account's, and a certificate's."""

from app.store import device_reads, gateways, trust_reads
from app.store.device_reads import DeviceFilter as Wanted
from app.transport.graphql.connections import Asked
from app.transport.graphql.context import Context
from app.transport.graphql.device_inputs import DeviceFilter
from app.transport.graphql.fleet_loaders import Within
from app.transport.graphql.scalars import SafeInt
from app.transport.graphql.types.denials import DENIALS_ORDER, DeviceDenialConnection
from app.transport.graphql.types.devices import DEVICES_ORDER, DeviceConnection
from app.transport.graphql.types.gateways import Gateway, Gateways


async def devices_page(context: Context, narrowed: DeviceFilter | None, asked: Asked) -> DeviceConnection:
    """A page of the account's devices."""
    wanted, window = Wanted() if narrowed is None else narrowed.wanted(), asked.window(DEVICES_ORDER)
    page = await device_reads.devices_page(context.connection, context.account_id, wanted, window)
    return DeviceConnection.of(
        context, page, lambda: device_reads.count_devices(context.connection, context.account_id, wanted)
    )


async def devices_through(
    context: Context, certificate_id: str, narrowed: DeviceFilter | None, asked: Asked
) -> DeviceConnection:
    """A page of the devices that a certificate last let in."""
    within = Within(certificate_id, Wanted() if narrowed is None else narrowed.wanted())
    fleet = context.fleet
    page = await fleet.pages.load((within, asked.window(DEVICES_ORDER)))
    return DeviceConnection.of(context, page, lambda: fleet.counts.load(within))


async def gateways_of(context: Context) -> Gateways:
    """The account's gateways."""
    newest = await trust_reads.version(context.connection, context.account_id) or 0
    rows = await gateways.gateways(context.connection, context.account_id)
    return Gateways(trust_version=SafeInt(newest), nodes=[Gateway.of(row, newest) for row in rows])


async def denials_of(context: Context, certificate_id: str, asked: Asked) -> DeviceDenialConnection:
    """A page of the devices that a certificate refused."""
    fleet = context.fleet

    async def count() -> int:
        return (await fleet.denial_totals.load(certificate_id)).devices

    return DeviceDenialConnection.of(await fleet.denials.load((certificate_id, asked.window(DENIALS_ORDER))), count)
