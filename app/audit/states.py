"""The public state of the objects that acts are about: what an entry says they were and became.

A shipped state is written for ever: a field is never renamed or removed, and a new one is added at the end, with a
default. While it has that it is not written, so that what was written before the field was there still compares equal.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from app.rules.enrollment import render_identity

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

JsonValue = None | bool | int | str | list["JsonValue"] | dict[str, "JsonValue"]
Json = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Target:
    """What an act is about: its kind, its id, and its name at the time where that is not personal data."""

    type: str
    id: str | None = None
    name: str | None = None
    version: int | None = None


class State(Protocol):
    """The public fields of an object, from which the log can rebuild it."""

    type: ClassVar[str]

    @property
    def target(self) -> Target:
        """The object as the target of an act."""

    def public(self) -> Json:
        """The fields that stand in an entry's body."""

    def personal(self) -> dict[str, str]:
        """The fields that are somebody's personal data: disclosed beside the body, never in it."""


def _fields(state: "DataclassInstance") -> Json:
    names, values, defaults = _reader(type(state))
    fields_read = zip(names, values(state), strict=True)
    written = {name: list(value) if isinstance(value, tuple) else value for name, value in fields_read}
    for name, default in defaults:
        if written[name] == default:
            del written[name]
    return written


@cache
def _reader(
    kind: "type[DataclassInstance]",
) -> tuple[tuple[str, ...], Callable[[object], tuple[Any, ...]], tuple[tuple[str, object], ...]]:
    """The names of a state's fields, what reads them all, and their defaults: a state is written with every entry."""
    names = tuple(field.name for field in fields(kind))
    defaults = tuple((field.name, field.default) for field in fields(kind) if field.default is not MISSING)
    return names, attrgetter(*names), defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A state whose name is nobody's personal data: it names the target, and every field stands in the body."""

    type: ClassVar[str]
    id: str
    version: int
    name: str

    @property
    def target(self) -> Target:
        """The object as the target of an act."""
        return Target(self.type, self.id, self.name, self.version)

    def public(self) -> Json:
        """Every field."""
        return _fields(self)

    def personal(self) -> dict[str, str]:
        """Nothing."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState(_Named):
    """An account as the log knows it: an organisation's. Instants are `clock.to_text`'s."""

    type: ClassVar[str] = "account"
    tier: str
    limit_override: int | None
    certificate_limit: int
    require_possession: bool
    created_at: str
    updated_at: str
    suspend_devices: bool = False
    audit_all_decisions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateState(_Named):
    """A record as the log knows it. Fingerprints are hexadecimal; `chain` runs from the trusted CA to the root.

    A CA's name is published in every certificate that it signs.

    `created_by_entry` is the entry that made the record, which discloses the name of whoever did. `is_developer` says
    that the service made the certificate and its key.
    `devices_suspended_at`: every device that was registered through the record before is suspended.
    """

    type: ClassVar[str] = "certificate"
    description: str | None
    status: str
    service: str
    usage: str
    possession: str
    fingerprint: str
    chain: tuple[str, ...]
    expires_at: str
    created_at: str
    updated_at: str
    created_by_type: str
    created_by_id: str | None
    created_by_entry: str
    is_developer: bool = False
    devices_suspended_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyState(_Named):
    """A key as the log knows it, a program's: never its secret, nor the secret's hash."""

    type: ClassVar[str] = "api_key"
    role: str
    client_cert: str | None
    hint: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentState:
    """A claim of a device's identity as the log knows it. The fingerprint is hexadecimal, as a certificate's is.

    `batch` is the entry of the batch that claimed it, which tells of it by its digest alone; null where an entry of
    its own did.
    """

    type: ClassVar[str] = "enrollment"
    id: str
    version: int
    fingerprint: str
    created_at: str
    expires_at: str | None
    claimed_at: str | None
    device_id: str | None
    batch: str | None

    @property
    def target(self) -> Target:
        """The claim as the target of an act, named by the identity."""
        return Target(self.type, self.id, render_identity(bytes.fromhex(self.fingerprint)), self.version)

    def public(self) -> Json:
        """Every field."""
        return _fields(self)

    def personal(self) -> dict[str, str]:
        """Nothing."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserState:
    """A person who may sign in. The name is personal data; the password's hash stands nowhere in the log."""

    type: ClassVar[str] = "user"
    id: str
    version: int
    name: str
    role: str
    created_at: str
    updated_at: str

    @property
    def target(self) -> Target:
        """The person as the target of an act, unnamed."""
        return Target(self.type, self.id, None, self.version)

    def public(self) -> Json:
        """Every field but the name."""
        everything = _fields(self)
        del everything["name"]
        return everything

    def personal(self) -> dict[str, str]:
        """The name."""
        return {"name": self.name}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeState:
    """A challenge as it was made. It is told with the record that it is about, and is no object of its own in the log.

    `nonce` is URL-safe Base64 without padding.
    """

    id: str
    nonce: str
    created_at: str
    signature_expires_at: str
    certificate_expires_at: str
    attempts: int

    def public(self) -> Json:
        """Every field."""
        return _fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnnamedUserState(UserState):
    """A person whose name is being erased: the entry that says so must not disclose it once more."""

    def personal(self) -> dict[str, str]:
        """Nothing."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState(_Named):
    """A device as the log knows it, by the name that it connects with.

    Of each service: the SHA-256 of the certificate that it was last let in with, the record that let it in, and since
    when. `suspended_at` is its own suspension; `released_at` says that suspensions of its records before that instant
    are none of this device any more.
    """

    type: ClassVar[str] = "device"
    suspended_at: str | None
    suspended_category: str | None
    suspended_description: str | None
    released_at: str | None
    bootstrap_fingerprint: str | None
    bootstrap_certificate: str | None
    bootstrap_accepted_at: str | None
    lwm2m_fingerprint: str | None
    lwm2m_certificate: str | None
    lwm2m_accepted_at: str | None
    created_at: str
    updated_at: str
