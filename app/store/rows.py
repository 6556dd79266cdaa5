"""What the tables answer with: frozen rows, parsed once. Instants are aware datetimes in UTC, hashes bytes."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

from app.actor import Role
from app.clock import from_micros, to_micros
from app.store.connection import Row
from app.terms import Possession, Service, Status, Tier, Usage

SHA256_BYTES = 32

# A page of records holds hundreds of these words: a dictionary finds one in a tenth of the time that an enum takes.
_STATUSES = {each.value: each for each in Status}
_SERVICES = {each.value: each for each in Service}
_USAGES = {each.value: each for each in Usage}
_POSSESSIONS = {each.value: each for each in Possession}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account, with its quota: `certificate_used` counts records of every status, service and usage."""

    id: str
    version: int
    name: str
    tier: Tier
    limit_override: int | None
    certificate_limit: int
    certificate_used: int
    require_possession: bool
    suspend_devices: bool
    audit_all_decisions: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(
            id=row["id"],
            version=row["version"],
            name=row["name"],
            tier=Tier(row["tier"]),
            limit_override=row["limit_override"],
            certificate_limit=row["certificate_limit"],
            certificate_used=row["certificate_used"],
            require_possession=bool(row["require_possession"]),
            suspend_devices=bool(row["suspend_devices"]),
            audit_all_decisions=bool(row["audit_all_decisions"]),
            created_at=from_micros(row["created_at"]),
            updated_at=from_micros(row["updated_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRow:
    """A record: one chain in one account, uploaded or, with `is_developer`, made by the service with its key.

    `fingerprint` is the SHA-256 of the trusted CA's DER; `chain` holds the SHA-256 of each certificate from the trusted
    CA to the root, whose bytes `reads.ders` knows; `subject_key_sha256` identifies the CA across its certificates.
    """

    id: str
    account_id: str
    version: int
    name: str
    description: str | None
    status: Status
    service: Service
    usage: Usage
    possession: Possession
    fingerprint: bytes
    subject_key_sha256: bytes
    chain: tuple[bytes, ...]
    search_text: str
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    created_by_type: str
    created_by_id: str | None
    created_audit_id: str
    is_developer: bool
    devices_suspended_at: datetime | None = None

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        chain = bytes(row["chain"])
        return cls(
            id=row["id"],
            account_id=row["account_id"],
            version=row["version"],
            name=row["name"],
            description=row["description"],
            status=_STATUSES[row["status"]],
            service=_SERVICES[row["service"]],
            usage=_USAGES[row["usage"]],
            possession=_POSSESSIONS[row["possession"]],
            fingerprint=bytes(row["fingerprint"]),
            subject_key_sha256=bytes(row["subject_key_sha256"]),
            chain=tuple(chain[at : at + SHA256_BYTES] for at in range(0, len(chain), SHA256_BYTES)),
            search_text=row["search_text"],
            expires_at=from_micros(row["expires_at"]),
            created_at=from_micros(row["created_at"]),
            updated_at=from_micros(row["updated_at"]),
            created_by_type=row["created_by_type"],
            created_by_id=row["created_by_id"],
            created_audit_id=row["created_audit_id"],
            is_developer=bool(row["is_developer"]),
            devices_suspended_at=instant_of(row["devices_suspended_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRow:
    """A credential for programs. `secret_sha256` is all that is kept of its secret."""

    id: str
    account_id: str
    version: int
    name: str
    role: Role
    client_cert: str | None
    hint: str
    secret_sha256: bytes
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(
            id=row["id"],
            account_id=row["account_id"],
            version=row["version"],
            name=row["name"],
            role=Role(row["role"]),
            client_cert=row["client_cert"],
            hint=row["hint"],
            secret_sha256=bytes(row["secret_sha256"]),
            created_at=from_micros(row["created_at"]),
            expires_at=instant_of(row["expires_at"]),
            revoked_at=instant_of(row["revoked_at"]),
            last_used_at=instant_of(row["last_used_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """A person who may sign in."""

    id: str
    account_id: str
    version: int
    name: str
    role: Role
    password_hash: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(
            id=row["id"],
            account_id=row["account_id"],
            version=row["version"],
            name=row["name"],
            role=Role(row["role"]),
            password_hash=row["password_hash"],
            created_at=from_micros(row["created_at"]),
            updated_at=from_micros(row["updated_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRow:
    """A challenge to prove possession of a record's key, of which `fingerprint` is the record's."""

    id: str
    account_id: str
    certificate_id: str
    fingerprint: bytes
    nonce: bytes
    created_at: datetime
    signature_expires_at: datetime
    certificate_expires_at: datetime
    attempts_left: int
    used_at: datetime | None
    voided_at: datetime | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """Read from a row with these columns."""
        return cls(
            id=row["id"],
            account_id=row["account_id"],
            certificate_id=row["certificate_id"],
            fingerprint=bytes(row["fingerprint"]),
            nonce=bytes(row["nonce"]),
            created_at=from_micros(row["created_at"]),
            signature_expires_at=from_micros(row["signature_expires_at"]),
            certificate_expires_at=from_micros(row["certificate_expires_at"]),
            attempts_left=row["attempts_left"],
            used_at=instant_of(row["used_at"]),
            voided_at=instant_of(row["voided_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """An entry of the log as it is stored: its place, its hashes, its body's bytes and what is left of its disclosures.

    `seq` orders the whole log; `aseq` counts the stream from 1 without gaps. `disclosures` maps a subject's id to its
    disclosures, joined by tildes.
    """

    seq: int
    id: str
    account_id: str | None
    stream: str
    aseq: int
    prev: bytes
    body_sha256: bytes
    hash: bytes
    time: datetime
    actor_type: str
    actor_id: str | None
    action: str
    result: str
    code: str | None
    target_type: str | None
    target_id: str | None
    body: bytes
    disclosures: dict[str, str]

    @classmethod
    def of(cls, row: Row, *, body: bytes, disclosures: dict[str, str]) -> Self:
        """Read from a row of `audit_entry`, with what the other two tables hold."""
        return cls(
            seq=row["seq"],
            id=row["id"],
            account_id=row["account_id"],
            stream=row["stream"],
            aseq=row["aseq"],
            prev=bytes(row["prev"]),
            body_sha256=bytes(row["body_sha256"]),
            hash=bytes(row["hash"]),
            time=from_micros(row["time"]),
            actor_type=row["actor_type"],
            actor_id=row["actor_id"],
            action=row["action"],
            result=row["result"],
            code=row["code"],
            target_type=row["target_type"],
            target_id=row["target_id"],
            body=body,
            disclosures=disclosures,
        )


def columns(row_type: type, *, without: frozenset[str] = frozenset()) -> str:
    """The columns of a row type, as they stand in a SELECT."""
    return ", ".join(field.name for field in fields(row_type) if field.name not in without)


def instant_of(micros: int | None) -> datetime | None:
    """The instant of a column that may be empty."""
    return None if micros is None else from_micros(micros)


def micros_of(instant: datetime | None) -> int | None:
    """What such a column holds of an instant."""
    return None if instant is None else to_micros(instant)
