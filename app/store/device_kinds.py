"""Devices by kind: which of them every decision treats alike, and which of these are claimed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from app.clock import to_micros
from app.impact import DeviceKind
from app.store.connection import Connection, Row
from app.store.device_reads import IS_SUSPENDED, is_suspended
from app.store.enrollments import CLAIMED
from app.terms import Service

KINDS_LIMIT = 10_000
"""Of how many kinds the devices are told, the most numerous first."""
_AT_ONCE = 500
_SECOND = timedelta(seconds=1)

_COLUMNS = "c.service, c.certificate_id, c.issuer_sha256, c.presented_sha256"
# Only at the bootstrap server is anybody asked for a claim.
_IS_CLAIMED = f"CASE WHEN c.service = '{Service.BOOTSTRAP.value}' AND EXISTS ({CLAIMED}) THEN 1 ELSE 0 END"
# A certificate's last second is not past it (`profile.VALIDITY`).
_VALID = "c.account_id = $1 AND c.valid_from <= $2 AND c.valid_to > $3"
_KINDS = (
    "SELECT kind.*, one.leaf, one.presented FROM ("
    f"SELECT {_COLUMNS}, {_IS_CLAIMED} AS claimed, count(*) AS devices, min(c.device_id) AS device_id"
    f" FROM device_credential AS c JOIN device AS d ON d.id = c.device_id"
    f" WHERE {_VALID} AND {{standing}} GROUP BY {_COLUMNS}, claimed"
    f" ORDER BY devices DESC, {_COLUMNS}, claimed LIMIT {{limit}}"
    ") AS kind JOIN device_credential AS one ON one.device_id = kind.device_id AND one.service = kind.service"
)
_TOTAL = (
    "SELECT count(*) AS n FROM device_credential AS c JOIN device AS d ON d.id = c.device_id"
    f" WHERE {_VALID} AND {{standing}}"
)
_LEAVES = (
    f"SELECT c.device_id, c.leaf, c.presented FROM device_credential AS c JOIN device AS d ON d.id = c.device_id"
    f" WHERE {_VALID} AND {{standing}} AND c.service = $4 AND c.certificate_id = $5 AND c.issuer_sha256 = $6"
    f" AND c.presented_sha256 = $7 AND c.device_id > $8 AND {_IS_CLAIMED} = $9 ORDER BY c.device_id LIMIT {_AT_ONCE}"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose devices are meant: those that are not suspended, or (`released`, a record's id) only suspended with it.

    Of those that are not, `through` leaves the devices that are registered through a record, for whichever service, and
    `besides` the others.
    """

    released: str | None = None
    through: str | None = None
    besides: str | None = None

    def condition(self, place: int) -> tuple[str, tuple[str, ...]]:
        """The same as a condition whose value stands at this place, and the value."""
        if self.released is not None:
            return f"({IS_SUSPENDED} AND NOT {is_suspended(f'${place}')})", (self.released,)
        through = (
            "EXISTS (SELECT 1 FROM device_credential AS t"
            f" WHERE t.device_id = d.id AND t.account_id = $1 AND t.certificate_id = ${place})"
        )
        if self.through is not None:
            return f"(NOT {IS_SUSPENDED} AND {through})", (self.through,)
        if self.besides is not None:
            return f"(NOT {IS_SUSPENDED} AND NOT {through})", (self.besides,)
        return f"NOT {IS_SUSPENDED}", ()


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
    """How many devices of a kind there are that are claimed, or that are not, and one of them."""

    kind: DeviceKind
    is_claimed: bool
    devices: int
    sample: Came


async def kinds(connection: Connection, account_id: str, at: datetime, standing: Standing) -> list[Counted]:
    """The kinds of the account's devices whose certificates are valid at an instant; the most numerous, if too many.

    The devices of a kind that are claimed stand apart from those that are not.
    """
    condition, values = standing.condition(4)
    rows = await connection.fetch(
        _KINDS.format(standing=condition, limit=KINDS_LIMIT), account_id, *_bounds(at), *values
    )
    return [Counted(_kind(row), bool(row["claimed"]), int(row["devices"]), Came.of(row)) for row in rows]


async def total(connection: Connection, account_id: str, at: datetime, standing: Standing) -> int:
    """How many registrations these are in all."""
    condition, values = standing.condition(4)
    row = await connection.fetch_one(_TOTAL.format(standing=condition), account_id, *_bounds(at), *values)
    return 0 if row is None else int(row["n"])


async def devices_of(
    connection: Connection, account_id: str, counted: Counted, at: datetime, standing: Standing
) -> AsyncIterator[Came]:
    """The devices that are counted together, by their ids."""
    condition, values = standing.condition(10)
    query, last, kind = _LEAVES.format(standing=condition), "", counted.kind
    fixed = (account_id, *_bounds(at), kind.service.value, kind.certificate_id, kind.issuer_sha256)
    claimed = int(counted.is_claimed)
    while rows := await connection.fetch(query, *fixed, kind.presented_sha256, last, claimed, *values):
        for row in rows:
            yield Came.of(row)
        last = rows[-1]["device_id"]


def _bounds(at: datetime) -> tuple[int, int]:
    return to_micros(at), to_micros(at - _SECOND)


def _kind(row: Row) -> DeviceKind:
    return DeviceKind(
        Service(row["service"]), row["certificate_id"], bytes(row["issuer_sha256"]), bytes(row["presented_sha256"])
    )
