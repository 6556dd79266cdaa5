"""API keys: making, revoking, and telling whose a key is."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from app.actor import SCOPES, Actor, ActorType, Role, Scope
from app.audit.events import ApiKeyCreated, ApiKeyRevoked
from app.audit.states import Json, Target
from app.errors import InvalidInput, NotFound, Unauthenticated
from app.ids import new_id
from app.rules import access, credential, text
from app.rules.credential import Credential
from app.services import state_fields, states
from app.services.door import Done, Tx
from app.store import reads
from app.store.connection import Connection
from app.store.rows import ApiKeyRow
from app.terms import ClientCertForm

UNKNOWN_SECRET = bytes(32)
"""What an unknown key is compared with, so that it takes as long as a known one."""


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key, and its text, which is shown this once; None when the request was a repetition."""

    row: ApiKeyRow
    text: str | None

    def __repr__(self) -> str:
        return f"<NewApiKey {self.row.id}>"


@dataclass(frozen=True, slots=True, repr=False)
class CreateApiKey:
    """Make a key that may do at most what its maker may. The credential is a fresh one: `fresh_credential`."""

    action: ClassVar[str] = ApiKeyCreated.kind
    scope: ClassVar[Scope] = Scope.API_KEYS_WRITE
    name: str
    role: Role
    credential: Credential
    expires_at: datetime | None = None
    client_cert: ClientCertForm | None = None
    reason: None = None

    @property
    def target(self) -> Target:
        """A key that is not there yet."""
        return Target("api_key", None, text.quotable_name(self.name))

    @property
    def identity(self) -> Json:
        """The request; the credential is ours and not part of it."""
        return {
            "name": self.name,
            "role": self.role.value,
            "expiresAt": None if self.expires_at is None else self.expires_at.isoformat(),
            "clientCert": None if self.client_cert is None else self.client_cert.value,
        }

    async def __call__(self, tx: Tx) -> Done[NewApiKey]:
        """Only a gateway's key has a form in which the device's chain comes."""
        name = text.require_name(self.name)
        access.require_grantable(tx.actor, self.role)
        if self.expires_at is not None and self.expires_at <= tx.now:
            raise InvalidInput("The key would have expired already.", path=("expiresAt",))
        if self.client_cert is not None and self.role is not Role.GATEWAY:
            raise InvalidInput("Only a gateway's key names a form of client certificate.", path=("clientCert",))
        if await tx.accounts.with_id(tx.account_id) is None:
            raise NotFound("There is no account of this id.")
        made = self.credential
        form = self.client_cert or (ClientCertForm.RFC9440 if self.role is Role.GATEWAY else None)
        key = ApiKeyRow(
            id=made.key_id,
            account_id=tx.account_id,
            version=1,
            name=name,
            role=self.role,
            client_cert=None if form is None else form.value,
            hint=made.hint,
            secret_sha256=made.secret_sha256,
            created_at=tx.now,
            expires_at=self.expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        await tx.api_keys.insert(key)
        return Done(NewApiKey(key, made.text), ApiKeyCreated(states.api_key_state(key)))

    def recall(self, change: Json, account_id: str) -> NewApiKey:
        """The key as it was made; its text was shown once and is known to nobody here."""
        return NewApiKey(states.api_key_row(state_fields.after(change), account_id), None)


@dataclass(frozen=True, slots=True)
class RevokeApiKey:
    """Revoke a key, at once and for good."""

    action: ClassVar[str] = ApiKeyRevoked.kind
    scope: ClassVar[Scope] = Scope.API_KEYS_WRITE
    key_id: str
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The key, as the caller names it."""
        return Target("api_key", self.key_id)

    @property
    def identity(self) -> Json:
        """The request."""
        return {"id": self.key_id, "reason": self.reason}

    async def __call__(self, tx: Tx) -> Done[ApiKeyRow]:
        """A key that is revoked already stays as it is, and the request is recorded."""
        key = await tx.api_keys.with_id(self.key_id)
        if key is None:
            raise NotFound("The account has no key of this id.", path=("id",))
        before = states.api_key_state(key)
        tx.target = before.target
        if key.revoked_at is None:
            key = replace(key, version=key.version + 1, revoked_at=tx.now)
            await tx.api_keys.revoke(key, tx.now)
        return Done(key, ApiKeyRevoked(before, states.api_key_state(key)))

    def recall(self, change: Json, account_id: str) -> ApiKeyRow:
        """The key as it was after it was revoked."""
        return states.api_key_row(state_fields.after(change), account_id)


def fresh_credential(at: datetime) -> Credential:
    """A credential that nobody has yet."""
    return Credential(key_id=new_id(at), secret=secrets.token_bytes(credential.SECRET_BYTES))


async def authenticate(connection: Connection, presented: str, at: datetime) -> Actor:
    """Whose key this is.

    Raises Unauthenticated, in the same words and after the same work, for a key that is mistyped, unknown, wrong,
    expired or revoked.
    """
    spelled = credential.read(presented)
    key = None if spelled is None else await reads.api_key(connection, spelled.key_id)
    known = UNKNOWN_SECRET if key is None else key.secret_sha256
    is_right = credential.is_same_secret(spelled or Credential("", b""), known)
    if key is None or not is_right or not _is_live(key, at):
        raise Unauthenticated("The API key is not valid: it is mistyped, unknown, expired or revoked.")
    return Actor(type=ActorType.API_KEY, id=key.id, account_id=key.account_id, name=key.name, scopes=SCOPES[key.role])


async def require_live(connection: Connection, actor: Actor, at: datetime) -> None:
    """Refuse an actor whose key has ended since it was presented: for what goes on longer than a request.

    Raises Unauthenticated once the key has expired, was revoked, or may no longer do what it could.
    """
    if actor.type is not ActorType.API_KEY:
        return
    key = None if actor.id is None else await reads.api_key(connection, actor.id)
    if key is None or not _is_live(key, at) or not actor.scopes <= SCOPES[key.role]:
        raise Unauthenticated("The API key is not valid any more: it has expired or was revoked.")


def _is_live(key: ApiKeyRow, at: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or at < key.expires_at)
