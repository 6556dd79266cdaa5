"""The public state of the objects that acts are about: what an entry says they were and became.

A shipped state is written for ever: a field is never renamed or removed, and a new one is added at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
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
    names, values = _reader(type(state))
    fields_read = zip(names, values(state), strict=True)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields_read}


@cache
def _reader(kind: "type[DataclassInstance]") -> tuple[tuple[str, ...], Callable[[object], tuple[Any, ...]]]:
    """The names of a state's fields, and what reads them all: a state is written with every entry."""
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateState(_Named):
    """A record as the log knows it. Fingerprints are hexadecimal; `chain` runs from the trusted CA to the root.

    A CA's name is published in every certificate that it signs.

    `created_by_entry` is the entry of the upload, which discloses the name of whoever uploaded it.
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
class UnnamedUserState(UserState):
    """A person whose name is being erased: the entry that says so must not disclose it once more."""

    def personal(self) -> dict[str, str]:
        """Nothing."""
        return {}
