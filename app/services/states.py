"""Between rows and what the log says of them. A state says all that a reader of the row is ever shown."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from app.actor import Role
from app.audit.states import (
    AccountState,
    ApiKeyState,
    CertificateState,
    ChallengeState,
    DeviceState,
    EnrollmentState,
    Json,
    UnnamedUserState,
    UserState,
)
from app.clock import to_text
from app.services import state_fields
from app.store.device_rows import DeviceRow
from app.store.enrollments import EnrollmentRow
from app.store.rows import AccountRow, ApiKeyRow, CertificateRow, ChallengeRow, UserRow
from app.terms import Possession, Service, Status, Tier, Usage


def account_state(row: AccountRow) -> AccountState:
    """What the log says of an account."""
    return AccountState(
        id=row.id,
        version=row.version,
        name=row.name,
        tier=row.tier.value,
        limit_override=row.limit_override,
        certificate_limit=row.certificate_limit,
        require_possession=row.require_possession,
        created_at=to_text(row.created_at),
        updated_at=to_text(row.updated_at),
        suspend_devices=row.suspend_devices,
        audit_all_decisions=row.audit_all_decisions,
    )


def account_row(state: Json, used: int) -> AccountRow:
    """The account that a state from the log speaks of, when it held so many certificates."""
    return AccountRow(
        id=state_fields.text(state, "id"),
        version=state_fields.number(state, "version"),
        name=state_fields.text(state, "name"),
        tier=Tier(state_fields.text(state, "tier")),
        limit_override=None if state["limit_override"] is None else state_fields.number(state, "limit_override"),
        certificate_limit=state_fields.number(state, "certificate_limit"),
        certificate_used=used,
        require_possession=bool(state["require_possession"]),
        suspend_devices=bool(state.get("suspend_devices")),
        audit_all_decisions=bool(state.get("audit_all_decisions")),
        created_at=state_fields.instant(state, "created_at"),
        updated_at=state_fields.instant(state, "updated_at"),
    )


def certificate_state(row: CertificateRow) -> CertificateState:
    """What the log says of a record."""
    return CertificateState(
        id=row.id,
        version=row.version,
        name=row.name,
        description=row.description,
        status=row.status.value,
        service=row.service.value,
        usage=row.usage.value,
        possession=row.possession.value,
        fingerprint=row.fingerprint.hex(),
        chain=tuple(sha256.hex() for sha256 in row.chain),
        expires_at=to_text(row.expires_at),
        created_at=to_text(row.created_at),
        updated_at=to_text(row.updated_at),
        created_by_type=row.created_by_type,
        created_by_id=row.created_by_id,
        created_by_entry=row.created_audit_id,
        is_developer=row.is_developer,
        devices_suspended_at=state_fields.optional_instant_text(row.devices_suspended_at),
    )


def certificate_row(state: Json, account_id: str) -> CertificateRow:
    """The record that a state from the log speaks of, as a reader is shown it; what only searches use is left empty."""
    return CertificateRow(
        id=state_fields.text(state, "id"),
        account_id=account_id,
        version=state_fields.number(state, "version"),
        name=state_fields.text(state, "name"),
        description=state_fields.optional_text(state, "description"),
        status=Status(state_fields.text(state, "status")),
        service=Service(state_fields.text(state, "service")),
        usage=Usage(state_fields.text(state, "usage")),
        possession=Possession(state_fields.text(state, "possession")),
        fingerprint=bytes.fromhex(state_fields.text(state, "fingerprint")),
        subject_key_sha256=b"",
        chain=tuple(bytes.fromhex(sha256) for sha256 in state_fields.texts(state, "chain")),
        search_text="",
        expires_at=state_fields.instant(state, "expires_at"),
        created_at=state_fields.instant(state, "created_at"),
        updated_at=state_fields.instant(state, "updated_at"),
        created_by_type=state_fields.text(state, "created_by_type"),
        created_by_id=state_fields.optional_text(state, "created_by_id"),
        created_audit_id=state_fields.text(state, "created_by_entry"),
        is_developer=bool(state.get("is_developer")),
        devices_suspended_at=state_fields.later_instant(state, "devices_suspended_at"),
    )


def api_key_state(row: ApiKeyRow) -> ApiKeyState:
    """What the log says of a key."""
    return ApiKeyState(
        id=row.id,
        version=row.version,
        name=row.name,
        role=row.role.value,
        client_cert=row.client_cert,
        hint=row.hint,
        created_at=to_text(row.created_at),
        expires_at=state_fields.optional_instant_text(row.expires_at),
        revoked_at=state_fields.optional_instant_text(row.revoked_at),
    )


def api_key_row(state: Json, account_id: str) -> ApiKeyRow:
    """The key that a state from the log speaks of, as a reader is shown it."""
    return ApiKeyRow(
        id=state_fields.text(state, "id"),
        account_id=account_id,
        version=state_fields.number(state, "version"),
        name=state_fields.text(state, "name"),
        role=Role(state_fields.text(state, "role")),
        client_cert=state_fields.optional_text(state, "client_cert"),
        hint=state_fields.text(state, "hint"),
        secret_sha256=b"",
        created_at=state_fields.instant(state, "created_at"),
        expires_at=state_fields.optional_instant(state, "expires_at"),
        revoked_at=state_fields.optional_instant(state, "revoked_at"),
        last_used_at=None,
    )


def challenge_state(row: ChallengeRow) -> ChallengeState:
    """What the log says of a challenge when it is made."""
    return ChallengeState(
        id=row.id,
        nonce=urlsafe_b64encode(row.nonce).rstrip(b"=").decode("ascii"),
        created_at=to_text(row.created_at),
        signature_expires_at=to_text(row.signature_expires_at),
        certificate_expires_at=to_text(row.certificate_expires_at),
        attempts=row.attempts_left,
    )


def challenge_row(change: Json, record: CertificateRow) -> ChallengeRow:
    """The challenge as it was made, of the `change` of the entry that says so, and its record as it was then."""
    state = state_fields.state_in(change, "challenge")
    return ChallengeRow(
        id=state_fields.text(state, "id"),
        account_id=record.account_id,
        certificate_id=record.id,
        fingerprint=record.fingerprint,
        nonce=urlsafe_b64decode(f"{state_fields.text(state, 'nonce')}="),
        created_at=state_fields.instant(state, "created_at"),
        signature_expires_at=state_fields.instant(state, "signature_expires_at"),
        certificate_expires_at=state_fields.instant(state, "certificate_expires_at"),
        attempts_left=state_fields.number(state, "attempts"),
        used_at=None,
        voided_at=None,
    )


def enrollment_state(row: EnrollmentRow) -> EnrollmentState:
    """What the log says of a claim."""
    return EnrollmentState(
        id=row.id,
        version=row.version,
        fingerprint=row.fingerprint.hex(),
        created_at=to_text(row.created_at),
        expires_at=None if row.expires_at is None else to_text(row.expires_at),
        claimed_at=None if row.claimed_at is None else to_text(row.claimed_at),
        device_id=row.device_id,
        batch=None if row.job_id is None else row.created_audit_id,
    )


def enrollment_row(state: Json, account_id: str) -> EnrollmentRow:
    """The claim that a state from the log speaks of, as a reader is shown it; by which job it was made is left out."""
    return EnrollmentRow(
        id=state_fields.text(state, "id"),
        account_id=account_id,
        version=state_fields.number(state, "version"),
        fingerprint=bytes.fromhex(state_fields.text(state, "fingerprint")),
        created_at=state_fields.instant(state, "created_at"),
        expires_at=state_fields.optional_instant(state, "expires_at"),
        claimed_at=state_fields.optional_instant(state, "claimed_at"),
        device_id=state_fields.optional_text(state, "device_id"),
        job_id=None,
        created_audit_id=state_fields.optional_text(state, "batch") or "",
    )


def user_state(row: UserRow) -> UserState:
    """What the log says of a person."""
    return UserState(
        id=row.id,
        version=row.version,
        name=row.name,
        role=row.role.value,
        created_at=to_text(row.created_at),
        updated_at=to_text(row.updated_at),
    )


def unnamed_user_state(row: UserRow) -> UnnamedUserState:
    """What the log says of a person whose name it must not repeat."""
    return UnnamedUserState(
        id=row.id,
        version=row.version,
        name="",
        role=row.role.value,
        created_at=to_text(row.created_at),
        updated_at=to_text(row.updated_at),
    )


def device_state(row: DeviceRow) -> DeviceState:
    """What the log says of a device."""
    bootstrap, lwm2m = row.credential(Service.BOOTSTRAP), row.credential(Service.LWM2M)
    return DeviceState(
        id=row.id,
        version=row.version,
        name=row.endpoint_name,
        suspended_at=state_fields.optional_instant_text(row.suspended_at),
        suspended_category=row.suspended_category,
        suspended_description=row.suspended_description,
        released_at=state_fields.optional_instant_text(row.released_at),
        bootstrap_fingerprint=None if bootstrap is None else bootstrap.fingerprint.hex(),
        bootstrap_certificate=None if bootstrap is None else bootstrap.certificate_id,
        bootstrap_accepted_at=None if bootstrap is None else to_text(bootstrap.accepted_at),
        lwm2m_fingerprint=None if lwm2m is None else lwm2m.fingerprint.hex(),
        lwm2m_certificate=None if lwm2m is None else lwm2m.certificate_id,
        lwm2m_accepted_at=None if lwm2m is None else to_text(lwm2m.accepted_at),
        created_at=to_text(row.created_at),
        updated_at=to_text(row.updated_at),
    )
