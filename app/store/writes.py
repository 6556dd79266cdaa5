"""The only statements that change state. They run in the door's transaction and name the entry that will record them.

The database holds the same rules as constraints and triggers, so a statement from elsewhere cannot break them either.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.clock import to_micros
from app.store.connection import Transaction
from app.store.rows import AccountRow, ApiKeyRow, CertificateRow, UserRow, columns, micros_of

_ACCOUNT = f"SELECT {columns(AccountRow)} FROM account"
_CERTIFICATE = f"SELECT {columns(CertificateRow)} FROM certificate WHERE account_id = $1"
_API_KEY = f"SELECT {columns(ApiKeyRow)} FROM api_key WHERE account_id = $1"
_USER = f"SELECT {columns(UserRow)} FROM portal_user"


def insert_into(table: str, names: str) -> str:
    """The statement that adds a row, its columns named with commas between them."""
    count = names.count(",") + 1
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(f'${at}' for at in range(1, count + 1))})"


_INSERT_ACCOUNT = insert_into(
    "account",
    "id, version, name, tier, limit_override, certificate_limit, require_possession, created_at, updated_at, audit_id",
)
# An account's features are part of what decisions depend on.
_UPDATE_ACCOUNT = (
    "UPDATE account SET version = $2, tier = $3, limit_override = $4, certificate_limit = $5,"
    " certificate_kept = CASE WHEN certificate_used > $5 THEN certificate_used ELSE 0 END,"
    " trust_version = trust_version + 1, require_possession = $6, updated_at = $7, audit_id = $8,"
    " suspend_devices = $9, audit_all_decisions = $10 WHERE id = $1"
)
_INSERT_CERTIFICATE = insert_into("certificate", f"{columns(CertificateRow)}, audit_id")
_UPDATE_CERTIFICATE = (
    "UPDATE certificate SET version = $3, name = $4, description = $5, status = $6, possession = $7,"
    " search_text = $8, updated_at = $9, audit_id = $10, devices_suspended_at = $11 WHERE account_id = $1 AND id = $2"
)
_ANNOUNCE_DELETION = "UPDATE certificate SET version = version + 1, audit_id = $3 WHERE account_id = $1 AND id = $2"
_DELETE_CERTIFICATE = "DELETE FROM certificate WHERE account_id = $1 AND id = $2"
_KEEP_DER = "INSERT INTO x509_certificate (account_id, sha256, der) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_INSERT_API_KEY = insert_into(
    "api_key",
    "id, account_id, version, name, role, client_cert, hint, secret_sha256, created_at, expires_at, audit_id",
)
_REVOKE_API_KEY = "UPDATE api_key SET version = $3, revoked_at = $4, audit_id = $5 WHERE account_id = $1 AND id = $2"
_INSERT_USER = insert_into("portal_user", f"{columns(UserRow)}, audit_id")
_SET_PASSWORD = (
    "UPDATE portal_user SET version = $3, password_hash = $4, updated_at = $5, audit_id = $6"  # noqa: S105
    " WHERE account_id = $1 AND id = $2"
)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts: the only rows that belong to the installation itself."""

    transaction: Transaction
    audit_id: str

    async def with_id(self, account_id: str) -> AccountRow | None:
        """The account; None when there is none."""
        row = await self.transaction.fetch_one(f"{_ACCOUNT} WHERE id = $1", account_id)
        return None if row is None else AccountRow.of(row)

    async def with_name(self, name: str) -> AccountRow | None:
        """The account of exactly this name; None when there is none."""
        row = await self.transaction.fetch_one(f"{_ACCOUNT} WHERE name = $1", name)
        return None if row is None else AccountRow.of(row)

    async def insert(self, row: AccountRow) -> None:
        """Open an account, which holds nothing yet."""
        await self.transaction.execute(
            _INSERT_ACCOUNT,
            row.id,
            row.version,
            row.name,
            row.tier.value,
            row.limit_override,
            row.certificate_limit,
            row.require_possession,
            to_micros(row.created_at),
            to_micros(row.updated_at),
            self.audit_id,
        )

    async def update(self, row: AccountRow) -> None:
        """Replace tier, limit and features. A limit below what is used keeps what is there."""
        await self.transaction.execute(
            _UPDATE_ACCOUNT,
            row.id,
            row.version,
            row.tier.value,
            row.limit_override,
            row.certificate_limit,
            row.require_possession,
            to_micros(row.updated_at),
            self.audit_id,
            row.suspend_devices,
            row.audit_all_decisions,
        )


