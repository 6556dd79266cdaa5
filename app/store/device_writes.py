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
_NOTE_SEEN = "UPDATE device SET last_seen_at = $2 WHERE id = $1 AND (last_seen_at IS NULL OR last_seen_at < $2)"
_NOTE_REFUSED = (
    "UPDATE device SET refused_at = $3 WHERE account_id = $1 AND (refused_at IS NULL OR refused_at < $3)"
    " AND id IN (SELECT device_id FROM device_credential WHERE account_id = $1 AND key_sha256 = $2)"
)
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


async def note_seen(transaction: Transaction, seen: Mapping[str, datetime]) -> None:
    """Set when each of these devices was last let in, never backwards."""
    # In the order of their ids, so that two gateways that note the same devices cannot block each other for good.
    for device_id, at in sorted(seen.items()):
        await transaction.execute(_NOTE_SEEN, device_id, to_micros(at))


async def note_refused(transaction: Transaction, refused: Mapping[tuple[str, bytes], datetime]) -> None:
    """Set when the devices with these certificates, by account and `key_sha256`, were last refused, never backwards."""
    for (account_id, key_sha256), at in sorted(refused.items()):
        await transaction.execute(_NOTE_REFUSED, account_id, key_sha256, to_micros(at))
