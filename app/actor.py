"""Who is asking, what they may do, and from where: known to every layer, knows none."""

from dataclasses import dataclass
from enum import StrEnum


class ActorType(StrEnum):
    """The kinds of actor that an audit entry can name."""

    USER = "user"
    API_KEY = "api_key"
    DEVICE = "device"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


class Scope(StrEnum):
    """One thing that a key or a session may do."""

    CERTIFICATES_READ = "certificates:read"
    CERTIFICATES_WRITE = "certificates:write"
    AUDIT_READ = "audit:read"
    API_KEYS_READ = "api_keys:read"
    API_KEYS_WRITE = "api_keys:write"
    DEVICES_READ = "devices:read"
    DEVICES_WRITE = "devices:write"
    OPERATE = "operate"
    """Change accounts, tiers and users: the operator's command line alone."""


class Role(StrEnum):
    """A named set of scopes; a key or a user has exactly one."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    AUDITOR = "auditor"
    GATEWAY = "gateway"


SCOPES: dict[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope) - {Scope.OPERATE},
    Role.OPERATOR: frozenset(
        {Scope.CERTIFICATES_READ, Scope.CERTIFICATES_WRITE, Scope.DEVICES_READ, Scope.DEVICES_WRITE}
    ),
    Role.VIEWER: frozenset({Scope.CERTIFICATES_READ, Scope.DEVICES_READ}),
    Role.AUDITOR: frozenset({Scope.CERTIFICATES_READ, Scope.DEVICES_READ, Scope.AUDIT_READ}),
    # A gateway's key opens the gateway addresses and nothing of the API.
    Role.GATEWAY: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which account, with which scopes.

    `id` is the key's or the user's id; None for the system and for strangers.
    `account_id` is None only for strangers and for the operator of the whole installation.
    `name` is the name at the time. It is personal data: it stands in disclosures, never in an entry's body.
    """

    type: ActorType
    id: str | None
    account_id: str | None
    name: str | None
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that an action came with.

    `operation` is the GraphQL operation's name or the command line's; `path` is the response path of the field,
    which differs between two aliases of one document; `traceparent` is W3C Trace Context's.
    `address` and `agent` describe the client. They are personal data, as an actor's name is.
    """

    request_id: str
    operation: str | None = None
    path: str | None = None
    traceparent: str | None = None
    address: str | None = None
    agent: str | None = None


ANONYMOUS = Actor(type=ActorType.ANONYMOUS, id=None, account_id=None, name=None, scopes=frozenset())


def command_line(account_id: str | None, name: str | None) -> Actor:
    """The operator at the installation's own command line, acting on one account or on the whole."""
    return Actor(type=ActorType.SYSTEM, id="command-line", account_id=account_id, name=name, scopes=frozenset(Scope))