@dataclass(frozen=True, slots=True)
class Certificates:
    """The records of one account."""

    transaction: Transaction
    account_id: str
    audit_id: str

    async def with_id(self, certificate_id: str) -> CertificateRow | None:
        """The record; None when the account has none of this id."""
        return await self._one("id = $2", certificate_id)

    async def with_name(self, name: str) -> CertificateRow | None:
        """The record of exactly this name; None when there is none."""
        return await self._one("name = $2", name)

    async def all(self) -> list[CertificateRow]:
        """Every record of the account: the quota bounds how many there can be."""
        return [CertificateRow.of(row) for row in await self.transaction.fetch(_CERTIFICATE, self.account_id)]

    async def insert(self, row: CertificateRow, ders: Iterable[bytes]) -> None:
        """Add a record, and keep the bytes of its chain for as long as the log speaks of them."""
        for sha256, der in zip(row.chain, ders, strict=True):
            await self.transaction.execute(_KEEP_DER, self.account_id, sha256, der)
        await self.transaction.execute(
            _INSERT_CERTIFICATE,
            row.id,
            row.account_id,
            row.version,
            row.name,
            row.description,
            row.status.value,
            row.service.value,
            row.usage.value,
            row.possession.value,
            row.fingerprint,
            row.subject_key_sha256,
            b"".join(row.chain),
            row.search_text,
            to_micros(row.expires_at),
            to_micros(row.created_at),
            to_micros(row.updated_at),
            row.created_by_type,
            row.created_by_id,
            row.created_audit_id,
            row.is_developer,
            micros_of(row.devices_suspended_at),
            self.audit_id,
        )

    async def update(self, row: CertificateRow) -> None:
        """Replace what may change about a record."""
        await self.transaction.execute(
            _UPDATE_CERTIFICATE,
            self.account_id,
            row.id,
            row.version,
            row.name,
            row.description,
            row.status.value,
            row.possession.value,
            row.search_text,
            to_micros(row.updated_at),
            self.audit_id,
            micros_of(row.devices_suspended_at),
        )

    async def delete(self, row: CertificateRow) -> None:
        """Remove a record; its tombstone names the entry, and its id is never given again."""
        await self.transaction.execute(_ANNOUNCE_DELETION, self.account_id, row.id, self.audit_id)
        await self.transaction.execute(_DELETE_CERTIFICATE, self.account_id, row.id)

    async def _one(self, condition: str, *args: object) -> CertificateRow | None:
        row = await self.transaction.fetch_one(f"{_CERTIFICATE} AND {condition}", self.account_id, *args)
        return None if row is None else CertificateRow.of(row)


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys of one account."""

    transaction: Transaction
    account_id: str
    audit_id: str

    async def with_id(self, key_id: str) -> ApiKeyRow | None:
        """The key; None when the account has none of this id."""
        row = await self.transaction.fetch_one(f"{_API_KEY} AND id = $2", self.account_id, key_id)
        return None if row is None else ApiKeyRow.of(row)

    async def insert(self, row: ApiKeyRow) -> None:
        """Add a key."""
        await self.transaction.execute(
            _INSERT_API_KEY,
            row.id,
            row.account_id,
            row.version,
            row.name,
            row.role.value,
            row.client_cert,
            row.hint,
            row.secret_sha256,
            to_micros(row.created_at),
            micros_of(row.expires_at),
            self.audit_id,
        )

    async def revoke(self, row: ApiKeyRow, at: datetime) -> None:
        """Revoke a key, for good."""
        await self.transaction.execute(
            _REVOKE_API_KEY, self.account_id, row.id, row.version, to_micros(at), self.audit_id
        )


@dataclass(frozen=True, slots=True)
class Users:
    """The people of one account. Their names are unique in the whole installation: they sign in with nothing else."""

    transaction: Transaction
    account_id: str
    audit_id: str

    async def with_name(self, name: str) -> UserRow | None:
        """The person of exactly this name, of whichever account; None when there is none."""
        row = await self.transaction.fetch_one(f"{_USER} WHERE name = $1", name)
        return None if row is None else UserRow.of(row)

    async def insert(self, row: UserRow) -> None:
        """Add a person."""
        await self.transaction.execute(
            _INSERT_USER,
            row.id,
            row.account_id,
            row.version,
            row.name,
            row.role.value,
            row.password_hash,
            to_micros(row.created_at),
            to_micros(row.updated_at),
            self.audit_id,
        )

    async def set_password(self, row: UserRow) -> None:
        """Replace a person's password."""
        await self.transaction.execute(
            _SET_PASSWORD,
            self.account_id,
            row.id,
            row.version,
            row.password_hash,
            to_micros(row.updated_at),
            self.audit_id,
        )
