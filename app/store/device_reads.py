"""Devices: by name, by certificate, and in lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.clock import to_micros
from app.store.connection import Connection, Row
from app.store.device_rows import CredentialRow, DeviceRow
from app.store.paging import Page, Window, page_of
from app.store.reads import COUNT_LIMIT
from app.terms import DeviceStatus, Service

# A suspension of a record holds for whoever was registered through it by then and was not released since.
_STANDS = (
    "s.account_id = c.account_id AND c.accepted_at <= s.suspended_at"
    " AND (d.released_at IS NULL OR d.released_at < s.suspended_at)"
)
_SUSPENDED_WITH = (
    "SELECT max(s.suspended_at) FROM device_credential AS c"
    f" JOIN device_suspension AS s ON s.certificate_id = c.certificate_id WHERE c.device_id = d.id AND {_STANDS}"
)
_DEVICE = f"SELECT d.*, ({_SUSPENDED_WITH}) AS record_suspended_at FROM device AS d"
_MATCHING = (
    f"{_DEVICE} WHERE d.account_id = $1 AND d.id IN (SELECT id FROM device WHERE account_id = $1 AND endpoint_name = $2"
    " UNION SELECT device_id FROM device_credential WHERE account_id = $1 AND key_sha256 = $3) ORDER BY d.id"
)
_CREDENTIAL_COLUMNS = "device_id, service, key_sha256, fingerprint, certificate_id, accepted_at"
_PRESENTED = "SELECT leaf, presented FROM device_credential WHERE account_id = $1 AND device_id = $2 AND service = $3"
_REGISTERED_THROUGH = (
    "SELECT count(*) AS devices, max(accepted_at) AS newest FROM device_credential"
    " WHERE account_id = $1 AND certificate_id = $2"
)
_IS_REGISTERED = "EXISTS (SELECT 1 FROM device_credential AS r WHERE r.device_id = d.id AND r.service = 'LWM2M')"


def is_suspended(besides: str = "") -> str:
    """Whether the device `d` of a statement is suspended, by itself or with a record.

    `besides` is a placeholder for the id of a record whose suspension is left out of account.
    """
    others = f" AND s.certificate_id <> {besides}" if besides else ""
    return f"(d.suspended_at IS NOT NULL OR EXISTS ({_SUSPENDED_WITH.replace('max(s.suspended_at)', '1')}{others}))"


IS_SUSPENDED = is_suspended()
_STATUS = {
    DeviceStatus.BOOTSTRAPPED: f"(NOT {IS_SUSPENDED} AND NOT {_IS_REGISTERED})",
    DeviceStatus.REGISTERED: f"(NOT {IS_SUSPENDED} AND {_IS_REGISTERED})",
    DeviceStatus.SUSPENDED: IS_SUSPENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFilter:
    """Narrows a list of devices: everything given must hold, and a set means any of it.

    `certificate_id`: the device was last let in through this record, for either service.
    """

    status: frozenset[DeviceStatus] | None = None
    endpoint_name_prefix: str | None = None
    certificate_id: str | None = None
    seen_from: datetime | None = None
    seen_before: datetime | None = None


@dataclass(slots=True)
class _Conditions:
    """A WHERE that grows, with its values."""

    values: list[object]
    texts: list[str] = field(default_factory=list)

    def add(self, text: str, *values: object) -> None:
        """One more; `{}` stands for each value."""
        places = [f"${len(self.values) + number}" for number in range(1, len(values) + 1)]
        self.texts.append(text.format(*places))
        self.values.extend(values)

    @property
    def text(self) -> str:
        """All of them, after the first."""
        return "".join(f" AND {each}" for each in self.texts)


async def matching(connection: Connection, account_id: str, endpoint_name: str, key_sha256: bytes) -> list[DeviceRow]:
    """The devices of this name, or that were ever let in with a certificate of this name and key; oldest first."""
    return await _whole(connection, await connection.fetch(_MATCHING, account_id, endpoint_name, key_sha256))


async def devices(connection: Connection, account_id: str, device_ids: Iterable[str]) -> dict[str, DeviceRow]:
    """Devices of the account by their ids; what is not there, or another account's, is absent."""
    wanted = list(dict.fromkeys(device_ids))
    if not wanted:
        return {}
    found = await connection.fetch(
        f"{_DEVICE} WHERE d.account_id = $1 AND d.id IN ({_places(len(wanted), 2)})", account_id, *wanted
    )
    return {device.id: device for device in await _whole(connection, found)}


async def devices_page(
    connection: Connection, account_id: str, wanted: DeviceFilter, window: Window
) -> Page[DeviceRow]:
    """A page of the account's devices, by endpoint name."""
    conditions = _narrowed(account_id, wanted)
    for key, comparison in ((window.after, ">"), (window.before, "<")):
        if key is not None:
            conditions.add(f"d.endpoint_name {comparison} {{}}", key[0])
    direction = "DESC" if window.backward else "ASC"
    query = (
        f"{_DEVICE} WHERE d.account_id = $1{conditions.text}"
        f" ORDER BY d.endpoint_name {direction} LIMIT {window.size + 1}"
    )
    return page_of(await _whole(connection, await connection.fetch(query, *conditions.values)), window)


async def count_devices(connection: Connection, account_id: str, wanted: DeviceFilter) -> int | None:
    """How many devices match; None over COUNT_LIMIT."""
    conditions = _narrowed(account_id, wanted)
    query = (
        "SELECT count(*) AS n FROM (SELECT 1 FROM device AS d"
        f" WHERE d.account_id = $1{conditions.text} LIMIT {COUNT_LIMIT + 1}) AS counted"
    )
    row = await connection.fetch_one(query, *conditions.values)
    count = 0 if row is None else int(row["n"])
    return None if count > COUNT_LIMIT else count


async def registered_through(connection: Connection, account_id: str, certificate_id: str) -> tuple[int, int | None]:
    """How many registrations there are through a record, and when the newest was made, in microseconds."""
    row = await connection.fetch_one(_REGISTERED_THROUGH, account_id, certificate_id)
    return (0, None) if row is None else (int(row["devices"]), row["newest"])


async def presented(
    connection: Connection, account_id: str, device_id: str, service: Service
) -> tuple[bytes, bytes] | None:
    """What a device was last let in with: its certificate, and the others joined end to end; None if it never was."""
    row = await connection.fetch_one(_PRESENTED, account_id, device_id, service.value)
    return None if row is None else (bytes(row["leaf"]), bytes(row["presented"]))


def _narrowed(account_id: str, wanted: DeviceFilter) -> _Conditions:
    conditions = _Conditions([account_id])
    if wanted.status is not None:
        any_of = " OR ".join(sorted(_STATUS[status] for status in wanted.status))
        conditions.add(f"({any_of or 'FALSE'})")
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
    ids = [row["id"] for row in found]
    rows = await connection.fetch(
        f"SELECT {_CREDENTIAL_COLUMNS} FROM device_credential WHERE device_id IN ({_places(len(ids), 1)})"
        " ORDER BY device_id, service",
        *ids,
    )
    credentials: dict[str, list[CredentialRow]] = {}
    for row in rows:
        credentials.setdefault(row["device_id"], []).append(CredentialRow.of(row))
    return [DeviceRow.of(row, tuple(credentials.get(row["id"], ()))) for row in found]


def _places(count: int, start: int) -> str:
    return ", ".join(f"${at}" for at in range(start, start + count))
