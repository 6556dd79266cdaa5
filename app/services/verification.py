"""Verifies the log in a database, and the state beside it, as of one instant and while others write."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from types import NoneType

from app.audit.removals import recorded
from app.audit.states import (
    AccountState,
    ApiKeyState,
    CertificateState,
    DeviceState,
    EnrollmentState,
    JsonValue,
    UserState,
)
from app.audit.stored import (
    Beside,
    Code,
    Finding,
    Removal,
    StoredEntry,
    StoredHead,
    StoredState,
    Stretch,
    Verification,
)
from app.audit.stored_batch import StoredBatch
from app.audit.verify import Progress, verify
from app.audit.verify_tree import Trusted
from app.clock import from_micros, to_text
from app.services.batch_verification import stored_batches
from app.services.tree_verification import TreeEvidence
from app.services.verification_workers import Workers, processors
from app.store import archive_reads, evidence
from app.store.connection import CannotOpen, Connection, Row
from app.store.database import Database
from app.store.instants import share_instant
from app.store.schema import SchemaMismatch, pending, require_guards
from app.store.snapshot import open_snapshot

STRETCH = 10_000
"""After how many entries a stream is cut: so many that a cut costs nothing, and few enough to share them out."""

WORTH_SHARING = 100_000
"""Below, one process is done before others have started."""

_SHA256_BYTES = 32
_STATES = {
    state.type: state
    for state in (AccountState, CertificateState, ApiKeyState, UserState, DeviceState, EnrollmentState)
}
_PERSONAL = {"user": ("name",)}
_BOOLEANS = frozenset({"require_possession", "suspend_devices", "audit_all_decisions", "is_developer"})
_COLUMNS = {"created_by_entry": "created_audit_id"}


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a long log is shared out: to so many processes, from so many entries on, so many entries at a time."""

    processes: int = field(default_factory=processors)
    worth: int = WORTH_SHARING
    stretch: int = STRETCH


async def verify_database(
    database: Database, progress: Progress = lambda _done, _total: None, trusted: Sequence[Trusted] = ()
) -> Verification:
    """Check the whole log of an open database, and that the state is what the log says, in this process alone.

    The log must continue every checkpoint of `trusted`.

    Raises StoreUnavailable when it cannot be read to its end.
    """
    async with database.snapshot() as connection:
        return await verify(Evidence(connection), progress, trusted=trusted)


