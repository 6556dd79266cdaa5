"""Accounts, who is asking, and API keys."""

from datetime import datetime
from typing import Self

from strawberry import UNSET

from app.actor import SCOPES, Role, Scope
from app.services.additions import Quota
from app.store.paging import Page
from app.store.rows import AccountRow, ApiKeyRow
from app.terms import ClientCertForm, Tier
from app.transport.graphql import ids
from app.transport.graphql.connections import After, Before, First, Last, PageInfo, asked, write_cursor
from app.transport.graphql.context import Context, Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.ids import Kind
from app.transport.graphql.scopes import PARENT, SIGNED_IN, field, needs
from app.transport.graphql.types.findings import StandingFindingConnection, findings_page
from app.transport.graphql.types.history import HistoryPoint
from app.transport.graphql.types.node import SOURCES, Node, Source

KEYS_ORDER = "id"


@object_type
class CertificateQuota:
    """How many certificates an account may hold, and does. Certificates of every status and usage count."""

    limit: int = attribute("The most it may hold.")
    used: int = attribute("How many it holds.")
    remaining: int = attribute("How many more it may add; never below zero.")

    @classmethod
    def of(cls, quota: Quota) -> Self:
        """As the schema shows it."""
        return cls(limit=quota.limit, used=quota.used, remaining=quota.remaining)


@object_type
class Account(Node):
    """The tenant that owns certificates, keys and a log."""

    display_name: str = attribute("The name people know it by.")
    tier: Tier = attribute("What it pays for.")
    certificate_quota: CertificateQuota = attribute("How many certificates it may hold, and does.")
    require_possession: bool = attribute(
        "Whether uploads with the usage `CREDENTIALS` stay `PENDING` until the account proves that it holds the key."
    )
    device_suspension_enabled: bool = attribute(
        "Whether blacklisting a certificate may also suspend the devices that are registered through it."
    )
    audits_all_decisions: bool = attribute(
        "Whether every acceptance of a device has an entry in the log, not only its first and each that changes"
        " something."
    )
    created_at: datetime = attribute("When it was opened.")
    as_of: HistoryPoint | None = attribute(
        "The point that was asked for; null when it is shown as it is now.", default=None
    )

    @field(needs(Scope.CERTIFICATES_READ))
    async def findings(
        self, info: Info, first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> StandingFindingConnection | None:
        """What is worth knowing about its certificates, newest first, as it was found by looking at them.

        Every account is looked at once an hour, and within minutes of a change. Null where the account is shown as it
        was: there is no looking at the past.
        """
        page = asked(first, after, last, before)
        return None if self.as_of is not None else await findings_page(info.context, page)

    @classmethod
    def of(cls, row: AccountRow, as_of: HistoryPoint | None = None) -> Self:
        """The account of a row, as it is now or as it was."""
        return cls(
            id=ids.encode(Kind.ACCOUNT, row.id),
            display_name=row.name,
            tier=row.tier,
            certificate_quota=CertificateQuota.of(Quota.of(row)),
            require_possession=row.require_possession,
            device_suspension_enabled=row.suspend_devices,
            audits_all_decisions=row.audit_all_decisions,
            created_at=row.created_at,
            as_of=as_of,
        )


def scopes_of(granted: frozenset[Scope]) -> list[Scope]:
    """The scopes that the API speaks of, in its own order."""
    return [scope for scope in Scope if scope in granted and scope is not Scope.OPERATE]


@object_type
class ApiKey(Node):
    """A credential for programs. Its secret is shown once, when it is created."""

    name: str = attribute("The name people know it by.")
    hint: str = attribute("The start of the key, to recognise it by.")
    role: Role = attribute("What it may do, by name.")
    scopes: list[Scope] = attribute("What it may do, one by one.")
    client_cert: ClientCertForm | None = attribute(
        "In which form a gateway that has this key hands on a device's chain; null for other keys."
    )
    created_at: datetime = attribute("When it was made.")
    expires_at: datetime | None = attribute("When it stops working; null when it does not.")
    last_used_at: datetime | None = attribute("When it was last used, to the hour; null when never.")
    revoked_at: datetime | None = attribute("When it was revoked; null while it was not.")

    @classmethod
    def of(cls, row: ApiKeyRow) -> Self:
        """The key of a row, without anything of its secret."""
        return cls(
            id=ids.encode(Kind.API_KEY, row.id),
            name=row.name,
            hint=row.hint,
            role=row.role,
            scopes=scopes_of(SCOPES[row.role]),
            client_cert=None if row.client_cert is None else ClientCertForm(row.client_cert),
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
        )


@object_type
class ApiKeyEdge:
    """An API key, and its place in a connection."""

    cursor: str = attribute("Pass it as `after` or `before`.")
    node: ApiKey = attribute("The key.")


@object_type
class ApiKeyConnection:
    """A page of API keys."""

    edges: list[ApiKeyEdge] = attribute("The page, in order.")
    page_info: PageInfo = attribute("Where the page lies.")

    @field(PARENT, cost=5)
    async def total_count(self, info: Info) -> int | None:
        """How many there are in all; null over 10,000."""
        return await info.context.loaders.count_api_keys()

    @classmethod
    def of(cls, page: Page[ApiKeyRow]) -> Self:
        """The page as the schema shows it."""
        edges = [
            ApiKeyEdge(cursor=write_cursor(KEYS_ORDER, (row.id, row.id)), node=ApiKey.of(row)) for row in page.rows
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]))


async def _fetch_account(context: Context, account_id: str) -> Account | None:
    row = await context.loaders.accounts.load(account_id)
    return None if row is None else Account.of(row)


async def _fetch_api_key(context: Context, key_id: str) -> ApiKey | None:
    row = await context.loaders.api_keys.load(key_id)
    return None if row is None else ApiKey.of(row)


SOURCES[Kind.ACCOUNT] = Source(SIGNED_IN, _fetch_account)
SOURCES[Kind.API_KEY] = Source(needs(Scope.API_KEYS_READ), _fetch_api_key)
