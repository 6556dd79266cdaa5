"""The objects that the pinned acts are about."""

from datetime import UTC, datetime, timedelta

from app.actor import Actor, ActorType
from app.audit.states import (
    AccountState,
    ApiKeyState,
    CertificateState,
    ChallengeState,
    DeviceState,
    EnrollmentState,
    UnnamedUserState,
    UserState,
)
from app.clock import to_text

ACCOUNT = "0190a0000000700080000000000000aa"
START = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
KEY = Actor(ActorType.API_KEY, "0190a0000000700080000000000000bb", ACCOUNT, "Zoë Müller", frozenset())
USER = Actor(ActorType.USER, "0190a0000000700080000000000000ee", ACCOUNT, "ada@example.test", frozenset())


def account(version: int, **changed: object) -> AccountState:
    """The account, as its opening left it but for what is given."""
    fields = {
        "id": ACCOUNT,
        "version": version,
        "name": "Northwind",
        "tier": "DEVELOPER",
        "limit_override": None,
        "certificate_limit": 10,
        "require_possession": True,
        "created_at": to_text(START),
        "updated_at": to_text(START + timedelta(hours=version)),
    }
    return AccountState(**{**fields, **changed})  # type: ignore[arg-type]  # as the fields above


def certificate(version: int, **changed: object) -> CertificateState:
    """A record, as its upload left it but for what is given."""
    fields = {
        "id": "0190a0000000700080000000000000cc",
        "version": version,
        "name": "Plant Zürich \u2028 “1”",
        "description": 'Line 1\n\tand "2" \\ €, 𝄞',
        "status": "ACTIVE",
        "service": "BOOTSTRAP",
        "usage": "CREDENTIALS",
        "possession": "NOT_REQUIRED",
        "fingerprint": "11" * 32,
        "chain": ("11" * 32, "22" * 32),
        "expires_at": "9999-12-31T23:59:59.000000Z",
        "created_at": to_text(START),
        "updated_at": to_text(START + timedelta(hours=version)),
        "created_by_type": "api_key",
        "created_by_id": KEY.id,
        "created_by_entry": "0190a0000000700080000000000000e5",
    }
    return CertificateState(**{**fields, **changed})  # type: ignore[arg-type]  # as the fields above


def api_key(version: int, **changed: object) -> ApiKeyState:
    """A key, as its making left it but for what is given."""
    fields = {
        "id": "0190a0000000700080000000000000dd",
        "version": version,
        "name": "Gateway 1",
        "role": "gateway",
        "client_cert": "rfc9440",
        "hint": "ak_0190…wxyz",
        "created_at": to_text(START),
        "expires_at": None,
        "revoked_at": None,
    }
    return ApiKeyState(**{**fields, **changed})  # type: ignore[arg-type]  # as the fields above


def user(version: int, name: str = "ada@example.test") -> UserState:
    """A person."""
    return UserState(
        id=USER.id or "",
        version=version,
        name=name,
        role="admin",
        created_at=to_text(START),
        updated_at=to_text(START + timedelta(hours=version)),
    )


def unnamed(version: int) -> UnnamedUserState:
    """The same person, whose name no entry may repeat."""
    named = user(version)
    return UnnamedUserState(
        id=named.id,
        version=version,
        name="",
        role=named.role,
        created_at=named.created_at,
        updated_at=named.updated_at,
    )


def device(version: int, **changed: object) -> DeviceState:
    """A device, as it was let in for the first time but for what is given."""
    fields = {
        "id": "0190a0000000700080000000000000ff",
        "version": version,
        "name": "urn:dev:ops:32473-Pump-7",
        "suspended_at": None,
        "suspended_category": None,
        "suspended_description": None,
        "released_at": None,
        "bootstrap_fingerprint": "33" * 32,
        "bootstrap_certificate": "0190a0000000700080000000000000cc",
        "bootstrap_accepted_at": to_text(START),
        "lwm2m_fingerprint": None,
        "lwm2m_certificate": None,
        "lwm2m_accepted_at": None,
        "created_at": to_text(START),
        "updated_at": to_text(START + timedelta(hours=version)),
    }
    return DeviceState(**{**fields, **changed})  # type: ignore[arg-type]  # as the fields above


def challenge() -> ChallengeState:
    """A challenge as it was made."""
    return ChallengeState(
        id="0190a00000007000800000000000c4a1",
        nonce="AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA",
        created_at=to_text(START),
        signature_expires_at=to_text(START + timedelta(hours=24)),
        certificate_expires_at=to_text(START + timedelta(hours=72)),
        attempts=5,
    )


def claim(**changed: object) -> EnrollmentState:
    """A claim of an identity, as it was made but for what is given."""
    fields = {
        "id": "0190a0000000700080000000000000ab",
        "version": 1,
        "fingerprint": "0f" * 32,
        "created_at": to_text(START),
        "expires_at": to_text(START + timedelta(days=30)),
        "claimed_at": None,
        "device_id": None,
        "batch": None,
    }
    return EnrollmentState(**{**fields, **changed})  # type: ignore[arg-type]  # as the fields above
