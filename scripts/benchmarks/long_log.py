"""A log of a million entries in little more than a minute, for whatever must stay fast as a log grows.

Every entry is sealed and chained as the door would, and goes through the view that the door writes to, with every guard
in place: only the commands themselves are left out. A log made so verifies.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

import asyncpg

from app.actor import Actor
from app.audit.entry import Act, Result, Sealed, account_stream, entry_hash, seal
from app.audit.event import Event
from app.audit.events import (
    AuditLogRead,
    CertificateDeleted,
    CertificateStatusSet,
    CertificateUpdated,
    CertificateUploaded,
)
from app.audit.states import CertificateState, Target
from app.clock import system_clock, to_micros, to_text
from app.store.connection import Connection
from app.store.url import sqlite_path
from scripts.benchmarks.houses import ORIGIN, furnished

BATCH = 20_000
COPIED_AT_ONCE = 500
"""A transaction that changes one stream's row more often looks through more and more of its versions each time."""
CHANGES_OF_ONE = 10
REFUSALS_OF_ONE = 6
ENTRIES_OF_ONE = CHANGES_OF_ONE + REFUSALS_OF_ONE + 4
"""What a certificate gives, from its upload to its deletion."""

_COLUMNS = (
    "id", "account_id", "stream", "aseq", "prev", "body_sha256", "hash", "time", "actor_type", "actor_id", "action",
    "result", "code", "target_type", "target_id", "month", "body", "subject_id", "disclosures",
)  # fmt: skip
_APPEND = f"INSERT INTO audit_append ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  # ours

_CARELESS = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -500000")
"""What is made here can be made again: nobody waits for the disk."""

Row = tuple[str | int | bytes | None, ...]


@dataclass(slots=True)
class Stream:
    """The end of an account's stream, from which it goes on, and a certificate that the account keeps."""

    actor: Actor
    chain: tuple[str, ...]
    aseq: int
    hash: bytes
    time: datetime
    ids: int = 0

    def life(self) -> Iterator[Row]:
        """The `ENTRIES_OF_ONE` entries of a certificate, from its upload to its deletion."""
        for act in self._acts():
            yield self._row(act, seal(act, node="bench-1", software="anchorage/bench", salt=self._salt))

    def _row(self, act: Act, sealed: Sealed) -> Row:
        stream = account_stream(self.actor.account_id or "")
        body_sha256 = hashlib.sha256(sealed.body).digest()
        prev, self.aseq = self.hash, self.aseq + 1
        self.hash = entry_hash(stream, self.aseq, prev, body_sha256)
        ((subject, disclosures),) = sealed.disclosures.items()
        return (
            act.id, self.actor.account_id, stream, self.aseq, prev, body_sha256, self.hash, to_micros(act.time),
            act.actor.type.value, act.actor.id, act.action, act.result.value, act.code, act.target.type, act.target_id,
            act.time.year * 100 + act.time.month, sealed.body, subject, "~".join(disclosures),
        )  # fmt: skip

    def _salt(self) -> bytes:
        # Guessing it would reveal nothing here; asking the system for so many takes longer than all the rest.
        return self.hash[:16]

    def _id(self) -> str:
        # As the salt: a number that nobody has had, in the form and the order of any id.
        self.ids += 1
        return f"{to_micros(self.time) // 1000:012x}7{self.hash.hex()[:3]}8{self.hash.hex()[3:9]}{self.ids:09x}"

    def _acts(self) -> Iterator[Act]:
        state = self._uploaded()
        yield self._success(CertificateUploaded(state))
        for status in islice(cycle(("INACTIVE", "ACTIVE")), CHANGES_OF_ONE):
            before, state = state, self._changed(state, status=status)
            yield self._success(CertificateStatusSet(before, state))
        before, state = state, self._changed(state, description="Zählwerk, 2nd line")
        yield self._success(CertificateUpdated(before, state))
        for _ in range(REFUSALS_OF_ONE):
            yield self._act("certificate.update", Result.REFUSED, "VERSION_CONFLICT", state.target)
        yield self._success(CertificateDeleted(state))
        yield self._success(AuditLogRead(self.actor.account_id, "auditEvents"))

    def _success(self, event: Event) -> Act:
        return replace(
            self._act(event.kind, Result.SUCCESS, None, event.target), before=event.before, after=event.after
        )

    def _act(self, action: str, result: Result, code: str | None, target: Target) -> Act:
        self.time += timedelta(milliseconds=1_250)
        made_of = (self._id(), self.time, self.actor, ORIGIN, action, result, code, target)
        return Act(*made_of, reason="The plant's key left the building.")

    def _changed(self, state: CertificateState, **fields: str) -> CertificateState:
        version, updated_at = state.version + 1, to_text(self.time)
        return replace(state, version=version, updated_at=updated_at, **fields)  # type: ignore[arg-type]  # texts

    def _uploaded(self) -> CertificateState:
        now = to_text(self.time)
        made = self._id()
        return CertificateState(
            id=made, version=1, name=f"Plant {made[-8:]}", description="Meters", status="ACTIVE",
            service="BOOTSTRAP", usage="CREDENTIALS", possession="NOT_REQUIRED", fingerprint=self.chain[0],
            chain=self.chain, expires_at="2035-06-01T12:00:00.000000Z", created_at=now, updated_at=now,
            created_by_type=self.actor.type.value, created_by_id=self.actor.id, created_by_entry=self._id(),
        )  # fmt: skip


