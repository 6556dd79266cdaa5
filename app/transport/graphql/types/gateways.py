"""Gateways: who enforces which version of the account's trust."""

from datetime import datetime
from typing import Self

import strawberry

from app.actor import Scope
from app.store.gateways import GatewayRow
from app.terms import Service
from app.transport.graphql.context import Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.scalars import SafeInt
from app.transport.graphql.scopes import PARENT, field, needs
from app.transport.graphql.types.accounts import ApiKey


@object_type
class Gateway:
    """A gateway at a server, by the key that it asks with: what it decides with, or says that its bundle is."""

    service: Service = attribute("At which server.")
    applied_version: SafeInt | None = attribute("Which version of the account's trust it enforces.")
    applied_at: datetime | None = attribute("Since when; noted within a minute.")
    seen_at: datetime = attribute("When it was last heard of; noted within a minute.")
    lag: SafeInt | None = attribute(
        "How many versions it is behind the newest; 0 means that it enforces what is so. A gateway that asks about"
        " every connection catches up at its next question."
    )
    key_id: strawberry.Private[str]

    @field(PARENT)
    async def name(self, info: Info) -> str | None:
        """What its key is called."""
        row = await info.context.loaders.api_keys.load(self.key_id)
        return None if row is None else row.name

    @field(needs(Scope.API_KEYS_READ))
    async def api_key(self, info: Info) -> ApiKey | None:
        """Its key."""
        row = await info.context.loaders.api_keys.load(self.key_id)
        return None if row is None else ApiKey.of(row)

    @classmethod
    def of(cls, row: GatewayRow, newest: int) -> Self:
        """As the schema shows it."""
        applied = row.applied_version
        return cls(
            service=row.service,
            applied_version=None if applied is None else SafeInt(applied),
            applied_at=row.applied_at,
            seen_at=row.seen_at,
            lag=None if applied is None else SafeInt(max(0, newest - applied)),
            key_id=row.api_key_id,
        )


@object_type
class Gateways:
    """The account's gateways, and what they have to keep up with."""

    trust_version: SafeInt = attribute("The newest version: it rises with every change that a decision depends on.")
    nodes: list[Gateway] = attribute(
        "Those that were ever heard of, unless their key is revoked; the last heard of first, at most 1,000."
    )
