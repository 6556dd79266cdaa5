"""Devices by kind: which of them every decision treats alike, and which of these are claimed or suspended."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from app.clock import to_micros
from app.impact import DeviceKind, Members, Standing, Suspending
from app.store.conditions import Conditions
from app.store.connection import Connection, Row
from app.store.device_reads import pages_among
from app.store.device_rows import DeviceRow
from app.store.device_suspension import IS_SUSPENDED, is_suspended
from app.store.enrollments import CLAIMED
from app.store.paging import Page, Window
from app.terms import Service

KINDS_LIMIT = 10_000
"""Of how many kinds the devices are told, the most numerous first."""
_AT_ONCE = 2_000
_SECOND = timedelta(seconds=1)

_KIND = "c.service, c.certificate_id, c.issuer_sha256, c.presented_sha256"
# Only at the bootstrap server is anybody asked for a claim.
_IS_CLAIMED = f"CASE WHEN c.service = '{Service.BOOTSTRAP.value}' AND EXISTS ({CLAIMED}) THEN 1 ELSE 0 END"
# The values: the account, the instant, a second before it, and the record of `Suspending`, where there is one.
# Who comes with a certificate that a suspended device was ever let in with is suspended. A window and no join, for a
# developer's certificate may be that of thousands of devices: SQLite would look through all suspended ones for each.
_HEAD = (
    "WITH registration AS MATERIALIZED (SELECT c.account_id, c.device_id, c.fingerprint, c.valid_from, c.valid_to,"
    f" c.audit_id, {_KIND}, max(CASE WHEN {IS_SUSPENDED} THEN 1 ELSE 0 END) OVER same AS was_suspended,"
    " max(CASE WHEN {will} THEN 1 ELSE 0 END) OVER same AS will_be_suspended"
    " FROM device_key AS k JOIN device AS d ON d.id = k.device_id LEFT JOIN device_credential AS c"
    " ON c.device_id = k.device_id AND c.key_sha256 = k.key_sha256 WHERE k.account_id = $1"
    " WINDOW same AS (PARTITION BY k.key_sha256)) "
)
# A certificate's last second is not past it (`profile.VALIDITY`). Who stays suspended is none of these.
_REGISTRATIONS = (
    " FROM registration AS c WHERE c.valid_from <= $2 AND c.valid_to > $3"
    " AND (c.was_suspended = 0 OR c.will_be_suspended = 0)"
)
_PARTS = f"{_KIND}, claimed, c.was_suspended, c.will_be_suspended"
_GROUPS = (
    "SELECT kind.*, one.leaf, one.presented FROM ("
    f"SELECT {_KIND}, c.was_suspended, c.will_be_suspended, {_IS_CLAIMED} AS claimed, count(*) AS devices,"
    f" sum(count(*)) OVER () AS everybody, min(c.device_id) AS device_id, max(c.audit_id) AS newest{_REGISTRATIONS}"
    f" GROUP BY {_PARTS} ORDER BY devices DESC, {_PARTS} LIMIT {{limit}}"
    ") AS kind JOIN device_credential AS one ON one.device_id = kind.device_id AND one.service = kind.service"
)
_LEAVES = (
    "SELECT one.device_id, one.leaf, one.presented FROM ("
    f"SELECT c.device_id, c.service{_REGISTRATIONS}{{narrowed}} ORDER BY c.device_id LIMIT {{limit}}"
    ") AS page JOIN device_credential AS one ON one.device_id = page.device_id AND one.service = page.service"
    " ORDER BY one.device_id"
)
_OF_KIND = "c.service = {} AND c.certificate_id = {} AND c.issuer_sha256 = {} AND c.presented_sha256 = {}"
_SUSPENDED_WITH = (
    # With the record in the condition, SQLite would look through all its devices for each.
    f"({IS_SUSPENDED} OR $4 IN (SELECT t.certificate_id FROM device_credential AS t WHERE t.device_id = d.id))"
)


@dataclass(frozen=True, slots=True)
class Came:
    """A device by its id, and what it came with: its certificate, and the others joined."""

    device_id: str
    leaf: bytes
    presented: bytes

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(row["device_id"], bytes(row["leaf"]), bytes(row["presented"]))


@dataclass(frozen=True, slots=True)
class Counted:
    """How many devices of a kind stand in one way, one of them, and the entry of the last that came in so."""

    kind: DeviceKind
    standing: Standing
    devices: int
    sample: Came
    newest: str


class Found(NamedTuple):
    """Devices by kind and standing, and how many of them were too many to be told."""

    counted: list[Counted]
    left_out: int


async def kinds(connection: Connection, account_id: str, at: datetime, suspending: Suspending) -> Found:
    """The kinds of the account's devices whose certificates are valid at an instant; the most numerous, if too many.

    Devices of a kind that stand otherwise are counted apart. Those that a change leaves suspended are not counted:
    suspended is also who comes with the certificate of a device that is.
    """
    head, values = _head(account_id, at, suspending)
    rows = await connection.fetch(head + _GROUPS.format(limit=KINDS_LIMIT), *values)
    found = [Counted(_kind(row), _standing(row), int(row["devices"]), Came.of(row), row["newest"]) for row in rows]
    found.sort(key=_place)
    everybody = int(rows[0]["everybody"]) if rows else 0
    return Found(found, everybody - sum(each.devices for each in found))


async def devices_of(
    connection: Connection, account_id: str, counted: Counted, at: datetime, suspending: Suspending
) -> AsyncIterator[Sequence[Came]]:
    """The devices that are counted together, by their ids, some at a time."""
    last = ""
    while True:
        head, values = _head(account_id, at, suspending)
        conditions = Conditions(values)
        _add_kind(conditions, counted.kind, [counted.standing])
        conditions.add("c.device_id > {}", last)
        query = head + _LEAVES.format(narrowed=conditions.text, limit=_AT_ONCE)
        rows = await connection.fetch(query, *values)
        if not rows:
            return
        yield [Came.of(row) for row in rows]
        last = rows[-1]["device_id"]


async def members_pages(
    connection: Connection, account_id: str, wanted: Sequence[Members], window: Window
) -> list[Page[DeviceRow]]:
    """The same page of the devices of each of these effects of one change, by endpoint name."""
    head, values = "", list[object]([account_id])
    # Nothing of it may stand before a statement that asks for no registrations: PostgreSQL wants every value used.
    if any(each.standings for each in wanted):
        head, values = _head(account_id, wanted[0].at, wanted[0].suspending)
    lists = list[Conditions]()
    for each in wanted:
        conditions = Conditions(values)
        if each.standings:
            registrations = Conditions(values)
            _add_kind(registrations, each.kind, each.standings)
            conditions.add(f"d.id IN (SELECT c.device_id{_REGISTRATIONS}{registrations.text})")
        else:
            conditions.add(f"d.id IN ({', '.join(['{}'] * len(each.ids))})", *each.ids)
        lists.append(conditions)
    return await pages_among(connection, lists, window, head)


def _head(account_id: str, at: datetime, suspending: Suspending) -> tuple[str, list[object]]:
    """What stands before a statement over `_REGISTRATIONS`, and its first values."""
    values: list[object] = [account_id, to_micros(at), to_micros(at - _SECOND)]
    record = suspending.suspends or suspending.resumes
    will = IS_SUSPENDED
    if record is not None:
        values.append(record)
        will = _SUSPENDED_WITH if suspending.suspends else is_suspended(besides="$4")
    return _HEAD.format(will=will), values


def _add_kind(conditions: Conditions, kind: DeviceKind, standings: Iterable[Standing]) -> None:
    conditions.add(_OF_KIND, kind.service.value, kind.certificate_id, kind.issuer_sha256, kind.presented_sha256)
    conditions.add(f"({' OR '.join(sorted(map(_stands, standings)))})")


def _stands(standing: Standing) -> str:
    claimed, was, will = map(int, (standing.is_claimed, standing.was_suspended, standing.will_be_suspended))
    return f"({_IS_CLAIMED} = {claimed} AND c.was_suspended = {was} AND c.will_be_suspended = {will})"


def _place(counted: Counted) -> tuple[object, ...]:
    kind, standing = counted.kind, counted.standing
    return (
        -counted.devices,
        kind.service.value,
        kind.certificate_id,
        kind.issuer_sha256,
        kind.presented_sha256,
        standing.is_claimed,
        standing.was_suspended,
        standing.will_be_suspended,
    )


def _kind(row: Row) -> DeviceKind:
    return DeviceKind(
        Service(row["service"]), row["certificate_id"], bytes(row["issuer_sha256"]), bytes(row["presented_sha256"])
    )


def _standing(row: Row) -> Standing:
    return Standing(bool(row["claimed"]), bool(row["was_suspended"]), bool(row["will_be_suspended"]))
