"""Named queries: each sorted, each bounded, each one statement, each naming the account that it reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import Q

from app.clock import to_micros
from app.store import models
from app.store.connection import Connection, Row
from app.store.counting import count_of
from app.store.paging import Order, Page, Window, page_of, where
from app.store.rows import AccountRow, ApiKeyRow, CertificateRow, ChallengeRow, UserRow, columns
from app.store.statements import filled, places
from app.terms import Possession, Service, Status, Usage

ACCOUNTS_LIMIT = 10_000
USERS_LIMIT = 10_000

_ACCOUNT_COLUMNS = columns(AccountRow)
_ACCOUNT = f"SELECT {_ACCOUNT_COLUMNS} FROM account WHERE id = $1"
_ACCOUNTS = f"SELECT {_ACCOUNT_COLUMNS} FROM account ORDER BY id LIMIT {ACCOUNTS_LIMIT}"
_API_KEY = f"SELECT {columns(ApiKeyRow)} FROM api_key WHERE id = $1"
_USERS = f"SELECT {columns(UserRow)} FROM portal_user WHERE account_id = $1 ORDER BY id LIMIT {USERS_LIMIT}"
_CERTIFICATE_COLUMNS = columns(CertificateRow)
_CERTIFICATE = f"SELECT {_CERTIFICATE_COLUMNS} FROM certificate WHERE account_id = $1"
_CHALLENGE = f"SELECT {columns(ChallengeRow)} FROM possession_challenge WHERE account_id = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFilter:
    """Narrows a list of certificates: everything given must hold, and a set means any of it."""

    status: frozenset[Status] | None = None
    service: frozenset[Service] | None = None
    usage: frozenset[Usage] | None = None
    possession: frozenset[Possession] | None = None
    is_developer: bool | None = None
    text: str | None = None
    expires_from: datetime | None = None
    expires_before: datetime | None = None

    def wanted(self) -> Q:
        """The same as a condition."""
        conditions = Q()
        for column in ("status", "service", "usage", "possession"):
            among = getattr(self, column)
            if among is not None:
                conditions &= where(f"{column}__in", sorted(each.value for each in among))
        if self.is_developer is not None:
            conditions &= Q(is_developer=self.is_developer)
        if self.text:
            conditions &= Q(search_text__contains=self.text.casefold())
        if self.expires_from is not None:
            conditions &= Q(expires_at__gte=to_micros(self.expires_from))
        if self.expires_before is not None:
            conditions &= Q(expires_at__lt=to_micros(self.expires_before))
        return conditions

    def admits(self, record: CertificateRow) -> bool:
        """The same, of a record that is at hand."""
        among = (
            (self.status, record.status),
            (self.service, record.service),
            (self.usage, record.usage),
            (self.possession, record.possession),
        )
        return (
            all(wanted is None or value in wanted for wanted, value in among)
            and self.is_developer in (None, record.is_developer)
            and (not self.text or self.text.casefold() in record.search_text)
            and (self.expires_from is None or record.expires_at >= self.expires_from)
            and (self.expires_before is None or record.expires_at < self.expires_before)
        )


async def account(connection: Connection, account_id: str) -> AccountRow | None:
    """One account; None when there is none."""
    row = await connection.fetch_one(_ACCOUNT, account_id)
    return None if row is None else AccountRow.of(row)


async def accounts(connection: Connection) -> list[AccountRow]:
    """Every account, oldest first, for the operator."""
    return [AccountRow.of(row) for row in await connection.fetch(_ACCOUNTS)]


async def api_key(connection: Connection, key_id: str) -> ApiKeyRow | None:
    """One key of whichever account: only for telling whose it is. None when there is none."""
    row = await connection.fetch_one(_API_KEY, key_id)
    return None if row is None else ApiKeyRow.of(row)


async def api_keys_page(connection: Connection, account_id: str, window: Window) -> Page[ApiKeyRow]:
    """A page of the account's keys, newest first."""
    order = Order("id", "id", descending=True)
    query = models.ApiKey.filter(Q(account_id=account_id) & order.within(window)).order_by(*order.columns(window))
    found: Sequence[Row] = await query.limit(window.size + 1).using_db(connection.orm).values()
    return page_of([ApiKeyRow.of(row) for row in found], window)


async def api_keys(connection: Connection, account_id: str, key_ids: Iterable[str]) -> dict[str, ApiKeyRow]:
    """Keys of the account by their ids; what is not there is absent."""
    found = await among(
        connection, f"SELECT {columns(ApiKeyRow)} FROM api_key WHERE account_id = $1 AND id", account_id, key_ids
    )
    return {row["id"]: ApiKeyRow.of(row) for row in found}


