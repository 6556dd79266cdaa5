"""Who did something."""

from collections.abc import Awaitable
from typing import Self

import strawberry

from app.actor import Actor as Caller
from app.actor import ActorType, Scope
from app.store.rows import CertificateRow, EntryRow
from app.transport.graphql.context import Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.entry_view import EntryView
from app.transport.graphql.loaders import now_or_later
from app.transport.graphql.scopes import PARENT, field, needs
from app.transport.graphql.types.accounts import Account, ApiKey, scopes_of


@object_type
class Actor:
    """Who did something, as it was named at the time."""

    kind: ActorType = attribute("What kind of caller it was.")
    actor_id: strawberry.Private[str | None]
    name: strawberry.Private[str | None] = None
    named_by: strawberry.Private[str | None] = None
    """The entry that discloses the name, where it is not known yet."""

    @field(PARENT, returns=str | None)
    def display_name(self, info: Info) -> str | Awaitable[str | None] | None:
        """The name at the time, whatever became of it since; null once it was erased, and where there was none."""
        if self.named_by is None:
            return self.name
        return now_or_later(info.context.loaders.entries.load(self.named_by), _disclosed_name)

    @field(needs(Scope.API_KEYS_READ))
    async def api_key(self, info: Info) -> ApiKey | None:
        """The key, when it was one."""
        if self.kind is not ActorType.API_KEY or self.actor_id is None:
            return None
        row = await info.context.loaders.api_keys.load(self.actor_id)
        return None if row is None else ApiKey.of(row)

    @classmethod
    def of_caller(cls, caller: Caller) -> Self:
        """Whoever asks."""
        return cls(kind=caller.type, actor_id=caller.id, name=caller.name)

    @classmethod
    def of_entry(cls, row: EntryRow, view: EntryView) -> Self:
        """Whoever an entry is about."""
        return cls(kind=ActorType(row.actor_type), actor_id=row.actor_id, name=view.claims.get("actor.name"))

    @classmethod
    def of_upload(cls, row: CertificateRow) -> Self:
        """Whoever uploaded a record; the name stands in the entry of the upload alone, so that it can be erased."""
        return cls(kind=ActorType(row.created_by_type), actor_id=row.created_by_id, named_by=row.created_audit_id)


@object_type
class Viewer:
    """Who is asking."""

    actor: Actor = attribute("The caller as the audit log will name it.")
    account: Account = attribute("The account the caller acts in.")
    scopes: list[Scope] = attribute("What the caller may do: hide the buttons for the rest.")

    @classmethod
    def of(cls, caller: Caller, account: Account) -> Self:
        """The caller."""
        return cls(actor=Actor.of_caller(caller), account=account, scopes=scopes_of(caller.scopes))


def _disclosed_name(row: EntryRow | None) -> str | None:
    return None if row is None else EntryView.of(row).claims.get("actor.name")
