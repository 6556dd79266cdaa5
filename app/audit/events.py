"""What can happen: one frozen dataclass per kind of act, and what each says about the state.

Events are written for ever. A shipped event is never edited; a new one is added at the end of its group, and the bytes
that every kind leaves in the log are pinned by a vector test.
"""

from dataclasses import dataclass, fields
from typing import ClassVar, Generic, Protocol, TypeVar

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


def _fields(state: object, *, without: frozenset[str] = frozenset()) -> Json:
    values: Json = {}
    for field in fields(state):  # type: ignore[arg-type]  # every state is a dataclass
        if field.name not in without:
            value = getattr(state, field.name)
            values[field.name] = list(value) if isinstance(value, tuple) else value
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account as the log knows it. Instants are `clock.to_text`'s."""

    type: ClassVar[str] = "account"
    id: str
    version: int
    name: str
    tier: str
    limit_override: int | None
    certificate_limit: int
    require_possession: bool
    created_at: str
    updated_at: str

    @property
    def target(self) -> Target:
        """The account as the target of an act."""
        return Target(self.type, self.id, self.name, self.version)

    def public(self) -> Json:
        """Every field."""
        return _fields(self)

    def personal(self) -> dict[str, str]:
        """Nothing: an account is an organisation's."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateState:
    """A record as the log knows it. Fingerprints are hexadecimal; `chain` runs from the trusted CA to the root.

    `created_by_entry` is the entry of the upload, which discloses the name of whoever uploaded it.
    """

    type: ClassVar[str] = "certificate"
    id: str
    version: int
    name: str
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

    @property
    def target(self) -> Target:
        """The record as the target of an act."""
        return Target(self.type, self.id, self.name, self.version)

    def public(self) -> Json:
        """Every field."""
        return _fields(self)

    def personal(self) -> dict[str, str]:
        """Nothing: a CA's name is published in every certificate that it signs."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyState:
    """A key as the log knows it: never its secret, nor the secret's hash."""

    type: ClassVar[str] = "api_key"
    id: str
    version: int
    name: str
    role: str
    client_cert: str | None
    hint: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None

    @property
    def target(self) -> Target:
        """The key as the target of an act."""
        return Target(self.type, self.id, self.name, self.version)

    def public(self) -> Json:
        """Every field."""
        return _fields(self)

    def personal(self) -> dict[str, str]:
        """Nothing: a key is a program's."""
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
        return _fields(self, without=frozenset({"name"}))

    def personal(self) -> dict[str, str]:
        """The name."""
        return {"name": self.name}


class Event(Protocol):
    """Something that happened and succeeded."""

    kind: ClassVar[str]

    @property
    def target(self) -> Target:
        """What it is about."""

    @property
    def before(self) -> State | None:
        """The object before; None where there was none."""

    @property
    def after(self) -> State | None:
        """The object after; None where there is none."""


S = TypeVar("S", bound=State)


@dataclass(frozen=True, slots=True)
class _Created(Generic[S]):
    after: S

    @property
    def before(self) -> None:
        """There was none."""
        return None  # the value is the promise

    @property
    def target(self) -> Target:
        """What is there now."""
        return self.after.target


@dataclass(frozen=True, slots=True)
class _Changed(Generic[S]):
    before: S
    after: S

    @property
    def target(self) -> Target:
        """The object as it is now."""
        return self.after.target


@dataclass(frozen=True, slots=True)
class _Deleted(Generic[S]):
    before: S

    @property
    def after(self) -> None:
        """There is none."""
        return None  # the value is the promise

    @property
    def target(self) -> Target:
        """What was there."""
        return self.before.target


@dataclass(frozen=True, slots=True)
class _Noted:
    """An act that changes no object."""

    @property
    def before(self) -> None:
        """Nothing changed."""
        return None  # the value is the promise

    @property
    def after(self) -> None:
        """Nothing changed."""
        return None  # the value is the promise


