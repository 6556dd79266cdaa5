"""The claims that jobs made or ended, as a verification holds them against the entries of their batches."""

import hashlib
from collections.abc import AsyncIterator

from app.audit.batches import CLAIMED, RELEASED
from app.audit.states import Json
from app.audit.stored_batch import StoredBatch
from app.clock import from_micros, to_text
from app.rules.enrollment import FINGERPRINT_BYTES
from app.store import enrollment_evidence
from app.store.connection import Connection, Row

VARIOUS = "various"
"""Stands for an instant that all rows of a batch should have in common, and have not."""


async def stored_batches(connection: Connection, account_id: str) -> AsyncIterator[StoredBatch]:
    """See `app.audit.stored.Source.batches`."""
    async for row in enrollment_evidence.claimed(connection, account_id):
        ends = VARIOUS if row["expiries"] not in (0, row["n"]) else _common(row["first_expiry"], row["last_expiry"])
        public: Json = {
            "claimed": row["n"],
            "sha256": _digest(row),
            "created_at": _common(row["first_created"], row["last_created"]),
            "expires_at": ends,
        }
        if row["changed"]:
            # Such a row would name the entry that changed it.
            public["changed without an entry"] = row["changed"]
        yield StoredBatch(CLAIMED, row["entry_id"], public)
    async for row in enrollment_evidence.released(connection, account_id):
        yield StoredBatch(RELEASED, row["entry_id"], {"released": row["n"], "sha256": _digest(row)})


def _digest(row: Row) -> str:
    whole = bytes.fromhex(row["fingerprints"])
    each = sorted(whole[at : at + FINGERPRINT_BYTES] for at in range(0, len(whole), FINGERPRINT_BYTES))
    return hashlib.sha256(b"".join(each)).hexdigest()


def _common(first: int | None, last: int | None) -> str | None:
    if first != last:
        return VARIOUS
    try:
        return None if first is None else to_text(from_micros(first))
    except (OverflowError, TypeError):
        # What was tampered with need not be an instant.
        return str(first)
