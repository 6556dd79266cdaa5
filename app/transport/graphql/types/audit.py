"""The audit log as callers read it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

import orjson
import strawberry
from strawberry import UNSET

from app.actor import Scope
from app.store.paging import Page
from app.store.rows import EntryRow
from app.transport.graphql import ids
from app.transport.graphql.audit_actions import AuditAction
from app.transport.graphql.connections import PageInfo, write_cursor
from app.transport.graphql.context import Context, Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.entry_view import Change, EntryView
from app.transport.graphql.enums import AuditOutcome, ReceiptAbsence
from app.transport.graphql.ids import TARGETS, Kind
from app.transport.graphql.inputs import given
from app.transport.graphql.proofs import inclusion_proof
from app.transport.graphql.scalars import SafeInt, Sha256
from app.transport.graphql.scopes import PARENT, by_the_door, field
from app.transport.graphql.types.accounts import Account, ApiKey
from app.transport.graphql.types.actors import Actor
from app.transport.graphql.types.enrollments import Enrollment
from app.transport.graphql.types.evidence import AuditInclusionProof
from app.transport.graphql.types.jobs import Job
from app.transport.graphql.types.node import SOURCES, Node, Source, fetch_readable

if TYPE_CHECKING:
    from app.transport.graphql.types.certificates import Certificate
    from app.transport.graphql.types.devices import Device
    from app.transport.graphql.types.possession import PossessionChallenge

LOG_ORDER = "sequence"
"""What cursors of the log are sorted by, in either direction."""

AuditTarget: TypeAlias = Annotated[
    Annotated["Certificate", strawberry.lazy("app.transport.graphql.types.certificates")]
    | Annotated["Device", strawberry.lazy("app.transport.graphql.types.devices")]
    | Annotated["PossessionChallenge", strawberry.lazy("app.transport.graphql.types.possession")]
    | ApiKey
    | Account
    | Enrollment
    | Job,
    strawberry.union("AuditTarget", description="What an entry can be about."),
]


@object_type
class AuditChange:
    """One field before and after, as text."""

    field: str = attribute("Its name, spelled as in this schema.")
    before: str | None = attribute("Before; null when there was none.")
    after: str | None = attribute("After; null when there is none.")

    @classmethod
    def of(cls, change: Change) -> Self:
        """As the schema shows it."""
        return cls(field=_camel_case(change.field), before=_text(change.before), after=_text(change.after))


@object_type
class AuditEvent(Node):
    """One entry of the log. Entries are never changed or removed."""

    sequence: SafeInt = attribute("Its place in the account's log, counted from 1 without gaps.")
    occurred_at: datetime = attribute("When it happened.")
    action: AuditAction = attribute("What was done, or refused.")
    outcome: AuditOutcome = attribute("How it went.")
    code: str | None = attribute(
        "Why it was refused or how it failed, for example `QUOTA_EXCEEDED` or a finding's code; `IDEMPOTENT_REPLAY` for"
        " a repetition that was answered as the first time; else null."
    )
    actor: Actor = attribute("Who did it.")
    target_id: strawberry.ID | None = attribute("The id of what it was done to; null when it has none.")
    target_name: str | None = attribute(
        "The name of what it was done to, at the time; it survives deletion. Null where there was none, or where a name"
        " is personal."
    )
    reason: str | None = attribute("The reason the caller gave.")
    changes: list[AuditChange] = attribute(
        "What changed, field by field: all that the log says of an object, without what was erased."
    )
    request_id: str | None = attribute("The request it came with, to match against other logs.")
    client_address: str | None = attribute("The address that the request came from; null once it was erased.")
    canonical_json: str | None = attribute(
        "What is hashed: the entry's body as canonical JSON (RFC 8785), byte for byte; null once it was archived."
    )
    body_sha256: Sha256 = attribute("SHA-256 over `canonicalJson`.")
    hash: Sha256 = attribute(
        "SHA-256 over five lines: `anchorage-audit/1`, the stream, `sequence`, `previousHash` and `bodySha256`."
    )
    previous_hash: Sha256 = attribute("The hash of the entry before it in its stream; zeros for the first.")
    row: strawberry.Private[EntryRow]

    @field(PARENT)
    async def target(self, info: Info) -> AuditTarget | None:
        """What it was done to; null when it is not there any more, or when the caller may not read its kind."""
        found: Any = await fetch_readable(info.context, self.target_id)
        return found  # type: ignore[no-any-return]  # the kinds of a target are those of the union

    @field(PARENT, cost=5)
    async def receipt(self, info: Info) -> str | None:
        """That the log holds the entry (C2SP tlog-proof): its leaf, the way to the root, and the signed checkpoint.

        Asking for it waits for the checkpoint that covers the entry, three seconds at most; null after that, and
        `receiptAbsence` says why.
        """
        found = await info.context.loaders.receipts.load((self.row.seq, self.row.hash))
        return None if found is None else str(found)

    @field(PARENT, cost=5)
    async def receipt_absence(self, info: Info) -> ReceiptAbsence | None:
        """Why there is no `receipt`, waiting as it does; null where there is one."""
        found = await info.context.loaders.receipts.load((self.row.seq, self.row.hash))
        return ReceiptAbsence.NOT_YET_SIGNED if found is None else None

    @field(PARENT, cost=5)
    async def inclusion_proof(
        self,
        info: Info,
        tree_size: Annotated[
            SafeInt | None,
            strawberry.argument(description="The size to prove against; the newest checkpoint's when absent."),
        ] = UNSET,
    ) -> AuditInclusionProof | None:
        """Where the entry stands in the tree, and the way to its root; null while no checkpoint covers it."""
        return await inclusion_proof(info.context, self.row, given(tree_size))

    @classmethod
    def of(cls, row: EntryRow) -> Self:
        """The entry of a row."""
        view = EntryView.of(row)
        return cls(
            id=ids.encode(Kind.EVENT, row.id),
            sequence=SafeInt(row.aseq),
            occurred_at=row.time,
            action=AuditAction(row.action),
            outcome=AuditOutcome(row.result),
            code=row.code,
            actor=Actor.of_entry(row, view),
            target_id=_target_id(row),
            target_name=view.text("target", "name"),
            reason=view.reason,
            changes=[AuditChange.of(change) for change in view.changes()],
            request_id=view.text("request", "id"),
            client_address=view.claims.get("client.address"),
            canonical_json=row.body.decode() if row.body else None,
            body_sha256=Sha256(row.body_sha256),
            hash=Sha256(row.hash),
            previous_hash=Sha256(row.prev),
            row=row,
        )


@object_type
class AuditEventEdge:
    """An entry, and its place in a connection."""

    cursor: str = attribute("Pass it as `after` or `before`.")
    node: AuditEvent = attribute("The entry.")

    @classmethod
    def of(cls, row: EntryRow) -> Self:
        """The entry of a row, in its place."""
        return cls(cursor=entry_cursor(row), node=AuditEvent.of(row))


@object_type
class AuditEventConnection:
    """A page of the log."""

    edges: list[AuditEventEdge] = attribute("The page, in order.")
    page_info: PageInfo = attribute("Where the page lies.")
    count: strawberry.Private[Callable[[], Awaitable[int | None]]]

    @field(PARENT, cost=5)
    async def total_count(self) -> int | None:
        """How many match in all; null over 10,000, and where a `text` would have to be looked for in more."""
        return await self.count()

    @classmethod
    def of(cls, page: Page[EntryRow], count: Callable[[], Awaitable[int | None]]) -> Self:
        """The page as the schema shows it; `count` is asked only for those who want to know."""
        edges = [AuditEventEdge.of(row) for row in page.rows]
        reached = None if page.reached is None else entry_cursor(page.reached)
        info = PageInfo.of(page, [edge.cursor for edge in edges], reached)
        return cls(edges=edges, page_info=info, count=count)


async def _fetch_event(context: Context, entry_id: str) -> AuditEvent | None:
    # Looking an entry up is looking into the log: it is recorded, and refused, as such.
    await context.record_log_read("node", "node")
    row = await context.loaders.entries.load(entry_id)
    return None if row is None else AuditEvent.of(row)


SOURCES[Kind.EVENT] = Source(by_the_door(Scope.AUDIT_READ), _fetch_event)


def entry_cursor(row: EntryRow) -> str:
    """The entry's place in its account's log, told without the numbers that all accounts share."""
    return write_cursor(LOG_ORDER, (row.aseq, row.id))


def _target_id(row: EntryRow) -> strawberry.ID | None:
    kind = TARGETS.get(row.target_type or "")
    return None if kind is None or row.target_id is None else ids.encode(kind, row.target_id)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _text(value: Any) -> str | None:  # noqa: ANN401  # whatever JSON holds
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
