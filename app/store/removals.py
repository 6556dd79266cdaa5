"""What may be removed from the log, each in the transaction of the entry that says so.

The database holds the same rule: it refuses to delete anything that no open row of `audit_removal` names, and to commit
while one is open; only the entry closes it.
"""

from dataclasses import dataclass
from datetime import datetime

from app.clock import to_micros
from app.store.connection import Connection, Transaction
from app.store.rows import UserRow, columns

ERASURE = "audit.erasure"
RETENTION = "audit.retention"
CHUNK = 10_000
"""How many rows one transaction removes at most: on SQLite everybody else waits for it, and not for long."""

_PERMIT = "INSERT INTO audit_removal (audit_id, kind, account_id, target_id, month) VALUES ($1, $2, $3, $4, $5)"
# Spelled so that both engines find the index, for an account and for the installation's own streams.
_OF_ACCOUNT = {True: "account_id = $1", False: "account_id IS NULL AND CAST($1 AS TEXT) IS NULL"}
# What an erasure itself discloses is the word that stands for the person from then on (services.erasure.erased_name).
_ERASABLE = (
    "SELECT seq FROM audit_disclosure WHERE {account} AND subject_id = $2 AND seq NOT IN ("
    "SELECT seq FROM audit_entry WHERE {account} AND action = 'audit.erasure' AND result = 'success'"
    " AND target_id = $2)"
)
_COUNTED = "length(disclosures) - length(replace(disclosures, '~', '')) + 1"
_ERASE = (
    "DELETE FROM audit_disclosure WHERE {account} AND subject_id = $2"
    f" AND seq IN ({_ERASABLE} LIMIT {CHUNK}) RETURNING {_COUNTED} AS disclosures"
)
_USER = f"SELECT {columns(UserRow)} FROM portal_user WHERE account_id = $1 AND id = $2"
_RENAME_USER = (
    "UPDATE portal_user SET version = $3, name = $4, password_hash = $5, updated_at = $6, audit_id = $7"
    " WHERE account_id = $1 AND id = $2"
)
_LIVE_KEY = (
    "SELECT 1 AS found FROM api_key WHERE account_id = $1 AND id = $2 AND revoked_at IS NULL"
    " AND (expires_at IS NULL OR expires_at > $3)"
)
# What the state is compared with, what counts an account's certificates, and what accounts for removals stays; and what
# tells of a thousand claims.
_KEPT = (
    "(e.action IN ('audit.erasure', 'audit.retention', 'enrollment.claim_batch', 'enrollment.release_batch')"
    " OR (e.target_type = 'account' AND e.result = 'success' AND e.action LIKE 'account.%')"
    + "".join(
        f" OR EXISTS (SELECT 1 FROM {table} WHERE {table}.audit_id = e.id)"
        for table in ("account", "certificate", "api_key", "portal_user", "device")
    )
    # Not of what was claimed by itself and given up by itself: of that nothing is left to compare.
    + "".join(
        f" OR EXISTS (SELECT 1 FROM enrollment WHERE enrollment.{entry} = e.id"
        " AND (job_id IS NOT NULL OR release_job_id IS NOT NULL OR released_at IS NULL))"
        for entry in ("audit_id", "released_audit_id")
    )
    + ")"
)
_ARCHIVABLE = (
    "SELECT b.seq FROM audit_body AS b JOIN audit_entry AS e ON e.seq = b.seq"
    f" WHERE b.month = $1 AND b.seq > $2 AND b.seq <= $3 AND NOT {_KEPT} ORDER BY b.seq LIMIT {CHUNK}"
)
_DROP_DISCLOSURES = f"DELETE FROM audit_disclosure WHERE seq IN ({_ARCHIVABLE}) RETURNING {_COUNTED} AS disclosures"
_DROP_BODIES = f"DELETE FROM audit_body WHERE month = $1 AND seq IN ({_ARCHIVABLE}) RETURNING seq"