@dataclass(frozen=True, slots=True)
class AccountCreated(_Created[AccountState]):
    """The operator opened an account."""

    kind: ClassVar[str] = "account.create"


@dataclass(frozen=True, slots=True)
class AccountTierSet(_Changed[AccountState]):
    """The operator changed what an account pays for."""

    kind: ClassVar[str] = "account.set_tier"


@dataclass(frozen=True, slots=True)
class AccountLimitSet(_Changed[AccountState]):
    """The operator changed how many certificates an account may hold."""

    kind: ClassVar[str] = "account.set_limit"


@dataclass(frozen=True, slots=True)
class AccountFeatureSet(_Changed[AccountState]):
    """The operator switched a feature of an account on or off."""

    kind: ClassVar[str] = "account.set_feature"


@dataclass(frozen=True, slots=True)
class CertificateUploaded(_Created[CertificateState]):
    """A CA certificate or chain was uploaded."""

    kind: ClassVar[str] = "certificate.upload"


@dataclass(frozen=True, slots=True)
class CertificateUpdated(_Changed[CertificateState]):
    """A record's name or description changed."""

    kind: ClassVar[str] = "certificate.update"


@dataclass(frozen=True, slots=True)
class CertificateStatusSet(_Changed[CertificateState]):
    """A record was blacklisted or enabled."""

    kind: ClassVar[str] = "certificate.set_status"


@dataclass(frozen=True, slots=True)
class CertificateDeleted(_Deleted[CertificateState]):
    """A record was deleted."""

    kind: ClassVar[str] = "certificate.delete"


@dataclass(frozen=True, slots=True)
class ApiKeyCreated(_Created[ApiKeyState]):
    """A key was made."""

    kind: ClassVar[str] = "api_key.create"


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked(_Changed[ApiKeyState]):
    """A key was revoked, for good."""

    kind: ClassVar[str] = "api_key.revoke"


@dataclass(frozen=True, slots=True)
class UserCreated(_Created[UserState]):
    """A person may sign in."""

    kind: ClassVar[str] = "user.create"


@dataclass(frozen=True, slots=True)
class UserPasswordSet(_Changed[UserState]):
    """A person's password was replaced."""

    kind: ClassVar[str] = "user.set_password"


@dataclass(frozen=True, slots=True)
class AuditLogRead(_Noted):
    """Somebody read the audit log; `view` says through which door, for example `auditEvents`."""

    kind: ClassVar[str] = "audit.read"
    account_id: str | None
    view: str

    @property
    def target(self) -> Target:
        """The account's log."""
        return Target("audit_log", self.account_id, self.view)


@dataclass(frozen=True, slots=True)
class AuditLogExported(_Noted):
    """Somebody exported the audit log; `form` is the file's, for example `jsonl`."""

    kind: ClassVar[str] = "audit.export"
    account_id: str | None
    form: str

    @property
    def target(self) -> Target:
        """The account's log."""
        return Target("audit_log", self.account_id, self.form)


@dataclass(frozen=True, slots=True)
class DatabaseMigrated(_Noted):
    """The operator brought the database to this program's version."""

    kind: ClassVar[str] = "installation.migrate"
    version: int

    @property
    def target(self) -> Target:
        """The installation."""
        return Target("installation", None, None, self.version)


EVENTS: tuple[type[Event], ...] = (
    AccountCreated,
    AccountTierSet,
    AccountLimitSet,
    AccountFeatureSet,
    CertificateUploaded,
    CertificateUpdated,
    CertificateStatusSet,
    CertificateDeleted,
    ApiKeyCreated,
    ApiKeyRevoked,
    UserCreated,
    UserPasswordSet,
    AuditLogRead,
    AuditLogExported,
    DatabaseMigrated,
)
"""Every kind of event, in the order in which they were added."""

REQUEST_REFUSED = "request.refused"
"""The action of a request that was refused before anything of it ran. It is no event: nothing happened."""
