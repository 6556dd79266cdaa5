"""When keys were last used: the one column that changes without an entry, for it is no state of the account."""

from collections.abc import Mapping
from datetime import datetime

from app.clock import to_micros
from app.store.connection import Transaction

_NOTE_USE = "UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)"


async def note_uses(transaction: Transaction, uses: Mapping[str, datetime]) -> None:
    """Set when each of these keys was last used, never backwards."""
    # In the order of their ids, so that two gateways that note the same keys cannot block each other for good.
    for key_id, at in sorted(uses.items()):
        await transaction.execute(_NOTE_USE, key_id, to_micros(at))
