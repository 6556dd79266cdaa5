"""The statements that change devices. They run in the door's transaction and name the entry that will record them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.clock import to_micros
from app.store import device_matching, device_reads, intermediates
from app.store.connection import Transaction
from app.store.device_matching import Comer, Match
from app.store.device_rows import CredentialRow, DeviceRow
from app.store.intermediates import Intermediate
from app.store.rows import micros_of
from app.store.statements import in_powers, places, unless_locked
from app.store.writes import insert_into

_INSERT = insert_into(
    "device", "id, account_id, version, endpoint_name, created_at, updated_at, last_seen_at, audit_id"
)
_UPDATE = (
    "UPDATE device SET version = $3, suspended_at = $4, suspended_category = $5, suspended_description = $6,"
    " released_at = $7, updated_at = $8, audit_id = $9 WHERE account_id = $1 AND id = $2"
)
_INSERT_CREDENTIAL = insert_into(
    "device_credential",
    "device_id, service, account_id, key_sha256, fingerprint, leaf, presented, issuer_sha256, presented_sha256,"
    " valid_from, valid_to, certificate_id, accepted_at, audit_id",
)
_UPDATE_CREDENTIAL = (
    "UPDATE device_credential SET key_sha256 = $4, fingerprint = $5, leaf = $6, presented = $7, issuer_sha256 = $8,"
    " presented_sha256 = $9, valid_from = $10, valid_to = $11, certificate_id = $12, accepted_at = $13, audit_id = $14"
    " WHERE device_id = $1 AND service = $2 AND account_id = $3"
)
_KEEP_KEY = (
    "INSERT INTO device_key (account_id, key_sha256, device_id, audit_id) SELECT $1, $2, $3, $4 WHERE NOT EXISTS"
    " (SELECT 1 FROM device_key WHERE account_id = $1 AND key_sha256 = $2 AND device_id = $3)"
)
_NOTE = "UPDATE device SET {column} = CASE WHEN {column} > $2 THEN {column} ELSE $2 END WHERE id = ({free})"
_DEVICE = "SELECT id FROM device WHERE id = $1"
_WITH_KEY = "SELECT device_id, key_sha256 FROM device_credential WHERE account_id = $1 AND key_sha256"
_READMIT = "UPDATE device SET refused_at = NULL WHERE account_id = $1 AND id = $2"


@dataclass(frozen=True, slots=True)
class Came:
    """How a device came: its certificate with its dates, the others joined, and the SHA-256 of the one that signed."""

    leaf: bytes
    presented: bytes
    issuer_sha256: bytes
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices of one account."""

    transaction: Transaction
    account_id: str
    audit_id: str

    async def with_id(self, device_id: str) -> DeviceRow | None:
        """The device; None when the account has none of this id."""
        return (await device_reads.devices(self.transaction, self.account_id, [device_id])).get(device_id)

    async def match(self, comer: Comer) -> Match:
        """See `device_matching.match`."""
        return await device_matching.match(self.transaction, self.account_id, comer)

    async def insert(self, row: DeviceRow) -> None:
        """Add a device, which has no credential yet."""
        await self.transaction.execute(
            _INSERT,
            row.id,
            row.account_id,
            row.version,
            row.endpoint_name,
            to_micros(row.created_at),
            to_micros(row.updated_at),
            micros_of(row.last_seen_at),
            self.audit_id,
        )

    async def update(self, row: DeviceRow) -> None:
        """Replace what may change about a device by an act."""
        await self.transaction.execute(
            _UPDATE,
            self.account_id,
            row.id,
            row.version,
            micros_of(row.suspended_at),
            row.suspended_category,
            row.suspended_description,
            micros_of(row.released_at),
            to_micros(row.updated_at),
            self.audit_id,
        )

    async def put_credential(self, device_id: str, row: CredentialRow, came: Came) -> None:
        """Replace what the device is let in with for a service, and keep for ever that it was let in with that."""
        values = (
            device_id,
            row.service.value,
            self.account_id,
            row.key_sha256,
            row.fingerprint,
            came.leaf,
            came.presented,
            came.issuer_sha256,
            row.presented_sha256,
            to_micros(came.valid_from),
            to_micros(came.valid_to),
            row.certificate_id,
            to_micros(row.accepted_at),
            self.audit_id,
        )
        if not await self.transaction.execute(_UPDATE_CREDENTIAL, *values):
            await self.transaction.execute(_INSERT_CREDENTIAL, *values)
        await self.transaction.execute(_KEEP_KEY, self.account_id, row.key_sha256, device_id, self.audit_id)

    async def remember(self, remembered: Sequence[Intermediate], at: datetime) -> None:
        """See `intermediates.remember`."""
        await intermediates.remember(self.transaction, self.account_id, remembered, at)

    async def readmit(self, device_id: str) -> None:
        """Forget that the device was refused last."""
        await self.transaction.execute(_READMIT, self.account_id, device_id)


async def note_seen(transaction: Transaction, seen: Mapping[str, datetime]) -> set[str]:
    """Set when each of these devices was last let in, never backwards; see `unless_locked`.

    Answers those that somebody else is changing now, which are left as they are.
    """
    return await _note(transaction, "last_seen_at", seen)


async def note_refused(
    transaction: Transaction, refused: Mapping[tuple[str, bytes], datetime]
) -> set[tuple[str, bytes]]:
    """Set when the devices with these certificates, by account and `key_sha256`, were last refused, as `note_seen`."""
    keys: dict[str, list[tuple[str, bytes]]] = {}
    for account_id in sorted({account_id for account_id, _ in refused}):
        for some in in_powers([key for of_account, key in refused if of_account == account_id]):
            found = await transaction.fetch(f"{_WITH_KEY} IN ({places(len(some), 2)})", account_id, *some)
            for row in found:
                keys.setdefault(row["device_id"], []).append((account_id, bytes(row["key_sha256"])))
    newest = {device_id: max(refused[key] for key in of_device) for device_id, of_device in keys.items()}
    return {key for device_id in await _note(transaction, "refused_at", newest) for key in keys[device_id]}


async def _note(transaction: Transaction, column: str, noted: Mapping[str, datetime]) -> set[str]:
    statement = _NOTE.format(column=column, free=unless_locked(transaction.engine, _DEVICE))
    return {
        device_id
        for device_id, at in noted.items()
        if not await transaction.execute(statement, device_id, to_micros(at))
    }
