"""Findings about records as they stand, when each account was looked at for them, and what a look needs to know."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from app.clock import from_micros, to_micros
from app.findings import Finding, FindingCode, Severity
from app.rules.standing import Standing, Use
from app.store.connection import Connection, Row, Transaction
from app.store.counting import count
from app.store.paging import Page, Window, page_of
from app.store.rows import instant_of
from app.store.writes import insert_into

_COLUMNS = (
    "id, account_id, certificate_id, code, related_id, severity, message, chain_index, reference, appeared_at, audit_id"
)
_FINDINGS = f"SELECT {_COLUMNS} FROM standing_finding WHERE account_id = $1"
_INSERT = insert_into("standing_finding", _COLUMNS)
_REWORD = (
    "UPDATE standing_finding SET severity = $3, message = $4, chain_index = $5, reference = $6"
    " WHERE account_id = $1 AND id = $2"
)
_GO = "UPDATE standing_finding SET gone_audit_id = $3 WHERE account_id = $1 AND id = $2"

# What changed comes before what only grew older.
_DUE = (
    "SELECT a.id, a.trust_version, a.certificate_used FROM account AS a"
    " LEFT JOIN standing_look AS l ON l.account_id = a.id"
    " WHERE l.account_id IS NULL OR l.trust_version <> a.trust_version OR l.looked_at <= $1"
    " ORDER BY CASE WHEN l.trust_version = a.trust_version THEN 1 ELSE 0 END, coalesce(l.looked_at, 0), a.id LIMIT $2"
)
_LOOKED = (
    "INSERT INTO standing_look (account_id, trust_version, looked_at) VALUES ($1, $2, $3)"
    " ON CONFLICT (account_id) DO UPDATE SET trust_version = EXCLUDED.trust_version, looked_at = EXCLUDED.looked_at"
)
_HAS_SUSPENDED = (
    "EXISTS (SELECT 1 FROM device_credential AS c JOIN device AS d ON d.id = c.device_id"
    " WHERE c.account_id = r.account_id AND c.certificate_id = r.id AND c.accepted_at <= r.devices_suspended_at"
    " AND (d.released_at IS NULL OR d.released_at < r.devices_suspended_at))"
)
# Told and not asked for, so that PostgreSQL looks for one device of each record and joins no fleet.
_SUSPENDING = (
    f"SELECT r.id, {_HAS_SUSPENDED} AS has_suspended_devices"
    " FROM certificate AS r WHERE r.account_id = $1 AND r.devices_suspended_at IS NOT NULL"
)
# Of the devices that were seen since an instant one is enough: a fleet need not be looked through for the last of them.
_USES = (
    "SELECT r.id, r.name, r.version, r.created_at, (SELECT max(c.accepted_at) FROM device_credential AS c"
    " WHERE c.account_id = r.account_id AND c.certificate_id = r.id) AS accepted_at,"
    " (SELECT d.last_seen_at FROM device_credential AS c JOIN device AS d ON d.id = c.device_id"
    " WHERE c.account_id = r.account_id AND c.certificate_id = r.id AND d.last_seen_at > $2 LIMIT 1) AS seen_at,"
    f" {_HAS_SUSPENDED} AS has_suspended_devices FROM certificate AS r WHERE r.account_id = $1"
)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding about a record, since when it is there, and the entry that says so."""

    id: str
    account_id: str
    certificate_id: str
    standing: Standing
    appeared_at: datetime
    audit_id: str

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        finding = Finding(
            Severity(row["severity"]),
            FindingCode(row["code"]),
            row["message"],
            row["chain_index"],
            row["reference"],
        )
        return cls(
            id=row["id"],
            account_id=row["account_id"],
            certificate_id=row["certificate_id"],
            standing=Standing(finding, row["related_id"]),
            appeared_at=from_micros(row["appeared_at"]),
            audit_id=row["audit_id"],
        )


class Due(NamedTuple):
    """An account that is to be looked at, and the version of its trust."""

    account_id: str
    trust_version: int
    has_certificates: bool


