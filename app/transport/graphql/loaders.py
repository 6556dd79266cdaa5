"""Relations in batches: one statement per relation and operation, however long the list."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import NamedTuple, TypeVar

from strawberry.dataloader import DataLoader

from app.audit.proof import Receipt
from app.rules import chain as chains
from app.rules.chain import Chain
from app.rules.standing import NOBODY, OF_THE_ACCOUNT
from app.services import assessment
from app.services.assessment import Noticed
from app.services.history import Trusted
from app.services.submission import authority
from app.store import enrollments, jobs, log_reads, reads, standing
from app.store.connection import Connection
from app.store.enrollments import EnrollmentRow
from app.store.jobs import ErrorRow, JobRow
from app.store.paging import Page, Window
from app.store.rows import AccountRow, ApiKeyRow, CertificateRow, ChallengeRow, EntryRow
from app.store.statements import MOST_JOINED
from app.terms import Possession

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K")

Hashes = tuple[bytes, ...]
"""A chain by the SHA-256 of its certificates."""

NEED_CHAINS = frozenset({"chain", "pem", "findings", "signatureCommands", "verificationCertificateCommands"})
"""The fields, of a record or below it, that its certificates are decoded for."""


class Looked(NamedTuple):
    """A record that is looked at: its id, and its chain."""

    certificate_id: str
    chain: Hashes


Awaited = Callable[[Mapping[int, bytes]], Awaitable[dict[int, Receipt]]]
"""Waits for the receipts of entries, given by their numbers with their hashes."""


def joining(load: Callable[[list[K]], Awaitable[Sequence[T]]]) -> DataLoader[K, T]:
    """A loader whose statement joins one list for each key, and so takes so many keys at once."""
    return DataLoader(load, max_batch_size=MOST_JOINED)


class Loaders:
    """The loaders of one operation, in one account, as of one instant."""

    def __init__(self, connection: Connection, account_id: str, now: datetime, awaited: Awaited) -> None:
        self.connection = connection
        self.awaited = awaited
        self.account_id = account_id
        self.now = now
        self._records: Sequence[CertificateRow] | None = None
        self.accounts: DataLoader[str, AccountRow | None] = DataLoader(self._accounts)
        self.certificates: DataLoader[str, CertificateRow | None] = DataLoader(self._certificates)
        self.api_keys: DataLoader[str, ApiKeyRow | None] = DataLoader(self._api_keys)
        self.challenges: DataLoader[str, ChallengeRow | None] = DataLoader(self._challenges)
        self.open_challenges: DataLoader[str, ChallengeRow | None] = DataLoader(self._open_challenges)
        self.entries: DataLoader[str, EntryRow | None] = DataLoader(self._entries)
        self.enrollments: DataLoader[str, EnrollmentRow | None] = DataLoader(self._enrollments)
        self.jobs: DataLoader[str, JobRow | None] = DataLoader(self._jobs)
        self.job_errors: DataLoader[tuple[str, Window], Page[ErrorRow]] = joining(self._job_errors)
        self.receipts: DataLoader[tuple[int, bytes], Receipt | None] = DataLoader(self._receipts)
        self.places: DataLoader[str, int | None] = DataLoader(self._places)
        self.chains: DataLoader[Hashes, Chain] = DataLoader(self._chains)
        self.noticed: DataLoader[Looked, tuple[Noticed, ...]] = DataLoader(self._noticed)
        self.log_pages: DataLoader[tuple[str, Window], Page[EntryRow]] = joining(self._log_pages)
        self.log_counts: DataLoader[str, int | None] = joining(self._log_counts)

    def as_of(self, at: datetime, trusted: Trusted) -> "Loaders":
        """The same, but that what is noticed about a certificate is noticed at an instant, beside what was there then.

        Everything else is of now, or never changes.
        """
        for hashes, chain in trusted.chains.items():
            self.chains.prime(hashes, chain)
        past = copy(self)
        past.now = at
        past._records = trusted.records  # noqa: SLF001  # it is a copy of this one
        past.noticed = DataLoader(past._noticed)  # noqa: SLF001
        return past

    async def account(self) -> AccountRow | None:
        """The caller's own account."""
        return await self.accounts.load(self.account_id)

    async def count_api_keys(self) -> int | None:
        """How many keys the account has; None over 10,000."""
        return await reads.count_api_keys(self.connection, self.account_id)

    async def count_findings(self) -> int | None:
        """How much stands about the account's certificates; None over 10,000."""
        return await standing.count_findings(self.connection, self.account_id)

    async def prefetch(self, records: Sequence[CertificateRow], fields: Iterable[str]) -> None:
        """Read what these fields of these records need, so that each record can answer them without waiting.

        A list whose every item waits for itself costs more in waiting than in anything else.
        """
        wanted = set(fields)
        if wanted & NEED_CHAINS:
            await _all(self.chains, [record.chain for record in records])
        if "findings" in wanted:
            await _all(self.noticed, [Looked(record.id, record.chain) for record in records])
        if "possessionChallenge" in wanted:
            pending = [record.id for record in records if record.possession is Possession.PENDING]
            await _all(self.open_challenges, pending)
        if "createdBy" in wanted:
            await _all(self.entries, [record.created_audit_id for record in records])

    async def _accounts(self, ids: list[str]) -> list[AccountRow | None]:
        # Nobody is ever shown another account than the caller's own.
        own = await reads.account(self.connection, self.account_id)
        return [own if own is not None and own.id == wanted else None for wanted in ids]

    async def _certificates(self, ids: list[str]) -> list[CertificateRow | None]:
        found = await reads.certificates(self.connection, self.account_id, ids)
        return [found.get(wanted) for wanted in ids]

    async def _api_keys(self, ids: list[str]) -> list[ApiKeyRow | None]:
        found = await reads.api_keys(self.connection, self.account_id, ids)
        return [found.get(wanted) for wanted in ids]

    async def _challenges(self, ids: list[str]) -> list[ChallengeRow | None]:
        found = await reads.challenges(self.connection, self.account_id, ids)
        return [found.get(wanted) for wanted in ids]

    async def _open_challenges(self, certificate_ids: list[str]) -> list[ChallengeRow | None]:
        found = await reads.open_challenges(self.connection, self.account_id, certificate_ids)
        return [found.get(wanted) for wanted in certificate_ids]

    async def _entries(self, ids: list[str]) -> list[EntryRow | None]:
        found = await log_reads.entries(self.connection, self.account_id, ids)
        return [found.get(wanted) for wanted in ids]

    async def _enrollments(self, ids: list[str]) -> list[EnrollmentRow | None]:
        found = await enrollments.enrollments(self.connection, self.account_id, ids)
        return [found.get(wanted) for wanted in ids]

    async def _jobs(self, ids: list[str]) -> list[JobRow | None]:
        found = await jobs.jobs(self.connection, self.account_id, ids)
        return [found.get(wanted) for wanted in ids]

    async def _job_errors(self, wanted: list[tuple[str, Window]]) -> list[Page[ErrorRow]]:
        pages: dict[tuple[str, Window], Page[ErrorRow]] = {}
        for window in dict.fromkeys(window for _, window in wanted):
            of_window = [job_id for job_id, other in wanted if other == window]
            found = await jobs.errors_pages(self.connection, self.account_id, of_window, window)
            pages |= {(job_id, window): page for job_id, page in found.items()}
        return [pages[key] for key in wanted]

    async def _receipts(self, wanted: list[tuple[int, bytes]]) -> list[Receipt | None]:
        found = await self.awaited(dict(wanted))
        return [found.get(seq) for seq, _ in wanted]

    async def _places(self, ids: list[str]) -> list[int | None]:
        found = await log_reads.places(self.connection, self.account_id, ids)
        return [found.get(wanted) for wanted in ids]

    async def _chains(self, wanted: list[Hashes]) -> list[Chain]:
        ders = await reads.ders(self.connection, self.account_id, [sha256 for hashes in wanted for sha256 in hashes])
        return [chains.stored(tuple(ders[sha256] for sha256 in hashes)) for hashes in wanted]

    async def _noticed(self, wanted: list[Looked]) -> list[tuple[Noticed, ...]]:
        found = await _all(self.chains, [looked.chain for looked in wanted])
        authorities = [authority(chain.trusted_ca) for chain in found]
        relatives: dict[bytes, list[CertificateRow]] = {}
        records = self._records
        if records is None:
            records = await reads.certificates_of_authority(self.connection, self.account_id, authorities)
        for record in records:
            relatives.setdefault(record.subject_key_sha256, []).append(record)
        noticed = [
            assessment.standing(chain, relatives.get(key, ()), at=self.now)
            for chain, key in zip(found, authorities, strict=True)
        ]
        if self._records is not None:
            return noticed
        return await self._recorded([looked.certificate_id for looked in wanted], noticed)

    async def _recorded(self, ids: list[str], noticed: list[tuple[Noticed, ...]]) -> list[tuple[Noticed, ...]]:
        stored = await standing.of_certificates(self.connection, self.account_id, ids)
        rows = [row.standing for each in stored.values() for row in each]
        others = sorted({each.related_id for each in rows if each.finding.code in OF_THE_ACCOUNT} - {NOBODY})
        found = await _all(self.certificates, others)
        related = {record.id: record for record in found if record is not None}
        return [
            assessment.recorded(each, stored.get(certificate_id, ()), related)
            for certificate_id, each in zip(ids, noticed, strict=True)
        ]

    async def _log_pages(self, wanted: list[tuple[str, Window]]) -> list[Page[EntryRow]]:
        pages: dict[tuple[str, Window], Page[EntryRow]] = {}
        for window in dict.fromkeys(window for _, window in wanted):
            targets = [target for target, other in wanted if other == window]
            found = await log_reads.entries_of_targets(self.connection, self.account_id, targets, window)
            pages |= {(target, window): page for target, page in found.items()}
        return [pages[key] for key in wanted]

    async def _log_counts(self, targets: list[str]) -> list[int | None]:
        counts = await log_reads.count_entries_of_targets(self.connection, self.account_id, targets)
        return [counts[target] for target in targets]


async def _all(loader: DataLoader[K, T], keys: Sequence[K]) -> list[T]:
    asked = [asyncio.ensure_future(loader.load(key)) for key in keys]
    # Those that are there already cost no turn of the loop.
    await asyncio.gather(*(each for each in asked if not each.done()))
    return [each.result() for each in asked]


def now_or_later(value: Awaitable[T], make: Callable[[T], R]) -> R | Awaitable[R]:
    """`make` of the value: at once if it is there already, else when it comes."""
    done = getattr(value, "done", None)
    if done is not None and done():
        return make(value.result())  # type: ignore[attr-defined]  # a loader answers with a future

    async def later() -> R:
        return make(await value)

    return later()
