"""Whether an account held a claim of a device's identity at a point of its log.

The log does not say it of claims that a job made, whose entries only count them; the rows do, as none is ever deleted,
and each names the entries that made and ended it.
"""

from collections.abc import Sequence
from datetime import datetime

from app.clock import to_micros
from app.store.connection import Connection

_MADE = (
    "SELECT 1 FROM enrollment WHERE account_id = $1 AND fingerprint = $2"
    " AND (SELECT seq FROM audit_entry WHERE id = created_audit_id) <= $3"
    # One that was used later was waiting then, so that its time was not over.
    " AND (claimed_at IS NOT NULL OR expires_at IS NULL OR expires_at > $4)"
)
# Apart, as each is found by an index of its own: the one that holds the identity, those that gave way to another, and
# those that were given up after the point.
_HOLDS = f"{_MADE} AND released_audit_id IS NULL AND superseded_audit_id IS NULL"
_GAVE_WAY = f"{_MADE} AND superseded_audit_id > ''"
_GIVEN_UP = (
    f"{_MADE} AND released_audit_id IN"
    " (SELECT id FROM audit_entry WHERE account_id = $1 AND action IN ({actions}) AND seq > $3)"
)


async def was_claimed(
    connection: Connection, account_id: str, fingerprint: bytes, seq: int, at: datetime, *, ended: Sequence[str]
) -> bool:
    """Whether a claim that was made up to the entry `seq`, and not given up by then, counted at an instant.

    `ended` are the actions by which claims are given up.
    """
    given_up = _GIVEN_UP.format(actions=", ".join(f"${place}" for place in range(5, 5 + len(ended))))
    query = f"{_HOLDS} UNION ALL {_GAVE_WAY} UNION ALL {given_up}"
    return await connection.fetch_one(query, account_id, fingerprint, seq, to_micros(at), *ended) is not None
