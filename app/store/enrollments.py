"""Claims of devices' identities: who holds one, lists of them, and the only statements that make and end them.

A claim is not deleted when it is given up: the log's entries are held against the rows of all that ever were.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Self

from tortoise.expressions import Q

from app.clock import from_micros, to_micros
from app.rules import enrollment
from app.rules.identity import Identity
from app.store import models
from app.store.connection import Connection, Engine, Row, Transaction
from app.store.counting import count_of
from app.store.paging import Order, Page, Window, page_of
from app.store.reads import among
from app.store.rows import columns, instant_of, micros_of
from app.store.statements import filled, in_powers, places
from app.terms import EnrollmentStatus

ORDER = Order("id", "id", descending=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentRow:
    """A claim that was not given up. `claimed_at` is when a device first used it, and `device_id` which one.

    `job_id` is the job that made it; None where it was made by itself.
    """

    id: str
    account_id: str
    version: int
    fingerprint: bytes
    created_at: datetime
    expires_at: datetime | None
    claimed_at: datetime | None
    device_id: str | None
    job_id: str | None
    created_audit_id: str

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(
            id=row["id"],
            account_id=row["account_id"],
            version=row["version"],
            fingerprint=bytes(row["fingerprint"]),
            created_at=from_micros(row["created_at"]),
            expires_at=instant_of(row["expires_at"]),
            claimed_at=instant_of(row["claimed_at"]),
            device_id=row["device_id"],
            job_id=row["job_id"],
            created_audit_id=row["created_audit_id"],
        )

    def status(self, at: datetime) -> EnrollmentStatus:
        """What has become of it by an instant."""
        if self.claimed_at is not None:
            return EnrollmentStatus.USED
        holds = enrollment.holds(expires_at=self.expires_at, used_at=None, at=at)
        return EnrollmentStatus.WAITING if holds else EnrollmentStatus.EXPIRED


_COLUMNS = columns(EnrollmentRow)
_OWN = f"SELECT {_COLUMNS} FROM enrollment WHERE account_id = $1 AND released_at IS NULL AND id"
_HOLDS = "released_audit_id IS NULL AND superseded_audit_id IS NULL"
"""Of all claims that were ever made of an identity, the one that holds it; the index on them has the same words."""

CLAIMED = (
    f"SELECT 1 FROM enrollment AS e WHERE {_HOLDS} AND e.fingerprint = c.fingerprint AND e.account_id = c.account_id"
    " AND (e.claimed_at IS NOT NULL OR e.expires_at IS NULL OR e.expires_at > $2)"
)
"""The claim of the certificate in the row `c` of a statement, whose second value is the instant at which it holds.

