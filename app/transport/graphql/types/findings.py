"""What stands about an account's certificates, as it was found by looking again and again."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self, cast

import strawberry

from app.findings import FindingCode, Severity
from app.store import standing
from app.store.paging import Page
from app.store.standing import FindingRow
from app.transport.graphql import finding_codes  # noqa: F401  # the codes' place in the schema
from app.transport.graphql.connections import Asked, PageInfo, write_cursor
from app.transport.graphql.context import Context, Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.ids import Kind
from app.transport.graphql.scopes import PARENT, field
from app.transport.graphql.types.node import SOURCES

if TYPE_CHECKING:
    from app.transport.graphql.types.certificates import Certificate

FINDINGS_ORDER = "id"


@object_type
class StandingFinding:
    """A finding about one of the account's certificates, for as long as it stands."""

    severity: Severity = attribute("How much it matters.")
    code: FindingCode = attribute("What it is: branch on this.")
    message: str = attribute("One sentence in English, fit to show to a person.")
    chain_index: int | None = attribute(
        "Which certificate of the chain, from the anchor, counted from 0; null for all."
    )
    reference: str | None = attribute("The rule, for example `RFC 5280 4.2.1.9`; null when it is ours.")
    since: datetime = attribute("When a look found it first.")
    certificate_id: strawberry.Private[str]
    related_id: strawberry.Private[str]

    @field(PARENT)
    async def certificate(
        self, info: Info
    ) -> Annotated["Certificate", strawberry.lazy("app.transport.graphql.types.certificates")] | None:
        """The certificate that it is about; null where it was deleted at this moment."""
        return await _certificate(info.context, self.certificate_id)

    @field(PARENT)
    async def related_certificate(
        self, info: Info
    ) -> Annotated["Certificate", strawberry.lazy("app.transport.graphql.types.certificates")] | None:
        """The other certificate that `SAME_KEY_AS` or `BLOCKED_BY` names; null where none is, or it was deleted."""
        return await _certificate(info.context, self.related_id) if self.related_id else None

    @classmethod
    def of(cls, row: FindingRow) -> Self:
        """As the schema shows it."""
        finding = row.standing.finding
        return cls(
            severity=finding.severity,
            code=finding.code,
            message=finding.message,
            chain_index=finding.index,
            reference=finding.reference,
            since=row.appeared_at,
            certificate_id=row.certificate_id,
            related_id=row.standing.related_id,
        )


@object_type
class StandingFindingEdge:
    """A finding, and its place in a connection."""

    cursor: str = attribute("Pass it as `after` or `before`.")
    node: StandingFinding = attribute("The finding.")


@object_type
class StandingFindingConnection:
    """A page of findings."""

    edges: list[StandingFindingEdge] = attribute("The page, in order.")
    page_info: PageInfo = attribute("Where the page lies.")

    @field(PARENT, cost=5)
    async def total_count(self, info: Info) -> int | None:
        """How many there are in all; null over 10,000."""
        return await info.context.loaders.count_findings()

    @classmethod
    def of(cls, page: Page[FindingRow]) -> Self:
        """The page as the schema shows it."""
        edges = [
            StandingFindingEdge(cursor=write_cursor(FINDINGS_ORDER, (row.id, row.id)), node=StandingFinding.of(row))
            for row in page.rows
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]))


async def findings_page(context: Context, asked: Asked) -> StandingFindingConnection:
    """A page of what stands about the certificates of the caller's account, newest first."""
    window = asked.window(FINDINGS_ORDER)
    page = await standing.findings_page(context.connection, context.account_id, window)
    return StandingFindingConnection.of(page)


async def _certificate(context: Context, certificate_id: str) -> "Certificate | None":
    return cast("Certificate | None", await SOURCES[Kind.CERTIFICATE].fetch(context, certificate_id))
