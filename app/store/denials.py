"""How often devices were refused for a blacklisted record: counted, one row for each device, record and service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple, Self

from app.clock import from_micros, to_micros
from app.ids import new_id
from app.store.connection import Connection, Row, Transaction
from app.store.paging import Page, Window, page_of
from app.store.statements import unless_locked
from app.terms import Service

FORGOTTEN_AT_ONCE = 1_000
DEVICES_LIMIT = 10_000
"""Of how many devices a record's refusals are told apart: whoever holds the CA's key can make up devices for ever."""

_COUNT = (
    "UPDATE denial SET attempts = attempts + $5, last_at = CASE WHEN last_at < $6 THEN $6 ELSE last_at END,"
    " fingerprint = $7 WHERE account_id = $1 AND certificate_id = $2 AND endpoint_name = $3 AND service = $4"
)
_INSERT = (
    "INSERT INTO denial (account_id, certificate_id, endpoint_name, service, attempts, last_at, fingerprint, first_at,"
    " id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    " ON CONFLICT (account_id, certificate_id, endpoint_name, service)"
    " DO UPDATE SET attempts = denial.attempts + EXCLUDED.attempts, last_at = EXCLUDED.last_at"
)
_DEVICES = "SELECT count(*) AS n FROM denial WHERE account_id = $1 AND certificate_id = $2"
_COLUMNS = "id, account_id, certificate_id, endpoint_name, service, fingerprint, attempts, first_at, last_at"
_TOTALS = (
    "SELECT certificate_id, count(*) AS devices, sum(attempts) AS attempts FROM denial"
    " WHERE account_id = $1 AND certificate_id IN ({}) GROUP BY certificate_id"
)
_OF_DELETED = (
    "SELECT account_id, certificate_id FROM certificate_tombstone AS t WHERE EXISTS (SELECT 1 FROM denial AS d"
    " WHERE d.account_id = t.account_id AND d.certificate_id = t.certificate_id)"
)
_OF_RECORD = "SELECT id FROM denial WHERE account_id = $1 AND certificate_id = $2 LIMIT $3"
_FORGET = "DELETE FROM denial WHERE account_id = $1 AND id IN ({})"


class Total(NamedTuple):
    """Of how many devices there are denials for a record (of DEVICES_LIMIT at most), and how many attempts in all."""

    devices: int
    attempts: int


class Denied(NamedTuple):
    """Whom what is counted is about. An empty endpoint name stands for all devices that are not told apart."""

    account_id: str
    certificate_id: str
    endpoint_name: str
    service: Service

    @property
    def is_together(self) -> bool:
        """Whether it is about all devices that are not told apart."""
        return not self.endpoint_name

    @property
    def together(self) -> Self:
        """All devices that are not told apart."""
        return self._replace(endpoint_name="")


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many there were, when the first and the last, and with which certificate (SHA-256) the last."""

    count: int
    first_at: datetime
    last_at: datetime
    fingerprint: bytes

    def plus(self, others: Self) -> Self:
        """These and others."""
        return replace(
            self if self.last_at > others.last_at else others,
            count=self.count + others.count,
            first_at=min(self.first_at, others.first_at),
        )


@dataclass(frozen=True, slots=True)
class DenialRow:
    """The refused attempts of a device for a record."""

    id: str
    denied: Denied
    attempts: Attempts

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(
            id=row["id"],
            denied=Denied(row["account_id"], row["certificate_id"], row["endpoint_name"], Service(row["service"])),
            attempts=Attempts(
                int(row["attempts"]),
                from_micros(row["first_at"]),
                from_micros(row["last_at"]),
                bytes(row["fingerprint"]),
            ),
        )


async def count(transaction: Transaction, counted: Mapping[Denied, Attempts]) -> None:
    """Add attempts to what is counted already; those of devices past DEVICES_LIMIT are counted together."""
    room: dict[tuple[str, str], int] = {}
    together: dict[Denied, Attempts] = {}
    # In one order, and what is counted together after all that is not, as only then it is known who is among that: so
    # two gateways that count the same devices cannot block each other for good.
    for denied, attempts in sorted(counted.items(), key=itemgetter(0)):
        if denied.is_together:
            add(together, denied, attempts)
            continue
        if await _added(transaction, denied, attempts):
            continue
        record = (denied.account_id, denied.certificate_id)
        if record not in room:
            room[record] = DEVICES_LIMIT - await _devices(transaction, *record)
        room[record] -= 1
        if room[record] >= 0:
            await _insert(transaction, denied, attempts)
        else:
            add(together, denied.together, attempts)
    for denied, attempts in sorted(together.items(), key=itemgetter(0)):
        if not await _added(transaction, denied, attempts):
            await _insert(transaction, denied, attempts)