async def count_api_keys(connection: Connection, account_id: str) -> int | None:
    """How many keys the account has; None over COUNT_LIMIT."""
    return await count_of(connection, models.ApiKey.filter(account_id=account_id))


async def users(connection: Connection, account_id: str) -> list[UserRow]:
    """The people of the account, oldest first."""
    return [UserRow.of(row) for row in await connection.fetch(_USERS, account_id)]


async def certificates_page(
    connection: Connection, account_id: str, wanted: CertificateFilter, order: Order, window: Window
) -> Page[CertificateRow]:
    """A page of the account's records."""
    query = models.Certificate.filter(Q(account_id=account_id) & wanted.wanted() & order.within(window))
    query = query.order_by(*order.columns(window)).limit(window.size + 1)
    found: Sequence[Row] = await query.using_db(connection.orm).values()
    return page_of([CertificateRow.of(row) for row in found], window)


async def count_certificates(connection: Connection, account_id: str, wanted: CertificateFilter) -> int:
    """How many of the account's records match; the quota bounds it."""
    return await models.Certificate.filter(Q(account_id=account_id) & wanted.wanted()).using_db(connection.orm).count()


async def certificates(
    connection: Connection, account_id: str, certificate_ids: Iterable[str]
) -> dict[str, CertificateRow]:
    """Records of the account by their ids; what is not there, or another account's, is absent."""
    found = await among(connection, f"{_CERTIFICATE} AND id", account_id, certificate_ids)
    return {row["id"]: CertificateRow.of(row) for row in found}


async def certificates_of_authority(
    connection: Connection, account_id: str, subject_keys: Iterable[bytes]
) -> list[CertificateRow]:
    """The account's records of these CAs, whichever certificate of theirs each holds, oldest first."""
    found = await among(connection, f"{_CERTIFICATE} AND subject_key_sha256", account_id, subject_keys)
    return sorted((CertificateRow.of(row) for row in found), key=lambda record: record.id)


async def certificate_named(connection: Connection, account_id: str, name: str) -> CertificateRow | None:
    """The account's record of exactly this name; None when there is none."""
    row = await connection.fetch_one(f"{_CERTIFICATE} AND name = $2", account_id, name)
    return None if row is None else CertificateRow.of(row)


async def certificate_trusted(
    connection: Connection, account_id: str, fingerprint: bytes, service: Service
) -> CertificateRow | None:
    """The account's record that trusts this certificate for this service; None when there is none."""
    query = f"{_CERTIFICATE} AND service = $2 AND fingerprint = $3"
    row = await connection.fetch_one(query, account_id, service.value, fingerprint)
    return None if row is None else CertificateRow.of(row)


async def certificate_with_fingerprint(
    connection: Connection, account_id: str, fingerprint: bytes
) -> CertificateRow | None:
    """The account's oldest record of this trusted CA; two services may each have one. None when there is none."""
    row = await connection.fetch_one(
        f"{_CERTIFICATE} AND fingerprint = $2 ORDER BY id LIMIT 1", account_id, fingerprint
    )
    return None if row is None else CertificateRow.of(row)


async def challenges(connection: Connection, account_id: str, challenge_ids: Iterable[str]) -> dict[str, ChallengeRow]:
    """Challenges of the account by their ids; what is not there, or another account's, is absent."""
    found = await among(connection, f"{_CHALLENGE} AND id", account_id, challenge_ids)
    return {row["id"]: ChallengeRow.of(row) for row in found}


async def open_challenges(
    connection: Connection, account_id: str, certificate_ids: Iterable[str]
) -> dict[str, ChallengeRow]:
    """By the ids of records, their challenges that were neither used nor voided: each has one at most."""
    query = f"{_CHALLENGE} AND used_at IS NULL AND voided_at IS NULL AND certificate_id"
    found = await among(connection, query, account_id, certificate_ids)
    return {row["certificate_id"]: ChallengeRow.of(row) for row in found}


async def ders(connection: Connection, account_id: str, fingerprints: Iterable[bytes]) -> dict[bytes, bytes]:
    """The bytes of certificates that the account has, or had, in a chain, by their SHA-256."""
    query = "SELECT sha256, der FROM x509_certificate WHERE account_id = $1 AND sha256"
    found = await among(connection, query, account_id, fingerprints)
    return {bytes(row["sha256"]): bytes(row["der"]) for row in found}


async def among(
    connection: Connection, query: str, account_id: str, values: Iterable[str] | Iterable[bytes]
) -> Sequence[Row]:
    """The rows of a query that ends in a column, for which this column has one of the values."""
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return []
    wanted = filled(wanted)
    return await connection.fetch(f"{query} IN ({places(len(wanted), 2)})", account_id, *wanted)
