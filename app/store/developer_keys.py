"""Private keys of developer certificates as they are stored: encrypted, of no use without the installation's key."""

from dataclasses import dataclass

from app.store.connection import Connection, Row, Transaction

_COLUMNS = "secrets_key_id, nonce, ciphertext"
_INSERT = f"INSERT INTO developer_key (certificate_id, account_id, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5)"
_KEY = f"SELECT {_COLUMNS} FROM developer_key WHERE account_id = $1 AND certificate_id = $2"
# Both ends of an index: one step each, however many there are.
_SECRETS_KEYS = (
    "SELECT (SELECT secrets_key_id FROM developer_key ORDER BY secrets_key_id LIMIT 1) AS first,"
    " (SELECT secrets_key_id FROM developer_key ORDER BY secrets_key_id DESC LIMIT 1) AS last"
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret, encrypted; `secrets_key_id` says under which key of the installation."""

    secrets_key_id: str
    nonce: bytes
    ciphertext: bytes

    @classmethod
    def of(cls, row: Row) -> "Sealed":
        """Read from a row with these columns."""
        return cls(row["secrets_key_id"], bytes(row["nonce"]), bytes(row["ciphertext"]))


@dataclass(frozen=True, slots=True)
class DeveloperKeys:
    """Where the account's keys are added; each goes with its record."""

    transaction: Transaction
    account_id: str

    async def insert(self, certificate_id: str, sealed: Sealed) -> None:
        """Keep the key of a record that this transaction has added."""
        await self.transaction.execute(
            _INSERT, certificate_id, self.account_id, sealed.secrets_key_id, sealed.nonce, sealed.ciphertext
        )


async def developer_key(connection: Connection, account_id: str, certificate_id: str) -> Sealed | None:
    """The key of the account's record; None where there is none."""
    row = await connection.fetch_one(_KEY, account_id, certificate_id)
    return None if row is None else Sealed.of(row)


async def secrets_keys(connection: Connection) -> frozenset[str]:
    """The keys of the installation that anything is encrypted under: at most one, but where somebody tampered."""
    row = await connection.fetch_one(_SECRETS_KEYS)
    return frozenset() if row is None or row["first"] is None else frozenset({row["first"], row["last"]})