_SUBJECT_ACCOUNTS = (
    "SELECT d.account_id FROM audit_disclosure AS d JOIN audit_entry AS e ON e.seq = d.seq WHERE d.subject_id = $1"
    " AND NOT (e.action = 'audit.erasure' AND e.result = 'success' AND e.target_id = d.subject_id)"
    " UNION SELECT account_id FROM portal_user WHERE id = $1 AND name <> 'erased-' || id"
)
_ERASED_BEFORE = "SELECT 1 AS found FROM audit_removal WHERE kind = 'audit.erasure' AND target_id = $1 LIMIT 1"


@dataclass(frozen=True, slots=True)
class Erased:
    """How many disclosures went, out of how many entries; `more` says that there may be others left."""

    entries: int
    disclosures: int
    more: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many bodies and disclosures went, the number of the last of these bodies, and whether others may be left."""

    bodies: int
    disclosures: int
    last_seq: int
    more: bool


@dataclass(frozen=True, slots=True)
class Removals:
    """Removals from one account's part of the log, or with None from the installation's own, recorded by one entry."""

    transaction: Transaction
    audit_id: str
    account_id: str | None

    async def user(self, user_id: str) -> UserRow | None:
        """The person; None where the account has none of this id."""
        row = await self.transaction.fetch_one(_USER, self.account_id, user_id)
        return None if row is None else UserRow.of(row)

    async def rename_user(self, row: UserRow) -> None:
        """Replace a person's name and password."""
        await self.transaction.execute(
            _RENAME_USER,
            self.account_id,
            row.id,
            row.version,
            row.name,
            row.password_hash,
            to_micros(row.updated_at),
            self.audit_id,
        )

    async def is_live_key(self, key_id: str, at: datetime) -> bool:
        """Whether the subject is a key that still works."""
        return await self.transaction.fetch_one(_LIVE_KEY, self.account_id, key_id, to_micros(at)) is not None

    async def erase(self, subject_id: str) -> Erased:
        """Remove disclosures whose subject this is."""
        await self.transaction.execute(_PERMIT, self.audit_id, ERASURE, self.account_id, subject_id, None)
        statement = _ERASE.format(account=_OF_ACCOUNT[self.account_id is not None])
        gone = await self.transaction.fetch(statement, self.account_id, subject_id)
        left = f"{_ERASABLE} LIMIT 1".format(account=_OF_ACCOUNT[self.account_id is not None])
        more = len(gone) == CHUNK and await self.transaction.fetch_one(left, self.account_id, subject_id) is not None
        return Erased(len(gone), sum(row["disclosures"] for row in gone), more)

    async def drop_bodies(self, month: int, after_seq: int, last_seq: int) -> Dropped:
        """Remove bodies of a month (year * 100 + month) between these numbers, with what is disclosed beside them."""
        spelled = f"{month // 100:04}-{month % 100:02}"
        await self.transaction.execute(_PERMIT, self.audit_id, RETENTION, None, spelled, month)
        # The disclosures go first: what is left of the body says that they are of this month.
        disclosures = await self.transaction.fetch(_DROP_DISCLOSURES, month, after_seq, last_seq)
        bodies = [row["seq"] for row in await self.transaction.fetch(_DROP_BODIES, month, after_seq, last_seq)]
        counted = sum(row["disclosures"] for row in disclosures)
        last = max(bodies, default=0)
        more = len(bodies) == CHUNK and await self.transaction.fetch_one(_ARCHIVABLE, month, last, last_seq) is not None
        return Dropped(len(bodies), counted, last, more)


async def accounts_of_subject(connection: Connection, subject_id: str) -> list[str | None]:
    """The accounts that name a subject, or whose part of the log does; None for the installation's own part."""
    found = await connection.fetch(_SUBJECT_ACCOUNTS, subject_id)
    return sorted((row["account_id"] for row in found), key=lambda one: (one is None, one or ""))


async def is_erased(connection: Connection, subject_id: str) -> bool:
    """Whether disclosures of this subject were removed before."""
    return await connection.fetch_one(_ERASED_BEFORE, subject_id) is not None