Of a claim that somebody has of the certificate's twin nothing is asked: a device came in only with one that came first.
"""

_HELD = f"SELECT {_COLUMNS} FROM enrollment WHERE {_HOLDS} AND account_id = $1 AND fingerprint = $2"
# The account stands in no condition of these two: without statistics SQLite would read all its claims for it.
_HELD_BY_ANYBODY = f"SELECT {_COLUMNS} FROM enrollment WHERE {_HOLDS} AND fingerprint"
_HOLDERS = f"SELECT id, account_id, fingerprint FROM enrollment WHERE {_HOLDS} AND fingerprint"
_RELEASE = (
    "UPDATE enrollment SET released_at = $2, released_audit_id = $3, release_job_id = $4 WHERE account_id = $1 AND id"
)
_LOCK = "SELECT id FROM enrollment WHERE account_id = $1 AND id IN ({}) ORDER BY fingerprint FOR UPDATE"
_USE = (
    "UPDATE enrollment SET version = $3, claimed_at = $4, device_id = $5, audit_id = $6"
    f" WHERE account_id = $1 AND id = $2 AND {_HOLDS} AND claimed_at IS NULL"
    " AND (expires_at IS NULL OR expires_at > $4)"
)
# Once for a thousand claims, where a trigger would do it a thousand times.
_TRUST_CHANGED = "UPDATE account SET trust_version = trust_version + 1 WHERE id = $1"
_STANDING_CHANGED = (
    "UPDATE account SET trust_version = trust_version + 1, standing_version = standing_version + 1 WHERE id = $1"
)
_INSERT = (
    "INSERT INTO enrollment (account_id, created_at, expires_at, job_id, created_audit_id, audit_id, version,"
    " id, fingerprint) VALUES"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentFilter:
    """Narrows a list of claims: everything given must hold, and a set means any of it, as of an instant.

    A fingerprint asks for the claim that holds it, if the account's.
    """

    fingerprint: bytes | None = None
    status: frozenset[EnrollmentStatus] | None = None
    at: datetime

    def wanted(self) -> Q:
        """The same as a condition, but for the fingerprint."""
        if self.status is None:
            return Q()
        now, unused = to_micros(self.at), Q(claimed_at__isnull=True)
        each = {
            EnrollmentStatus.USED: Q(claimed_at__isnull=False),
            EnrollmentStatus.EXPIRED: unused & Q(expires_at__lte=now),
            EnrollmentStatus.WAITING: unused & (Q(expires_at__isnull=True) | Q(expires_at__gt=now)),
        }
        # Of no status is none; a condition over nothing would be no condition.
        return Q(*(each[one] for one in sorted(self.status)), join_type="OR") if self.status else Q(id__isnull=True)


class Claim(NamedTuple):
    """An account's claim of a device. It comes first unless another account claimed the certificate's twin before."""

    row: EnrollmentRow
    comes_first: bool


async def claim(connection: Connection, account_id: str, identity: Identity, at: datetime) -> Claim | None:
    """The account's claim of a device, if it has one that holds at this instant.

    One that has expired, or was given up, is none. At most one account has one of the same SHA-256.
    """
    return _claim_in(await _holding(connection, [identity], at), account_id, identity)


async def claimed_among(
    connection: Connection, account_id: str, identities: Collection[Identity], at: datetime
) -> set[bytes]:
    """Which of these devices the account has a claim of that holds at this instant, and comes first."""
    holding = await _holding(connection, identities, at)
    found = {each.fingerprint: _claim_in(holding, account_id, each) for each in identities}
    return {fingerprint for fingerprint, own in found.items() if own is not None and own.comes_first}


async def enrollments(connection: Connection, account_id: str, ids: Iterable[str]) -> dict[str, EnrollmentRow]:
    """Claims of the account by their ids; what is not there, or was given up, is absent."""
    return {row["id"]: EnrollmentRow.of(row) for row in await among(connection, _OWN, account_id, ids)}


async def enrollments_page(
    connection: Connection, account_id: str, wanted: EnrollmentFilter, window: Window
) -> Page[EnrollmentRow]:
    """A page of the account's claims, newest first."""
    query = models.Enrollment.filter(await _wanted(connection, account_id, wanted) & ORDER.within(window))
    query = query.order_by(*ORDER.columns(window)).limit(window.size + 1)
    found: Sequence[Row] = await query.using_db(connection.orm).values()
    return page_of([EnrollmentRow.of(row) for row in found], window)


async def count_enrollments(connection: Connection, account_id: str, wanted: EnrollmentFilter) -> int | None:
    """How many of the account's claims match; None over COUNT_LIMIT."""
    return await count_of(connection, models.Enrollment.filter(await _wanted(connection, account_id, wanted)))


