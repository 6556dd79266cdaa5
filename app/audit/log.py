"""Appends entries in the caller's transaction: the only writer of the log's tables."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.audit.entry import GENESIS, Act, Sealed, entry_hash
from app.clock import to_micros
from app.errors import AuditUnavailable
from app.store.connection import Engine, IntegrityViolation, Transaction


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a stream: the number and the hash of its last entry; 0 and 32 zero bytes while it is empty."""

    stream: str
    account_id: str | None
    aseq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an entry stands: its id, and its number in its stream, from 1 without gaps."""

    id: str
    aseq: int
    time: datetime


_HEAD = "SELECT aseq, hash FROM audit_stream WHERE stream = $1"
_HEAD_LOCKED = f"{_HEAD} FOR UPDATE"
_NEW_STREAM = (
    "INSERT INTO audit_stream (stream, account_id, aseq, hash) SELECT $1, $2, 0, $3"
    " WHERE NOT EXISTS (SELECT 1 FROM audit_stream WHERE stream = $1) ON CONFLICT DO NOTHING"
)
_APPEND = (
    "INSERT INTO audit_append (id, account_id, stream, aseq, prev, body_sha256, hash, time, actor_type, actor_id,"
    " action, result, code, target_type, target_id, month, body, subject_id, disclosures)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
)
_DISCLOSE = (
    "INSERT INTO audit_disclosure (seq, account_id, subject_id, disclosures)"
    " SELECT seq, $2, $3, $4 FROM audit_entry WHERE id = $1"
)


async def lock(transaction: Transaction, stream: str, account_id: str | None) -> Head:
    """The stream's head, held until the transaction ends, so that the account's writers go one after another.

    It is read once per transaction; `append` keeps it current. The lock also serialises whatever else belongs to the
    account: quota and uniqueness need none of their own.
    """
    known = transaction.memo.get(stream)
    if isinstance(known, Head):
        return known
    # SQLite has one writer, which BEGIN IMMEDIATE has already made this one.
    query = _HEAD if transaction.engine is Engine.SQLITE else _HEAD_LOCKED
    row = await transaction.fetch_one(query, stream)
    if row is None:
        await transaction.execute(_NEW_STREAM, stream, account_id, GENESIS)
        row = await transaction.fetch_one(query, stream)
    assert row is not None  # noqa: S101  # inserted above, in this transaction
    head = Head(stream=stream, account_id=account_id, aseq=row["aseq"], hash=bytes(row["hash"]))
    transaction.memo[stream] = head
    return head


async def append(transaction: Transaction, head: Head, act: Act, sealed: Sealed) -> Appended:
    """Write an entry after `head`, which the transaction has locked.

    Raises AuditUnavailable; the head then stays where it was.
    """
    body_sha256 = hashlib.sha256(sealed.body).digest()
    aseq = head.aseq + 1
    chained = entry_hash(head.stream, aseq, head.hash, body_sha256)
    subjects = list(sealed.disclosures.items())
    subject, made = subjects[0] if subjects else (None, None)
    try:
        await transaction.execute(
            _APPEND,
            act.id,
            head.account_id,
            head.stream,
            aseq,
            head.hash,
            body_sha256,
            chained,
            to_micros(act.time),
            act.actor.type.value,
            act.actor.id,
            act.action,
            act.result.value,
            act.code,
            act.target.type,
            act.target_id,
            act.time.year * 100 + act.time.month,
            sealed.body,
            subject,
            None if made is None else _joined(made),
        )
        for other, disclosures in subjects[1:]:
            await transaction.execute(_DISCLOSE, act.id, head.account_id, other, _joined(disclosures))
    except IntegrityViolation as refused:
        # The tables' own guards refuse an entry that is too large, or that does not follow the stream's head.
        raise AuditUnavailable("The audit log did not take the entry, so nothing was done.") from refused
    transaction.memo[head.stream] = Head(stream=head.stream, account_id=head.account_id, aseq=aseq, hash=chained)
    return Appended(id=act.id, aseq=aseq, time=act.time)


def _joined(disclosures: Sequence[str]) -> str:
    # RFC 9901 4: disclosures are written one after another with a tilde between them.
    return "~".join(disclosures)
