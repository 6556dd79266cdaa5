"""What an idempotency key stands for, for as long as it is remembered."""

from dataclasses import dataclass
from datetime import datetime

from app.clock import to_micros
from app.store.connection import Transaction
from app.store.writes import insert_into

_IDEMPOTENCY_KEY = (
    "SELECT k.action, k.input_sha256, e.id, b.body FROM idempotency_key AS k"
    " JOIN audit_entry AS e ON e.id = k.audit_id JOIN audit_body AS b ON b.seq = e.seq"
    " WHERE k.account_id = $1 AND k.key = $2 AND k.expires_at > $3"
)
_FORGET_IDEMPOTENCY_KEYS = "DELETE FROM idempotency_key WHERE account_id = $1 AND (expires_at <= $2 OR key = $3)"
_INSERT_IDEMPOTENCY_KEY = insert_into("idempotency_key", "account_id, key, action, input_sha256, expires_at, audit_id")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an idempotency key stands for: which act, asked how, and the body of the entry that recorded it."""

    action: str
    input_sha256: bytes
    audit_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class IdempotencyKeys:
    """The idempotency keys of one account. Only what succeeded is remembered: a refusal may be asked again."""

    transaction: Transaction
    account_id: str

    async def recall(self, key: str, at: datetime) -> Remembered | None:
        """What the key stands for; None when it is new or has expired."""
        row = await self.transaction.fetch_one(_IDEMPOTENCY_KEY, self.account_id, key, to_micros(at))
        if row is None:
            return None
        return Remembered(row["action"], bytes(row["input_sha256"]), row["id"], bytes(row["body"]))

    async def remember(
        self, key: str, action: str, input_sha256: bytes, audit_id: str, *, at: datetime, expires_at: datetime
    ) -> None:
        """Let the key stand for an act, and forget the account's expired ones."""
        await self.transaction.execute(_FORGET_IDEMPOTENCY_KEYS, self.account_id, to_micros(at), key)
        await self.transaction.execute(
            _INSERT_IDEMPOTENCY_KEY, self.account_id, key, action, input_sha256, to_micros(expires_at), audit_id
        )