@dataclass(frozen=True, slots=True)
class Enrollments:
    """The claims of one account."""

    transaction: Transaction
    account_id: str
    audit_id: str

    async def with_id(self, enrollment_id: str) -> EnrollmentRow | None:
        """The claim; None when the account has none of this id, or has given it up."""
        found = await enrollments(self.transaction, self.account_id, (enrollment_id,))
        return found.get(enrollment_id)

    async def use(self, row: EnrollmentRow) -> bool:
        """Set when a device first used a claim, and which; False where the claim has come to its end meanwhile."""
        values = (row.version, micros_of(row.claimed_at), row.device_id, self.audit_id)
        return await self.transaction.execute(_USE, self.account_id, row.id, *values) > 0

    async def insert(self, rows: Sequence[EnrollmentRow]) -> set[bytes]:
        """Make claims that all were made at one instant, by one job or by none; answers whose identity was free.

        A claim whose time is over gives way. In the order of their fingerprints, so that two that claim the same
        identities cannot block each other for good.
        """
        for some in in_powers(sorted(rows, key=lambda row: row.fingerprint)):
            await self._insert(some)
        await self.transaction.execute(_TRUST_CHANGED, self.account_id)
        mine = {row.id for row in rows}
        holders = await self._holders([row.fingerprint for row in rows])
        return {fingerprint for fingerprint, holder in holders.items() if holder["id"] in mine}

    async def release(self, fingerprints: Iterable[bytes], at: datetime, job_id: str) -> set[bytes]:
        """Give up the claims of these identities, by a job; answers which of them the account held.

        In the same order as `insert`, before which those whose time is over give way.
        """
        holders = sorted((await self._holders(fingerprints)).items())
        own = {fingerprint: row["id"] for fingerprint, row in holders if row["account_id"] == self.account_id}
        await self._release(own.values(), at, job_id)
        return set(own)

    async def release_one(self, row: EnrollmentRow, at: datetime) -> None:
        """Give up a claim, by itself."""
        await self._release((row.id,), at, None)

    async def _insert(self, rows: Sequence[EnrollmentRow]) -> None:
        first = rows[0]
        shared = (
            self.account_id,
            to_micros(first.created_at),
            micros_of(first.expires_at),
            first.job_id,
            self.audit_id,
        )
        own = [value for row in rows for value in (row.id, row.fingerprint)]
        # Passed over where somebody holds the identity: on SQLite by the trigger, which comes before the index.
        await self.transaction.execute(_insertion(len(rows)), *shared, *own)

    async def _release(self, ids: Iterable[str], at: datetime, job_id: str | None) -> None:
        await self.transaction.execute(_STANDING_CHANGED, self.account_id)
        for some in in_powers(list(ids)):
            if self.transaction.engine is Engine.POSTGRES:
                # An UPDATE of many rows takes them in whatever order it finds them.
                await self.transaction.fetch(_LOCK.format(places(len(some), 2)), self.account_id, *some)
            statement = f"{_RELEASE} IN ({places(len(some), 5)})"
            await self.transaction.execute(statement, self.account_id, to_micros(at), self.audit_id, job_id, *some)

    async def _holders(self, fingerprints: Iterable[bytes]) -> dict[bytes, Row]:
        holders: dict[bytes, Row] = {}
        for some in in_powers(list(dict.fromkeys(fingerprints))):
            found = await self.transaction.fetch(f"{_HOLDERS} IN ({places(len(some), 1)})", *some)
            holders |= {bytes(row["fingerprint"]): row for row in found}
        return holders


async def _holding(connection: Connection, identities: Iterable[Identity], at: datetime) -> dict[bytes, EnrollmentRow]:
    """Whoever's claims of these certificates, or of their twins, hold at an instant, by their SHA-256."""
    fingerprints = dict.fromkeys(each for identity in identities for each in identity if each is not None)
    if not fingerprints:
        return {}
    wanted = filled(list(fingerprints))
    rows = await connection.fetch(f"{_HELD_BY_ANYBODY} IN ({places(len(wanted), 1)})", *wanted)
    found = (EnrollmentRow.of(row) for row in rows)
    return {row.fingerprint: row for row in found if row.status(at) is not EnrollmentStatus.EXPIRED}


def _claim_in(holding: Mapping[bytes, EnrollmentRow], account_id: str, identity: Identity) -> Claim | None:
    own = holding.get(identity.fingerprint)
    if own is None or own.account_id != account_id:
        return None
    other = None if identity.twin is None else holding.get(identity.twin)
    is_before = other is not None and (other.created_at, other.id) < (own.created_at, own.id)
    return Claim(own, comes_first=other is None or other.account_id == account_id or not is_before)


async def _wanted(connection: Connection, account_id: str, wanted: EnrollmentFilter) -> Q:
    conditions = Q(account_id=account_id) & Q(released_at__isnull=True) & wanted.wanted()
    if wanted.fingerprint is None:
        return conditions
    # By a statement of its own, which the index on the identities that are held answers.
    row = await connection.fetch_one(_HELD, account_id, wanted.fingerprint)
    return conditions & (Q(id__isnull=True) if row is None else Q(id=row["id"]))


@lru_cache(maxsize=16)
def _insertion(count: int) -> str:
    each = ", ".join(f"($1, $2, $3, $4, $5, $5, 1, ${6 + 2 * at}, ${7 + 2 * at})" for at in range(count))
    return f"{_INSERT} {each} ON CONFLICT DO NOTHING"
