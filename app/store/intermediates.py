"""The statements that change which intermediates an account remembers. They raise its trust's version by triggers.

That one was used changes nothing that a decision depends on, and raises no version.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from app.clock import to_micros
from app.store.connection import Transaction
from app.store.statements import unless_locked

LIMIT = 1_000
"""How many intermediates an account remembers."""
NAME_LIMIT = 32
"""How many of them may have one name: each costs a signature wherever one of that name is looked for."""

_REMEMBER = (
    "INSERT INTO intermediate (account_id, sha256, der, subject_sha256, used_at) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (account_id, sha256) DO UPDATE SET subject_sha256 = excluded.subject_sha256, used_at ="
    " CASE WHEN intermediate.used_at < excluded.used_at THEN excluded.used_at ELSE intermediate.used_at END"
)
_MAKE_ROOM = (
    "DELETE FROM intermediate WHERE account_id = $1 AND sha256 IN (SELECT sha256 FROM"
    " (SELECT sha256, row_number() OVER (ORDER BY used_at DESC, sha256) AS place, row_number() OVER"
    " (PARTITION BY coalesce(subject_sha256, sha256) ORDER BY used_at DESC, sha256) AS place_in_name"
    f" FROM intermediate WHERE account_id = $1) AS placed WHERE place > {LIMIT} OR place_in_name > {NAME_LIMIT})"
)
_NOTE_USED = "UPDATE intermediate SET used_at = $3 WHERE account_id = $1 AND sha256 = ({})"
_USED_BEFORE = "SELECT sha256 FROM intermediate WHERE account_id = $1 AND sha256 = $2 AND used_at < $3"


class Intermediate(NamedTuple):
    """A CA under an anchor, and its name, both as DER."""

    der: bytes
    subject: bytes


async def remember(
    transaction: Transaction, account_id: str, intermediates: Sequence[Intermediate], at: datetime
) -> None:
    """Keep CAs for those who cannot present them; the least recently used make room, of their name and of all."""
    for der, subject in intermediates:
        digests = hashlib.sha256(der).digest(), der, hashlib.sha256(subject).digest()
        await transaction.execute(_REMEMBER, account_id, *digests, to_micros(at))
    if intermediates:
        await transaction.execute(_MAKE_ROOM, account_id)


async def note_used(transaction: Transaction, used: Mapping[tuple[str, bytes], datetime]) -> set[tuple[str, bytes]]:
    """Set when each of these, by account and SHA-256, last stood above a device that was let in, never backwards.

    Answers which are left for another time: none. One that somebody else is changing now (`unless_locked`) is noted
    there, or makes room.
    """
    statement = _NOTE_USED.format(unless_locked(transaction.engine, _USED_BEFORE))
    for (account_id, sha256), at in used.items():
        await transaction.execute(statement, account_id, sha256, to_micros(at))
    return set()
