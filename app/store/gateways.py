"""Which version of an account's trust each gateway enforces, as far as it says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from app.clock import from_micros, to_micros
from app.store.connection import Connection, Row, Transaction
from app.store.rows import instant_of
from app.terms import Service

GATEWAYS_LIMIT = 1_000

_REPORT = (
    "INSERT INTO gateway (api_key_id, service, account_id, applied_version, applied_at, seen_at)"
    " VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (api_key_id, service) DO UPDATE SET seen_at = EXCLUDED.seen_at,"
    " applied_at = CASE WHEN gateway.applied_version = EXCLUDED.applied_version THEN gateway.applied_at"
    " ELSE EXCLUDED.applied_at END, applied_version = EXCLUDED.applied_version"
    " WHERE gateway.seen_at <= EXCLUDED.seen_at"
)
_GATEWAYS = (
    "SELECT g.api_key_id, g.service, g.applied_version, g.applied_at, g.seen_at FROM gateway AS g"
    " WHERE g.account_id = $1"
    " AND EXISTS (SELECT 1 FROM api_key AS k WHERE k.id = g.api_key_id AND k.revoked_at IS NULL)"
    f" ORDER BY g.seen_at DESC, g.api_key_id, g.service LIMIT {GATEWAYS_LIMIT}"
)


class Gateway(NamedTuple):
    """A gateway at a service, by the key that it asks with."""

    account_id: str
    api_key_id: str
    service: Service


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """What a gateway said last: the version that it enforces, since when, and when it was heard of."""

    api_key_id: str
    service: Service
    applied_version: int | None
    applied_at: datetime | None
    seen_at: datetime

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(
            api_key_id=row["api_key_id"],
            service=Service(row["service"]),
            applied_version=row["applied_version"],
            applied_at=instant_of(row["applied_at"]),
            seen_at=from_micros(row["seen_at"]),
        )


async def report(transaction: Transaction, reports: Mapping[Gateway, tuple[int, datetime]]) -> None:
    """Set which version each of these gateways enforces, and when it said so."""
    # In one order, so that two processes that hear of the same gateways cannot block each other for good.
    for gateway, (version, at) in sorted(reports.items(), key=lambda item: item[0]):
        await transaction.execute(
            _REPORT, gateway.api_key_id, gateway.service.value, gateway.account_id, version, to_micros(at)
        )


async def gateways(connection: Connection, account_id: str) -> list[GatewayRow]:
    """The account's gateways that have said something, the last heard of first; none whose key is revoked."""
    return [GatewayRow.of(row) for row in await connection.fetch(_GATEWAYS, account_id)]