async def verify_url(
    url: str,
    progress: Progress = lambda _done, _total: None,
    sharing: Sharing | None = None,
    trusted: Sequence[Trusted] = (),
) -> Verification:
    """Check the log of a database that need not be fit to be served from: its guards may be gone.

    The log must continue every checkpoint of `trusted`. A long log is shared out to a process for each processor, all
    of which read as of one instant. Raises CannotOpen for a database that is not this program's, and StoreUnavailable
    when it cannot be read to its end.
    """
    sharing = sharing or Sharing()
    async with open_snapshot(url) as connection:
        if await pending(_Reading(connection)):
            raise CannotOpen("The database is not at this program's version: run `anchorage migrate` first.")
        evidence_of = Evidence(connection, sharing.stretch)
        length = sum(head.aseq for head in await evidence_of.heads())
        if sharing.processes > 1 and length >= sharing.worth:
            async with Workers.started(url, sharing.processes, trusted) as workers:
                if await share_instant(connection, workers.follow):
                    return await verify(evidence_of, progress, workers)
        return await verify(evidence_of, progress, trusted=trusted)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A snapshot as `app.store.schema.HasReads`."""

    reads: Connection


@dataclass(frozen=True, slots=True)
class Evidence:
    """The database as `app.audit.verify.WholeSource`. `stretch`: after how many entries a stream is cut."""

    connection: Connection
    stretch: int = STRETCH
    # Asked for with every stretch, and as of the one instant the same each time.
    _removals: list[tuple[Removal, ...]] = field(default_factory=list)

    @property
    def tree(self) -> TreeEvidence:
        """See `app.audit.verify.WholeSource.tree`."""
        return TreeEvidence(self.connection)

    async def heads(self) -> list[StoredHead]:
        """See `Source.heads`."""
        found = await evidence.heads(self.connection)
        return [
            StoredHead(
                row["stream"], row["account_id"], evidence.as_whole_number(row["aseq"]), evidence.as_bytes(row["hash"])
            )
            for row in found
        ]

    async def accounts(self) -> list[str]:
        """See `Source.accounts`."""
        return await evidence.account_ids(self.connection)

    async def stretches(self, head: StoredHead) -> list[Stretch]:
        """See `Source.stretches`."""
        # A head that lies about its number costs time: a long stream is one stretch, or a short one is counted in vain.
        is_long = head.aseq > self.stretch
        cuts = await evidence.cuts(self.connection, head.stream, self.stretch) if is_long else []
        return [Stretch(head.stream, after, upto) for after, upto in pairwise([None, *cuts, None])]

    async def entries(self, stretch: Stretch) -> AsyncIterator[list[StoredEntry]]:
        """See `Entries.entries`."""
        async for some in evidence.entries(self.connection, stretch.stream, stretch.after, stretch.upto):
            yield list(map(StoredEntry._make, some)) if _are_usual(some) else [as_stored(row) for row in some]

    async def beside(self, account_id: str | None) -> Beside:
        """See `Entries.beside`."""
        removals = await self.removals()
        if account_id is None:
            return Beside(removals=removals)
        kept = await evidence.fingerprints(self.connection, account_id)
        return Beside(frozenset(evidence.as_bytes(row["sha256"]).hex() for row in kept), removals)

    async def removals(self) -> tuple[Removal, ...]:
        """See `Source.removals`."""
        if not self._removals:
            self._removals.append(recorded(as_stored(row) for row in await archive_reads.removals(self.connection)))
        return self._removals[0]

    async def states(self, account_id: str) -> AsyncIterator[StoredState]:
        """See `Source.states`."""
        async for kind, row in evidence.states(self.connection, account_id):
            yield stored_state(kind, row)

    async def batches(self, account_id: str) -> AsyncIterator[StoredBatch]:
        """See `Source.batches`."""
        async for batch in stored_batches(self.connection, account_id):
            yield batch

    async def certificates(self, account_id: str) -> AsyncIterator[tuple[bytes, bytes]]:
        """See `Source.certificates`."""
        async for row in evidence.ders(self.connection, account_id):
            yield evidence.as_bytes(row["sha256"]), evidence.as_bytes(row["der"])

    async def strays(self) -> Sequence[Finding]:
        """See `Source.strays`."""
        return [
            *await self._missing_guards(),
            *(
                Finding(Code.STREAM_UNKNOWN, f"{count} entries stand in a stream that has no row.", stream)
                for stream, count in (await evidence.stray_streams(self.connection)).items()
            ),
            *(
                Finding(Code.BODY_STRAY, f"A body lies at number {seq}, where there is no entry.")
                for seq in await evidence.stray_bodies(self.connection)
            ),
            *(
                Finding(Code.DISCLOSURE_STRAY, f"Disclosures lie at number {seq}, where there is no entry.")
                for seq in await evidence.stray_disclosures(self.connection)
            ),
        ]

    async def _missing_guards(self) -> list[Finding]:
        try:
            await require_guards(self.connection)
        except SchemaMismatch as missing:
            return [Finding(Code.GUARD_MISSING, str(missing))]
        return []


def as_stored(row: evidence.Whole) -> StoredEntry:
    """An entry as it is stored, of whatever types that is."""
    entry = StoredEntry._make(row)
    return entry._replace(
        aseq=evidence.as_whole_number(entry.aseq),
        time=evidence.as_whole_number(entry.time),
        prev=evidence.as_bytes(entry.prev),
        body_sha256=evidence.as_bytes(entry.body_sha256),
        hash=evidence.as_bytes(entry.hash),
        body=None if entry.body is None else evidence.as_bytes(entry.body),
        disclosures={str(subject): str(joined) for subject, joined in entry.disclosures.items()},
    )


def _are_usual(rows: Sequence[evidence.Whole]) -> bool:
    """Whether everything has its type: SQLite stores whatever it is given, nearly always what belongs there."""
    columns = dict(zip(StoredEntry._fields, zip(*rows, strict=True), strict=True))
    types = {name: {*map(type, columns[name])} for name in ("aseq", "time", "prev", "body_sha256", "hash", "body")}
    return (
        types["aseq"] == types["time"] == {int}
        and types["prev"] == types["body_sha256"] == types["hash"] == {bytes}
        and types["body"] <= {bytes, NoneType}
        and {type(one) for row in rows for one in row[-1].values()} <= {str}
    )


def stored_state(kind: str, row: Row) -> StoredState:
    """A row as the log would speak of it.

    It does not use what the writers use (`app.services.states`): a row that was tampered with need not parse.
    """
    personal = _PERSONAL.get(kind, ())
    public = {
        one.name: value
        for one in fields(_STATES[kind])
        if one.name not in personal
        and (value := _spelled(one.name, row[_COLUMNS.get(one.name, one.name)])) != one.default
    }
    is_account = kind == "account"
    return StoredState(
        type=kind,
        id=row["id"],
        entry_id=row["audit_id"],
        public=public,
        personal={name: str(row[name]) for name in personal},
        used=row["certificate_used"] if is_account else None,
        kept=row["certificate_kept"] if is_account else None,
        is_ended=kind == "enrollment" and bool(row["is_ended"]),
    )


def _spelled(name: str, value: object) -> JsonValue:
    if value is None:
        return None
    if name.endswith("_at") and isinstance(value, int):
        return _instant(value)
    if name in _BOOLEANS:
        return bool(value)
    if name == "chain":
        whole = evidence.as_bytes(value)
        return [whole[at : at + _SHA256_BYTES].hex() for at in range(0, len(whole), _SHA256_BYTES)]
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return value if isinstance(value, (str, int)) else repr(value)


def _instant(micros: int) -> str:
    try:
        return to_text(from_micros(micros))
    except OverflowError:
        return str(micros)