def add(counted: dict[Denied, Attempts], denied: Denied, attempts: Attempts) -> None:
    """Add attempts to what is counted of this."""
    before = counted.get(denied)
    counted[denied] = attempts if before is None else before.plus(attempts)


async def denials_pages(
    connection: Connection, account_id: str, certificate_ids: Iterable[str], window: Window
) -> dict[str, Page[DenialRow]]:
    """The same page of each record's denials, the last refused first; an empty one where there are none.

    The key of a place is `last_at` and the id.
    """
    values: list[object] = [account_id]
    bounds = ""
    for key, comparison in ((window.after, "<"), (window.before, ">")):
        if key is not None:
            bounds += f" AND (last_at, id) {comparison} (${len(values) + 1}, ${len(values) + 2})"
            values.extend(key)
    direction = "ASC" if window.backward else "DESC"
    ids = list(dict.fromkeys(certificate_ids))
    pieces = [
        f"SELECT * FROM (SELECT {_COLUMNS} FROM denial WHERE account_id = $1 AND certificate_id = ${place}{bounds}"
        f" ORDER BY last_at {direction}, id {direction} LIMIT {window.size + 1}) AS page"
        for place in range(len(values) + 1, len(values) + 1 + len(ids))
    ]
    found = await connection.fetch(" UNION ALL ".join(pieces), *values, *ids) if pieces else ()
    rows = [DenialRow.of(row) for row in found]
    return {each: page_of([row for row in rows if row.denied.certificate_id == each], window) for each in ids}


async def totals(connection: Connection, account_id: str, certificate_ids: Iterable[str]) -> dict[str, Total]:
    """What there is in all for each of these records."""
    ids = list(dict.fromkeys(certificate_ids))
    places = ", ".join(f"${place}" for place in range(2, len(ids) + 2))
    found = await connection.fetch(_TOTALS.format(places), account_id, *ids) if ids else ()
    counted = {row["certificate_id"]: Total(int(row["devices"]), int(row["attempts"])) for row in found}
    return {each: counted.get(each, Total(0, 0)) for each in ids}


async def of_deleted_records(connection: Connection) -> list[tuple[str, str]]:
    """The records, each with its account first, that are deleted and still have denials, which nobody can see."""
    return [(row["account_id"], row["certificate_id"]) for row in await connection.fetch(_OF_DELETED)]


async def forget(transaction: Transaction, account_id: str, certificate_id: str) -> bool:
    """Delete FORGOTTEN_AT_ONCE of a record's denials; whether there may be others."""
    some = unless_locked(transaction.engine, _OF_RECORD)
    gone = await transaction.execute(_FORGET.format(some), account_id, certificate_id, FORGOTTEN_AT_ONCE)
    return gone >= FORGOTTEN_AT_ONCE


async def _added(transaction: Transaction, denied: Denied, attempts: Attempts) -> bool:
    changed = await transaction.execute(
        _COUNT, *_key(denied), attempts.count, to_micros(attempts.last_at), attempts.fingerprint
    )
    return changed > 0


async def _devices(connection: Connection, account_id: str, certificate_id: str) -> int:
    row = await connection.fetch_one(_DEVICES, account_id, certificate_id)
    return 0 if row is None else int(row["n"])


async def _insert(transaction: Transaction, denied: Denied, attempts: Attempts) -> None:
    await transaction.execute(
        _INSERT,
        *_key(denied),
        attempts.count,
        to_micros(attempts.last_at),
        attempts.fingerprint,
        to_micros(attempts.first_at),
        new_id(attempts.first_at),
    )


def _key(denied: Denied) -> tuple[str, str, str, str]:
    return denied.account_id, denied.certificate_id, denied.endpoint_name, denied.service.value
