"""What the root fields show of the past. Reading the past is reading the log: it is recorded, or refused, as such."""

from app.services import history
from app.services.history import Point
from app.store.paging import page_among
from app.store.reads import CertificateFilter as Wanted
from app.transport.graphql.connections import Asked
from app.transport.graphql.context import Context, Info, path_of
from app.transport.graphql.inputs import AsOf, CertificateFilter, CertificateOrder
from app.transport.graphql.selection import names_below
from app.transport.graphql.types.accounts import Account
from app.transport.graphql.types.certificates import CertificateConnection, place_of
from app.transport.graphql.types.history import HistoryPoint


async def past_account(info: Info, as_of: AsOf) -> Account | None:
    """The caller's account as it was; None where it was not there yet."""
    size = as_of.size()
    await info.context.record_log_read("account.asOf", path_of(info))
    point = await point_of(info.context, as_of, size)
    row = await history.account(info.context.connection, point)
    return None if row is None else Account.of(row, HistoryPoint.of(point))


async def past_certificates(
    info: Info, as_of: AsOf, narrowed: CertificateFilter | None, ordered: CertificateOrder, asked: Asked
) -> CertificateConnection:
    """A page of the records that the account had."""
    context = info.context
    size = as_of.size()
    wanted, window = Wanted() if narrowed is None else narrowed.wanted(), asked.window(ordered.field.value)
    await context.record_log_read("certificates.asOf", path_of(info))
    point = await point_of(context, as_of, size)
    trusted = await history.trusted(context.connection, point)
    admitted = [record for record in trusted.records if wanted.admits(record)]
    page = page_among(admitted, ordered.order(), window, lambda record: place_of(record, ordered.field))
    past = context.loaders.as_of(point.time, trusted)
    await past.prefetch(page.rows, names_below(info))

    async def count() -> int:
        return len(admitted)

    return CertificateConnection.of(page, ordered.field, count, past, HistoryPoint.of(point))


async def point_of(context: Context, as_of: AsOf, size: int) -> Point:
    """The point that is meant; `size` is `as_of.size()`. Raises HistoryUnavailable."""
    time = as_of.instant(context.now)
    if time is not None:
        return await history.point_in_time(context.connection, context.account_id, time, now=context.now)
    return await history.point_in_tree(context.connection, context.account_id, size)
