"""Devices: by name, by certificate, and in lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.clock import to_micros
from app.store.conditions import Conditions
from app.store.connection import Connection, Row
from app.store.counting import count, counted, counting
from app.store.device_rows import CredentialRow, DeviceRow
from app.store.device_suspension import IS_SUSPENDED, SUSPENSIONS, is_suspended
from app.store.paging import Page, Window, page_of
from app.store.rows import instant_of
from app.store.statements import places
from app.terms import DeviceStatus, Service

# A suspension of a record holds for whoever was registered through it by then and was not released since.
_STANDS = (
    "s.account_id = c.account_id AND c.accepted_at <= s.suspended_at"
    " AND (d.released_at IS NULL OR d.released_at < s.suspended_at)"
)
DEVICE_COLUMNS = f"d.*, (SELECT max(s.suspended_at) FROM {SUSPENSIONS}) AS record_suspended_at"
_DEVICE = f"SELECT {DEVICE_COLUMNS} FROM device AS d"
CREDENTIAL_COLUMNS = "device_id, service, key_sha256, fingerprint, certificate_id, presented_sha256, accepted_at"
_PRESENTED = "SELECT device_id, service, leaf, presented FROM device_credential WHERE account_id = $1 AND device_id"
# One look at the end of an index: however many devices there are, the writer that asks must not count them.
_LAST_THROUGH = "SELECT max(accepted_at) AS newest FROM device_credential WHERE account_id = $1 AND certificate_id = $2"
# One look at an index as well: nobody is released from now on but by a clock that is ahead.
_LAST_RELEASE = (
    "SELECT d.released_at FROM device AS d WHERE d.account_id = $1 AND d.released_at >= $3 AND EXISTS"
    " (SELECT 1 FROM device_credential AS c WHERE c.device_id = d.id AND c.certificate_id = $2)"
    " ORDER BY d.released_at DESC LIMIT 1"
)
_LET_IN_SINCE = (
    "SELECT 1 AS found FROM audit_entry AS e WHERE e.stream = $1 AND e.aseq > $2"
    " AND EXISTS (SELECT 1 FROM device_credential AS c WHERE c.audit_id = e.id) LIMIT 1"
)
_IS_REGISTERED = "EXISTS (SELECT 1 FROM device_credential AS r WHERE r.device_id = d.id AND r.service = 'LWM2M')"
_SUSPENDED_BY_KEY = (
    "SELECT k.key_sha256, min(d.endpoint_name) AS endpoint_name FROM device_key AS k"
    " JOIN device AS d ON d.id = k.device_id"
    f" WHERE k.account_id = $1 AND {IS_SUSPENDED} AND k.key_sha256"
)
_SUSPENDED_COUNTS = (
    "SELECT c.certificate_id, count(DISTINCT c.device_id) AS n FROM device_credential AS c"
    " JOIN device_suspension AS s ON s.certificate_id = c.certificate_id JOIN device AS d ON d.id = c.device_id"
    f" WHERE c.account_id = $1 AND {_STANDS} AND NOT {is_suspended(besides='c.certificate_id')} AND c.certificate_id"
)
_STATUS = {
    DeviceStatus.BOOTSTRAPPED: f"(NOT {IS_SUSPENDED} AND NOT {_IS_REGISTERED})",
    DeviceStatus.REGISTERED: f"(NOT {IS_SUSPENDED} AND {_IS_REGISTERED})",
    DeviceStatus.SUSPENDED: IS_SUSPENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFilter:
    """Narrows a list of devices: everything given must hold, and a set means any of it.

    `key_sha256`: the device was last let in with a certificate of this subject and key, for either service.
    `certificate_id`: it was last let in through this record, for either.
    """

    status: frozenset[DeviceStatus] | None = None
    endpoint_name: str | None = None
    endpoint_name_prefix: str | None = None
    key_sha256: bytes | None = None
    certificate_id: str | None = None
    seen_from: datetime | None = None
    seen_before: datetime | None = None


async def devices(connection: Connection, account_id: str, device_ids: Iterable[str]) -> dict[str, DeviceRow]:
    """Devices of the account by their ids; what is not there, or another account's, is absent."""
    wanted = list(dict.fromkeys(device_ids))
    if not wanted:
        return {}
    found = await connection.fetch(
        f"{_DEVICE} WHERE d.account_id = $1 AND d.id IN ({places(len(wanted), 2)})", account_id, *wanted
    )
    return {device.id: device for device in await _whole(connection, found)}