class Used(NamedTuple):
    """A record's name and version, and what is known of its devices."""

    name: str
    version: int
    use: Use


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings about the records of one account, for whoever changes them. Each change names its entry."""

    transaction: Transaction
    account_id: str

    async def all(self) -> list[FindingRow]:
        """Every one of them."""
        return await of_account(self.transaction, self.account_id)

    async def insert(self, row: FindingRow) -> None:
        """Add one."""
        finding = row.standing.finding
        await self.transaction.execute(
            _INSERT,
            row.id,
            self.account_id,
            row.certificate_id,
            finding.code.value,
            row.standing.related_id,
            finding.severity.value,
            finding.message,
            finding.index,
            finding.reference,
            to_micros(row.appeared_at),
            row.audit_id,
        )

    async def reword(self, finding_id: str, finding: Finding) -> None:
        """Say the same in the words of now."""
        await self.transaction.execute(
            _REWORD,
            self.account_id,
            finding_id,
            finding.severity.value,
            finding.message,
            finding.index,
            finding.reference,
        )

    async def go(self, finding_id: str, audit_id: str) -> None:
        """Let one go; the entry that says so takes it away."""
        await self.transaction.execute(_GO, self.account_id, finding_id, audit_id)


async def of_account(connection: Connection, account_id: str) -> list[FindingRow]:
    """Everything that stands about the account's records, newest first: the quota bounds how much there can be."""
    return [FindingRow.of(row) for row in await connection.fetch(f"{_FINDINGS} ORDER BY id DESC", account_id)]


async def of_certificates(
    connection: Connection, account_id: str, certificate_ids: Iterable[str]
) -> dict[str, list[FindingRow]]:
    """What stands about these records of the account, by their ids, oldest first; what has nothing is absent."""
    wanted = list(dict.fromkeys(certificate_ids))
    if not wanted:
        return {}
    # Filled up to a power of two, so that few texts of statements are prepared instead of one per count.
    room = 1 << (len(wanted) - 1).bit_length()
    places = ", ".join(f"${at}" for at in range(2, room + 2))
    query = f"{_FINDINGS} AND certificate_id IN ({places}) ORDER BY id"
    found: dict[str, list[FindingRow]] = {}
    for row in await connection.fetch(query, account_id, *wanted, *[wanted[-1]] * (room - len(wanted))):
        found.setdefault(row["certificate_id"], []).append(FindingRow.of(row))
    return found


async def findings_page(connection: Connection, account_id: str, window: Window) -> Page[FindingRow]:
    """A page of what stands about the account's records, newest first; the key of a place is the id, twice."""
    values: list[object] = [account_id]
    bounds = ""
    for key, comparison in ((window.after, "<"), (window.before, ">")):
        if key is not None:
            values.append(key[0])
            bounds += f" AND id {comparison} ${len(values)}"
    direction = "ASC" if window.backward else "DESC"
    query = f"{_FINDINGS}{bounds} ORDER BY id {direction} LIMIT {window.size + 1}"
    return page_of([FindingRow.of(row) for row in await connection.fetch(query, *values)], window)


async def count_findings(connection: Connection, account_id: str) -> int | None:
    """How much stands about the account's records; None over COUNT_LIMIT."""
    return await count(connection, "SELECT 1 FROM standing_finding WHERE account_id = $1", account_id)


async def uses(connection: Connection, account_id: str, since: datetime) -> dict[str, Used]:
    """Of every record of the account: when devices were let in through it, by its id.

    Of those that were seen after `since` one says so for all, and whoever was seen before is not looked for.
    """
    return {row["id"]: _used(row) for row in await connection.fetch(_USES, account_id, to_micros(since))}


async def suspending(connection: Connection, account_id: str) -> set[str]:
    """The ids of the account's records with which devices are suspended, as `uses` has it."""
    return {row["id"] for row in await connection.fetch(_SUSPENDING, account_id) if row["has_suspended_devices"]}


async def due(connection: Connection, looked_by: datetime, limit: int) -> list[Due]:
    """Accounts whose trust is another than at the last look, or that were looked at no later than that instant."""
    rows: Sequence[Row] = await connection.fetch(_DUE, to_micros(looked_by), limit)
    return [Due(row["id"], row["trust_version"], row["certificate_used"] > 0) for row in rows]


async def note_looks(transaction: Transaction, looks: Mapping[str, int], at: datetime) -> None:
    """Set which version of each account's trust was looked at, and when."""
    # In one order, so that two processes that looked at the same accounts cannot block each other for good.
    for account_id, version in sorted(looks.items()):
        await transaction.execute(_LOOKED, account_id, version, to_micros(at))


def _used(row: Row) -> Used:
    known = [at for at in (instant_of(row["accepted_at"]), instant_of(row["seen_at"])) if at is not None]
    use = Use(from_micros(row["created_at"]), max(known, default=None), bool(row["has_suspended_devices"]))
    return Used(row["name"], row["version"], use)
