"""Verifies the log in a database, and the state beside it, as of one instant and while others write."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields

from app.audit.states import AccountState, ApiKeyState, CertificateState, Json, JsonValue, UserState
from app.audit.stored import Code, Finding, StoredEntry, StoredHead, StoredState, Verification
from app.audit.verify import Progress, verify
from app.clock import from_micros, to_text
from app.store import evidence
from app.store.connection import CannotOpen, Connection, Row
from app.store.database import Database
from app.store.schema import SchemaMismatch, pending, require_guards
from app.store.snapshot import open_snapshot

_SHA256_BYTES = 32
_STATES = {state.type: state for state in (AccountState, CertificateState, ApiKeyState, UserState)}
_PERSONAL = {"user": ("name",)}
_COLUMNS = {"created_by_entry": "created_audit_id"}


async def verify_database(database: Database, progress: Progress = lambda _done, _total: None) -> Verification:
    """Check the whole log of an open database, and that the state is what the log says.

    Raises StoreUnavailable when it cannot be read to its end.
    """
    async with database.snapshot() as connection:
        return await verify(Evidence(connection), progress)


async def verify_url(url: str, progress: Progress = lambda _done, _total: None) -> Verification:
    """Check the log of a database that need not be fit to be served from: its guards may be gone.

    Raises CannotOpen for one that is not this program's, and StoreUnavailable when it cannot be read to its end.
    """
    async with open_snapshot(url) as connection:
        if await pending(_Reading(connection)):
            raise CannotOpen("The database is not at this program's version: run `anchorage migrate` first.")
        return await verify(Evidence(connection), progress)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A snapshot as `app.store.schema.HasReads`."""

    reads: Connection


@dataclass(frozen=True, slots=True)
class Evidence:
    """The database as `app.audit.stored.Source`."""

    connection: Connection

    async def heads(self) -> list[StoredHead]:
        """See `Source.heads`."""
        found = await evidence.heads(self.connection)
        return [StoredHead(row["stream"], row["account_id"], row["aseq"], _bytes(row["hash"])) for row in found]

    async def accounts(self) -> list[str]:
        """See `Source.accounts`."""
        return await evidence.account_ids(self.connection)

    async def entries(self, stream: str) -> AsyncIterator[StoredEntry]:
        """See `Source.entries`."""
        async for row, body, disclosures in evidence.entries(self.connection, stream):
            yield stored_entry(row, body, disclosures)

    async def removals(self) -> list[StoredEntry]:
        """See `Source.removals`."""
        return [stored_entry(*found) for found in await evidence.removals(self.connection)]

    async def states(self, account_id: str) -> AsyncIterator[StoredState]:
        """See `Source.states`."""
        async for kind, row in evidence.states(self.connection, account_id):
            yield stored_state(kind, row)

    async def certificates(self, account_id: str) -> AsyncIterator[tuple[bytes, bytes]]:
        """See `Source.certificates`."""
        async for row in evidence.ders(self.connection, account_id):
            yield _bytes(row["sha256"]), _bytes(row["der"])

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


def stored_entry(row: Row, body: bytes | None, disclosures: Mapping[str, str]) -> StoredEntry:
    """An entry as it is stored."""
    return StoredEntry(
        stream=row["stream"],
        aseq=row["aseq"],
        id=row["id"],
        account_id=row["account_id"],
        prev=_bytes(row["prev"]),
        body_sha256=_bytes(row["body_sha256"]),
        hash=_bytes(row["hash"]),
        time=row["time"],
        actor_type=row["actor_type"],
        actor_id=row["actor_id"],
        action=row["action"],
        result=row["result"],
        code=row["code"],
        target_type=row["target_type"],
        target_id=row["target_id"],
        body=body,
        disclosures=disclosures,
    )


def stored_state(kind: str, row: Row) -> StoredState:
    """A row as the log would speak of it.

    It does not use what the writers use (`app.services.states`): a row that was tampered with need not parse.
    """
    personal = _PERSONAL.get(kind, ())
    public = {
        field.name: _spelled(field.name, row[_COLUMNS.get(field.name, field.name)])
        for field in fields(_STATES[kind])
        if field.name not in personal
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
    )


def _spelled(name: str, value: object) -> JsonValue:
    if value is None:
        return None
    if name.endswith("_at") and isinstance(value, int):
        return _instant(value)
    if name == "require_possession":
        return bool(value)
    if name == "chain":
        whole = _bytes(value)
        return [whole[at : at + _SHA256_BYTES].hex() for at in range(0, len(whole), _SHA256_BYTES)]
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return value if isinstance(value, (str, int)) else repr(value)


def _instant(micros: int) -> str:
    try:
        return to_text(from_micros(micros))
    except OverflowError:
        return str(micros)


def _bytes(value: object) -> bytes:
    """SQLite stores whatever it is given, also a text in a column of bytes."""
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else str(value).encode()


def as_json(verification: Verification) -> Json:
    """The answer for programs: stable names and codes."""
    return {
        "verdict": verification.verdict.value,
        "streams": verification.streams,
        "entries": verification.entries,
        "objects": verification.objects,
        "removals": [
            {
                "kind": removal.kind.value,
                "target": removal.target,
                "count": removal.count,
                "stream": removal.stream,
                "aseq": removal.aseq,
                "entryId": removal.entry_id,
            }
            for removal in verification.removals
        ],
        "counts": {code.value: count for code, count in sorted(verification.counts.items())},
        "findings": [
            {
                "code": finding.code.value,
                "message": finding.message,
                "stream": finding.stream,
                "aseq": finding.aseq,
                "entryId": finding.entry_id,
                "targetType": finding.target_type,
                "targetId": finding.target_id,
            }
            for finding in verification.findings
        ],
    }