async def devices_page(
    connection: Connection, account_id: str, wanted: DeviceFilter, window: Window
) -> Page[DeviceRow]:
    """A page of the account's devices, by endpoint name."""
    conditions = _narrowed(Conditions([account_id]), wanted)
    query = f"{_DEVICE} WHERE d.account_id = $1{_paged(conditions, window)}"
    return page_of(await _whole(connection, await connection.fetch(query, *conditions.values)), window)


async def devices_pages(
    connection: Connection, account_id: str, certificate_ids: Iterable[str], wanted: DeviceFilter, window: Window
) -> dict[str, Page[DeviceRow]]:
    """The same page of the devices of each of these records, by endpoint name; an empty one where there are none."""
    ids, values = list(dict.fromkeys(certificate_ids)), list[object]([account_id])
    narrowed = [_narrowed(Conditions(values), replace(wanted, certificate_id=each)) for each in ids]
    return dict(zip(ids, await pages_among(connection, narrowed, window), strict=True))


async def pages_among(
    connection: Connection, lists: Sequence[Conditions], window: Window, head: str = ""
) -> list[Page[DeviceRow]]:
    """The same page of each of these lists, by endpoint name. They share their values, of which the account is first.

    `head` stands before the statement.
    """
    if not lists:
        return []
    # The list's number, so that a device of several lists stands in the page of each.
    pieces = [
        f"SELECT * FROM (SELECT {DEVICE_COLUMNS}, {piece} AS piece FROM device AS d"
        f" WHERE d.account_id = $1{_paged(conditions, window)}) AS page"
        for piece, conditions in enumerate(lists)
    ]
    found = await connection.fetch(head + " UNION ALL ".join(pieces), *lists[0].values)
    whole = {device.id: device for device in await _whole(connection, found)}
    return [
        page_of([whole[row["id"]] for row in found if row["piece"] == piece], window) for piece in range(len(lists))
    ]


async def count_devices(connection: Connection, account_id: str, wanted: DeviceFilter) -> int | None:
    """How many devices match; None over COUNT_LIMIT."""
    conditions = _narrowed(Conditions([account_id]), wanted)
    return await count(connection, _found(conditions), *conditions.values)


async def counts_of_devices(
    connection: Connection, account_id: str, certificate_ids: Iterable[str], wanted: DeviceFilter
) -> dict[str, int | None]:
    """The same of each of these records."""
    ids, values = list(dict.fromkeys(certificate_ids)), list[object]([account_id])
    narrowed = [_narrowed(Conditions(values), replace(wanted, certificate_id=each)) for each in ids]
    pieces = [f"SELECT {piece} AS piece, ({counting(_found(each))}) AS n" for piece, each in enumerate(narrowed)]
    found = await connection.fetch(" UNION ALL ".join(pieces), *values) if pieces else ()
    return {ids[row["piece"]]: counted(int(row["n"])) for row in found}


async def suspended_counts(connection: Connection, account_id: str, certificate_ids: Iterable[str]) -> dict[str, int]:
    """How many devices each of these records keeps suspended now, and nothing else does; absent where there is none."""
    ids = list(dict.fromkeys(certificate_ids))
    query = f"{_SUSPENDED_COUNTS} IN ({places(len(ids), 2)}) GROUP BY c.certificate_id"
    return {row["certificate_id"]: int(row["n"]) for row in await connection.fetch(query, account_id, *ids)}


async def suspended_by_key(connection: Connection, account_id: str, keys: Iterable[bytes]) -> dict[bytes, str]:
    """The suspended device that was ever let in with each of these certificates, by `key_sha256`: its endpoint name.

    The first by name of several; a certificate that no suspended device used is absent.
    """
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return {}
    query = f"{_SUSPENDED_BY_KEY} IN ({places(len(wanted), 2)}) GROUP BY k.key_sha256"
    found = await connection.fetch(query, account_id, *wanted)
    return {bytes(row["key_sha256"]): row["endpoint_name"] for row in found}


