"""Devices as the tables hold them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from app.clock import from_micros
from app.store.connection import Row
from app.store.rows import instant_of
from app.terms import DeviceStatus, Service


class Registration(NamedTuple):
    """With what a device came in: its certificate, through which record, and what else it presented, by SHA-256."""

    fingerprint: bytes
    certificate_id: str
    presented_sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRow:
    """What a device was last let in with for a service.

    `key_sha256` identifies name and key of its certificate across renewals, `fingerprint` is of the certificate itself.
    `certificate_id` names the record that let it in, which may be gone; `accepted_at` is since when that record does.
    `presented_sha256` is of the other certificates that it presented, joined end to end.
    """

    service: Service
    key_sha256: bytes
    fingerprint: bytes
    certificate_id: str
    presented_sha256: bytes
    accepted_at: datetime

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(
            service=Service(row["service"]),
            key_sha256=bytes(row["key_sha256"]),
            fingerprint=bytes(row["fingerprint"]),
            certificate_id=row["certificate_id"],
            presented_sha256=bytes(row["presented_sha256"]),
            accepted_at=from_micros(row["accepted_at"]),
        )

    @property
    def registration(self) -> Registration:
        """How it came."""
        return Registration(self.fingerprint, self.certificate_id, self.presented_sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """A device that was let in at least once.

    `suspended_at` is its own suspension; `record_suspended_at` is the newest one of a record through which it was
    registered, and from which it was not released. `last_seen_at` and `refused_at` are noted in batches.
    """

    id: str
    account_id: str
    version: int
    endpoint_name: str
    suspended_at: datetime | None
    suspended_category: str | None
    suspended_description: str | None
    released_at: datetime | None
    created_at: datetime
    updated_at: datetime
    last_seen_at: datetime | None
    refused_at: datetime | None
    record_suspended_at: datetime | None
    credentials: tuple[CredentialRow, ...] = ()

    @classmethod
    def of(cls, row: Row, credentials: tuple[CredentialRow, ...]) -> Self:
        """Read from a row with these columns."""
        return cls(
            id=row["id"],
            account_id=row["account_id"],
            version=row["version"],
            endpoint_name=row["endpoint_name"],
            suspended_at=instant_of(row["suspended_at"]),
            suspended_category=row["suspended_category"],
            suspended_description=row["suspended_description"],
            released_at=instant_of(row["released_at"]),
            created_at=from_micros(row["created_at"]),
            updated_at=from_micros(row["updated_at"]),
            last_seen_at=instant_of(row["last_seen_at"]),
            refused_at=instant_of(row["refused_at"]),
            record_suspended_at=instant_of(row["record_suspended_at"]),
            credentials=credentials,
        )

    @property
    def is_suspended(self) -> bool:
        """By itself, or with everything that is registered through a record."""
        return self.suspended_at is not None or self.record_suspended_at is not None

    @property
    def status(self) -> DeviceStatus:
        """How far it came, or that it is suspended, by itself or with a record."""
        if self.is_suspended:
            return DeviceStatus.SUSPENDED
        return DeviceStatus.BOOTSTRAPPED if self.credential(Service.LWM2M) is None else DeviceStatus.REGISTERED

    def credential(self, service: Service) -> CredentialRow | None:
        """What it was last let in with for this service; None if it never was."""
        return next((each for each in self.credentials if each.service is service), None)
