"""Lists of the log: the account's, and one object's."""

from app.services import audit_search
from app.services.audit_search import Search
from app.store.paging import Key, Window
from app.transport.graphql.connections import Asked, read_cursor
from app.transport.graphql.context import Context
from app.transport.graphql.types.audit import LOG_ORDER, AuditEventConnection
from app.transport.graphql.wrong_input import BadUserInput


async def account_log(context: Context, search: Search, asked: Asked, *, descending: bool) -> AuditEventConnection:
    """A page of the account's log."""
    window = await log_window(context, asked)
    connection, account_id = context.connection, context.account_id
    page = await audit_search.entries_page(connection, account_id, search, window, descending=descending)
    return AuditEventConnection.of(page, lambda: audit_search.count_entries(connection, account_id, search))


async def object_log(context: Context, target_id: str, asked: Asked) -> AuditEventConnection:
    """A page of what happened to one object, newest first."""
    window = await log_window(context, asked)
    loaders = context.loaders
    page = await loaders.log_pages.load((target_id, window))
    return AuditEventConnection.of(page, lambda: loaders.log_counts.load(target_id))


async def log_window(context: Context, asked: Asked) -> Window:
    """The part of the log that was asked for, by the numbers that the store counts in. Raises BadUserInput."""
    after, before = await _key(context, asked.after), await _key(context, asked.before)
    return Window(asked.size, after, before, asked.backward)


async def place_of(context: Context, cursor: str) -> int:
    """The store's number of the entry that a cursor names. Raises BadUserInput for one of another account."""
    _, entry_id = read_cursor(cursor, LOG_ORDER)
    seq = await context.loaders.places.load(str(entry_id))
    if seq is None:
        raise BadUserInput("This cursor is not one of this log.")
    return seq


async def _key(context: Context, cursor: str | None) -> Key | None:
    if cursor is None:
        return None
    seq = await place_of(context, cursor)
    return seq, seq