async def last_registration(connection: Connection, account_id: str, certificate_id: str) -> datetime | None:
    """When the newest registration through a record was made; None where there is none."""
    row = await connection.fetch_one(_LAST_THROUGH, account_id, certificate_id)
    return None if row is None else instant_of(row["newest"])


async def last_release(
    connection: Connection, account_id: str, certificate_id: str, since: datetime
) -> datetime | None:
    """When the last device that is registered through a record was released, from an instant on; None where none was.

    Each that was released since then is looked at: it is for an instant near now.
    """
    row = await connection.fetch_one(_LAST_RELEASE, account_id, certificate_id, to_micros(since))
    return None if row is None else instant_of(row["released_at"])


async def has_let_in_since(connection: Connection, stream: str, position: int) -> bool:
    """Whether an account's device came in otherwise than before since this entry of the account's stream."""
    return await connection.fetch_one(_LET_IN_SINCE, stream, position) is not None


async def presented(
    connection: Connection, account_id: str, device_ids: Iterable[str]
) -> dict[tuple[str, Service], tuple[bytes, bytes]]:
    """What devices were last let in with for each service: their certificate, and the others joined end to end."""
    ids = list(dict.fromkeys(device_ids))
    found = await connection.fetch(f"{_PRESENTED} IN ({places(len(ids), 2)})", account_id, *ids)
    return {(row["device_id"], Service(row["service"])): (bytes(row["leaf"]), bytes(row["presented"])) for row in found}


def _paged(conditions: Conditions, window: Window) -> str:
    """What follows `account_id = $1`: the conditions, and the window in the order of the endpoint names."""
    for key, comparison in ((window.after, ">"), (window.before, "<")):
        if key is not None:
            conditions.add(f"d.endpoint_name {comparison} {{}}", key[0])
    direction = "DESC" if window.backward else "ASC"
    return f"{conditions.text} ORDER BY d.endpoint_name {direction} LIMIT {window.size + 1}"


def _found(conditions: Conditions) -> str:
    return f"SELECT 1 FROM device AS d WHERE d.account_id = $1{conditions.text}"


def _narrowed(conditions: Conditions, wanted: DeviceFilter) -> Conditions:
    if wanted.status is not None:
        any_of = " OR ".join(sorted(_STATUS[status] for status in wanted.status))
        conditions.add(f"({any_of or 'FALSE'})")
    if wanted.endpoint_name is not None:
        conditions.add("d.endpoint_name = {}", wanted.endpoint_name)
    if wanted.key_sha256 is not None:
        # By their names and not by their ids: SQLite would walk the names of all devices for the order.
        conditions.add(
            "d.endpoint_name IN (SELECT o.endpoint_name FROM device_credential AS k JOIN device AS o"
            " ON o.id = k.device_id WHERE k.account_id = $1 AND k.key_sha256 = {})",
            wanted.key_sha256,
        )
    if wanted.endpoint_name_prefix:
        # The range that an index finds; past every character that a name may have stands the last one there is.
        prefix = wanted.endpoint_name_prefix
        conditions.add("d.endpoint_name >= {} AND d.endpoint_name < {}", prefix, f"{prefix}\U0010ffff")
    if wanted.certificate_id is not None:
        conditions.add(
            "d.id IN (SELECT device_id FROM device_credential WHERE account_id = $1 AND certificate_id = {})",
            wanted.certificate_id,
        )
    if wanted.seen_from is not None:
        conditions.add("d.last_seen_at >= {}", to_micros(wanted.seen_from))
    if wanted.seen_before is not None:
        conditions.add("d.last_seen_at < {}", to_micros(wanted.seen_before))
    return conditions


async def _whole(connection: Connection, found: Sequence[Row]) -> list[DeviceRow]:
    if not found:
        return []
    ids = list(dict.fromkeys(row["id"] for row in found))
    rows = await connection.fetch(
        f"SELECT {CREDENTIAL_COLUMNS} FROM device_credential WHERE device_id IN ({places(len(ids), 1)})"
        " ORDER BY device_id, service",
        *ids,
    )
    credentials: dict[str, list[CredentialRow]] = {}
    for row in rows:
        credentials.setdefault(row["device_id"], []).append(CredentialRow.of(row))
    return [DeviceRow.of(row, tuple(credentials.get(row["id"], ()))) for row in found]
