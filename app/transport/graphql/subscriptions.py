"""Everything that can be watched."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

import strawberry
from strawberry import UNSET

from app.actor import Scope
from app.transport.graphql.context import Info, path_of
from app.transport.graphql.described import object_type
from app.transport.graphql.inputs import AuditEventFilter, given, log_search
from app.transport.graphql.inputs import certificate_ids as only
from app.transport.graphql.live import Feed
from app.transport.graphql.scopes import by_the_door, field, needs
from app.transport.graphql.types.audit import AuditEventEdge
from app.transport.graphql.types.changes import CertificateChange, FindingChange, changes_of, findings_of, is_change

Narrowed = Annotated[AuditEventFilter | None, strawberry.argument(description="Narrows the feed.")]
Resumed = Annotated[
    str | None,
    strawberry.argument(
        description="Resume after this cursor, of the feed or of a list of the log; only what is new when absent."
    ),
]
OnlyThese = Annotated[
    list[strawberry.ID] | None, strawberry.argument(description="Only these, at most 100; all when absent.")
]


@object_type
class Subscription:
    """Everything that can be watched, over graphql-transport-ws or server-sent events.

    A feed ends with an error once the caller's credential has expired or was revoked. Whoever comes back with the last
    cursor misses nothing.
    """

    @field(by_the_door(Scope.AUDIT_READ), subscription=True)
    async def audit_events(
        self, info: Info, after: Resumed = UNSET, filter_by: Narrowed = UNSET
    ) -> AsyncIterator[AuditEventEdge]:
        """Log entries as they are written; first whatever came after a cursor, then live. Beginning is recorded."""
        feed = Feed(info.context, log_search(filter_by))
        await info.context.record_log_read("subscription.auditEvents", path_of(info))
        async with aclosing(feed.entries(given(after))) as entries:
            async for entry in entries:
                yield AuditEventEdge.of(entry)

    @field(needs(Scope.CERTIFICATES_READ), subscription=True)
    async def certificate_changed(
        self, info: Info, ids: OnlyThese = UNSET, after: Resumed = UNSET
    ) -> AsyncIterator[CertificateChange]:
        """Certificates as they change."""
        feed = Feed(info.context, changes_of(only(ids)))
        async with aclosing(feed.entries(given(after))) as entries:
            async for entry in entries:
                if is_change(entry):
                    yield CertificateChange.of(entry)

    @field(needs(Scope.CERTIFICATES_READ), subscription=True)
    async def finding_changed(
        self, info: Info, certificate_ids: OnlyThese = UNSET, after: Resumed = UNSET
    ) -> AsyncIterator[FindingChange]:
        """What is found about certificates, as it appears and goes. What is deleted takes its findings along."""
        feed = Feed(info.context, findings_of(only(certificate_ids)))
        async with aclosing(feed.entries(given(after))) as entries:
            async for entry in entries:
                yield FindingChange.of(entry)
