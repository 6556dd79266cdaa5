"""Changes to certificates, and to what is found about them, as they happen."""

from typing import Self

import strawberry

from app.audit.entry import Result
from app.audit.events import (
    CERTIFICATE_MADE,
    CERTIFICATE_NOTED,
    CertificateDeleted,
    CertificateStatusSet,
    CertificateUpdated,
)
from app.audit.possession_events import PossessionProven
from app.findings import FindingCode
from app.services.audit_search import Search
from app.store.log_reads import EntryFilter
from app.store.rows import EntryRow
from app.transport.graphql import ids
from app.transport.graphql.audit_actions import AuditAction
from app.transport.graphql.context import Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.entry_view import EntryView
from app.transport.graphql.ids import Kind
from app.transport.graphql.scopes import PARENT, field
from app.transport.graphql.types.audit import entry_cursor
from app.transport.graphql.types.certificates import Certificate

CHANGES = frozenset(
    (
        *CERTIFICATE_MADE,
        CertificateUpdated.kind,
        CertificateStatusSet.kind,
        CertificateDeleted.kind,
        PossessionProven.kind,
    )
)


@object_type
class CertificateChange:
    """A change to a certificate: it is there, or it is gone."""

    action: AuditAction = attribute("What was done.")
    changed_id: strawberry.ID = attribute("The id, for caches.")
    cursor: str = attribute("Pass it as `after` to go on from here.")
    certificate_id: strawberry.Private[str]

    @field(PARENT)
    async def certificate(self, info: Info) -> Certificate | None:
        """The certificate as it is now; null when it was deleted."""
        row = await info.context.loaders.certificates.load(self.certificate_id)
        return None if row is None else Certificate.of(row)

    @classmethod
    def of(cls, entry: EntryRow) -> Self:
        """The change that an entry records."""
        certificate_id = entry.target_id or ids.NOBODY
        return cls(
            action=AuditAction(entry.action),
            changed_id=ids.encode(Kind.CERTIFICATE, certificate_id),
            cursor=entry_cursor(entry),
            certificate_id=certificate_id,
        )


@object_type
class FindingChange:
    """A look found something about a certificate that was not there before, or something gone."""

    certificate_id: strawberry.ID = attribute("The certificate's id, for caches.")
    appeared: list[FindingCode] = attribute("What is there that was not.")
    gone: list[FindingCode] = attribute("What was there and is not; a code may stand on both sides.")
    cursor: str = attribute("Pass it as `after` to go on from here.")
    stored_id: strawberry.Private[str]

    @field(PARENT)
    async def certificate(self, info: Info) -> Certificate | None:
        """The certificate as it is now, with its findings; null when it was deleted."""
        row = await info.context.loaders.certificates.load(self.stored_id)
        return None if row is None else Certificate.of(row)

    @classmethod
    def of(cls, entry: EntryRow) -> Self:
        """The change that an entry records; of an archived one nothing is told but that it was."""
        stored_id = entry.target_id or ids.NOBODY
        change = EntryView.of(entry).body.get("change") or {}
        return cls(
            certificate_id=ids.encode(Kind.CERTIFICATE, stored_id),
            appeared=_codes(change.get("appeared")),
            gone=_codes(change.get("gone")),
            cursor=entry_cursor(entry),
            stored_id=stored_id,
        )


def findings_of(certificate_ids: frozenset[str] | None) -> Search:
    """The entries that say what looks found about these certificates, or about any."""
    done = frozenset({Result.SUCCESS.value})
    return Search(EntryFilter(actions=frozenset({CERTIFICATE_NOTED}), results=done, target_ids=certificate_ids))


def changes_of(certificate_ids: frozenset[str] | None) -> Search:
    """The entries that record changes to these certificates, or to any."""
    done = frozenset({Result.SUCCESS.value})
    return Search(EntryFilter(actions=CHANGES, results=done, target_ids=certificate_ids))


def is_change(entry: EntryRow) -> bool:
    """Whether something was done: a repetition that was answered as the first time is recorded, and is no change."""
    return entry.code is None


def _codes(words: list[str] | None) -> list[FindingCode]:
    # While servers are upgraded one by one, a newer one may have found what this one has no name for.
    return [FindingCode(word) for word in words or () if word in set(FindingCode)]
