"""The only statements that change challenges to prove possession; they name the entry that will record them."""

from dataclasses import dataclass
from datetime import datetime

from app.clock import to_micros
from app.store.connection import Transaction
from app.store.rows import ChallengeRow, columns

_ONE = f"SELECT {columns(ChallengeRow)} FROM possession_challenge WHERE account_id = $1 AND id = $2"
_INSERT = (
    f"INSERT INTO possession_challenge ({columns(ChallengeRow)}, audit_id)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
)
_OPEN = "used_at IS NULL AND voided_at IS NULL"
_VOID = (
    "UPDATE possession_challenge SET voided_at = $3, audit_id = $4"
    f" WHERE account_id = $1 AND certificate_id = $2 AND {_OPEN}"
)
_USE = f"UPDATE possession_challenge SET used_at = $3, audit_id = $4 WHERE account_id = $1 AND id = $2 AND {_OPEN}"
_TAKE_ATTEMPT = (
    "UPDATE possession_challenge SET attempts_left = attempts_left - 1, audit_id = $3"
    f" WHERE account_id = $1 AND id = $2 AND attempts_left > 0 AND {_OPEN}"
)


@dataclass(frozen=True, slots=True)
class Challenges:
    """The challenges of one account."""

    transaction: Transaction
    account_id: str
    audit_id: str

    async def with_id(self, challenge_id: str) -> ChallengeRow | None:
        """The challenge; None when the account has none of this id."""
        row = await self.transaction.fetch_one(_ONE, self.account_id, challenge_id)
        return None if row is None else ChallengeRow.of(row)

    async def replace(self, row: ChallengeRow) -> None:
        """Add a challenge, which voids the one that its record has open."""
        await self.transaction.execute(
            _VOID, self.account_id, row.certificate_id, to_micros(row.created_at), self.audit_id
        )
        await self.transaction.execute(
            _INSERT,
            row.id,
            row.account_id,
            row.certificate_id,
            row.fingerprint,
            row.nonce,
            to_micros(row.created_at),
            to_micros(row.signature_expires_at),
            to_micros(row.certificate_expires_at),
            row.attempts_left,
            None,
            None,
            self.audit_id,
        )

    async def use(self, row: ChallengeRow, at: datetime) -> None:
        """Use an open challenge up. Raises RuntimeError for one that is not open: nobody may have been let so far."""
        self._require_one(await self.transaction.execute(_USE, self.account_id, row.id, to_micros(at), self.audit_id))

    async def take_attempt(self, row: ChallengeRow) -> None:
        """Take one of an open challenge's attempts. Raises RuntimeError where there is none."""
        self._require_one(await self.transaction.execute(_TAKE_ATTEMPT, self.account_id, row.id, self.audit_id))

    @staticmethod
    def _require_one(changed: int) -> None:
        if changed != 1:
            raise RuntimeError("the challenge is not open")