async def build(url: str, entries: int, *, accounts: int = 1) -> list[Actor]:
    """Make the database of this URL, with so many entries more than a new house has, in turn in so many accounts.

    The number is rounded down, so that every certificate of these entries has been deleted again and is no part of the
    state. Answers an administrator of each of these accounts.
    """
    async with furnished(url) as house:
        streams = [await _stream(house.database.reads, actor) for actor in house.actors[:accounts]]
    path = sqlite_path(url)
    batches = _batches(streams, entries // ENTRIES_OF_ONE // accounts)
    if path is None:
        await _append_to_postgres(url, batches)
    else:
        _append_to_sqlite(path, batches)
    return [stream.actor for stream in streams]


def _batches(streams: list[Stream], lives: int) -> Iterator[list[Row]]:
    # Sealing takes as long as appending: one processor for each.
    each = max(1, BATCH // ENTRIES_OF_ONE // len(streams))
    with ProcessPoolExecutor(1) as sealing:
        ahead = sealing.submit(_lived, streams, min(each, lives))
        for left in range(lives - each, -each, -each):
            rows, streams = ahead.result()
            if left > 0:
                ahead = sealing.submit(_lived, streams, min(each, left))
            yield rows


def _lived(streams: list[Stream], lives: int) -> tuple[list[Row], list[Stream]]:
    """So many lives in each of these streams, entry by entry in turn, and the streams as they are afterwards."""
    rows = [
        row for _ in range(lives) for of_each in zip(*(one.life() for one in streams), strict=True) for row in of_each
    ]
    return rows, streams


async def _stream(reads: Connection, actor: Actor) -> Stream:
    account_id = actor.account_id or ""
    head = await reads.fetch_one("SELECT aseq, hash FROM audit_stream WHERE stream = $1", account_stream(account_id))
    kept = await reads.fetch_one("SELECT chain FROM certificate WHERE account_id = $1 LIMIT 1", account_id)
    assert head is not None  # noqa: S101  # a house is furnished through the door
    assert kept is not None  # noqa: S101  # as above
    return Stream(actor, (bytes(kept["chain"][:32]).hex(),), head["aseq"], bytes(head["hash"]), system_clock())


def _append_to_sqlite(path: Path, batches: Iterator[list[Row]]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in (*_CARELESS, "foreign_keys = ON", "recursive_triggers = ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        for batch in batches:
            connection.execute("BEGIN")
            connection.executemany(_APPEND, batch)
            connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()


async def _append_to_postgres(url: str, batches: Iterator[list[Row]]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off")
        for batch in batches:
            for at in range(0, len(batch), COPIED_AT_ONCE):
                some = batch[at : at + COPIED_AT_ONCE]
                await connection.copy_records_to_table("audit_append", records=some, columns=_COLUMNS)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
