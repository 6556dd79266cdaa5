"""The inputs of queries, and how each is asked of the store. An optional field that is absent is UNSET."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import strawberry
from strawberry import UNSET

from app.errors import InvalidInput
from app.rules.enrollment import parse_identity
from app.rules.possession import Proof, Signature, VerificationCertificate
from app.services.audit_search import Search
from app.services.submission import Submission
from app.store.enrollments import EnrollmentFilter as EnrollmentsWanted
from app.store.log_reads import EntryFilter
from app.store.paging import Order
from app.store.reads import CertificateFilter as Wanted
from app.terms import EnrollmentStatus, Possession, Service, Status, Usage
from app.transport.graphql.audit_actions import AuditAction
from app.transport.graphql.connections import PAGE_LIMIT
from app.transport.graphql.described import attribute, input_type, one_of
from app.transport.graphql.enums import AuditOutcome, CertificateOrderField, OrderDirection
from app.transport.graphql.ids import Kind, decode, decode_any, kind_of
from app.transport.graphql.scalars import PEM, Base64, SafeInt, Sha256
from app.transport.graphql.scopes import Cost
from app.transport.graphql.wrong_input import BadUserInput

T = TypeVar("T")

TEXT_LIMIT = 200
CODE_LIMIT = 64
"""No code of an entry is longer; the store takes no longer one to look for."""
LAST_OF_MILLISECOND = timedelta(microseconds=999)
INLINE_LIMIT = 4096
"""A larger chain is examined in a thread, so that the other requests do not wait for its signatures."""


@input_type
class DateTimeRange:
    """A half-open interval of time: the start is inside, the end is outside."""

    start: datetime | None = attribute("The first instant that matches; open when absent.", default=UNSET)
    end: datetime | None = attribute("The first instant that no longer matches; open when absent.", default=UNSET)


@one_of
class AsOf:
    """A point of the log, as exactly one of these. Showing the past needs the scope `AUDIT_READ` and is recorded.

    The past is rebuilt from the log alone. A point that the log has not reached, and one whose entries were archived,
    end with `extensions.code = "HISTORY_UNAVAILABLE"`. Objects have the ids that they have now: keep them out of a
    cache that goes by ids.
    """

    time: datetime | None = attribute(
        "An instant, not later than now: everything up to the last entry that was made by then. Instants are shown to"
        " the millisecond, so one without a finer part means the whole of its millisecond.",
        default=UNSET,
    )
    tree_size: SafeInt | None = attribute(
        "The size of the tree, not larger than that of the newest checkpoint: everything among so many first entries.",
        default=UNSET,
    )

    def instant(self, now: datetime) -> datetime | None:
        """The instant that is meant: of a millisecond its end, if that has come. None for a size."""
        time = given(self.time)
        if time is None or time > now or time.microsecond % 1000:
            return time
        return min(now, time + LAST_OF_MILLISECOND)

    def size(self) -> int:
        """The size of the tree; 0 for an instant. Raises BadUserInput for one below zero."""
        size = given(self.tree_size) or 0
        if size < 0:
            raise BadUserInput("The size of a tree is not below zero.")
        return size


@one_of
class CertificateLookup:
    """Which certificate, by exactly one of these."""

    id: strawberry.ID | None = attribute("Its id.", default=UNSET)
    fingerprint: Sha256 | None = attribute("SHA-256 over the DER of the anchor.", default=UNSET)
    name: str | None = attribute("Its name, exactly.", default=UNSET)


@input_type
class CertificateFilter:
    """Narrows a list of certificates. Everything given must hold; a list means any of."""

    status: list[Status] | None = attribute("The status is one of these.", default=UNSET)
    service: list[Service] | None = attribute("The service is one of these.", default=UNSET)
    usage: list[Usage] | None = attribute("The usage is one of these.", default=UNSET)
    possession: list[Possession] | None = attribute("The possession status is one of these.", default=UNSET)
    is_developer: bool | None = attribute("It is, or is not, a developer certificate.", default=UNSET)
    text: str | None = attribute(
        "Name, description or subject contains this, whatever the case; at most 200 characters.", default=UNSET
    )
    expires: DateTimeRange | None = attribute("It expires within this interval.", default=UNSET)

    def wanted(self) -> Wanted:
        """As the store asks it. Raises BadUserInput."""
        expires = given(self.expires) or DateTimeRange()
        return Wanted(
            status=_any_of(self.status),
            service=_any_of(self.service),
            usage=_any_of(self.usage),
            possession=_any_of(self.possession),
            is_developer=given(self.is_developer),
            text=search_text(given(self.text)),
            expires_from=given(expires.start),
            expires_before=given(expires.end),
        )


@input_type
class CertificateOrder:
    """How to order certificates."""

    field: CertificateOrderField = attribute("What to order by; ties are broken by id.")
    direction: OrderDirection = attribute("In which direction.", default=OrderDirection.ASC)

    def order(self) -> Order:
        """As the store asks it."""
        return Order(self.field.value, "id", descending=self.direction is OrderDirection.DESC)


@input_type
class AuditEventFilter:
    """Narrows the log. Everything given must hold; a list means any of."""

    action: list[AuditAction] | None = attribute("The action is one of these.", default=UNSET)
    outcome: list[AuditOutcome] | None = attribute("The outcome is one of these.", default=UNSET)
    codes: list[str] | None = attribute("The code is one of these, for example `QUOTA_EXCEEDED`.", default=UNSET)
    target_ids: list[strawberry.ID] | None = attribute("It was done to one of these; at most 100.", default=UNSET)
    actor_ids: list[strawberry.ID] | None = attribute(
        "It was done by one of these keys or people (`key_`, `usr_`); at most 100.", default=UNSET
    )
    occurred: DateTimeRange | None = attribute("It happened within this interval.", default=UNSET)
    text: str | None = attribute(
        "Every word of this occurs, whatever the case, in the action (`CERTIFICATE_UPLOAD` or `certificate.upload`),"
        " the code, the id or name of what it was done to, the reason, the request id or the name of who did it; at"
        " most 200 characters. A page looks at 10,000 entries that match the rest, and may find few or none while"
        " `hasNextPage` (with `last`, `hasPreviousPage`) is true: go on from its `endCursor` (`startCursor`).",
        default=UNSET,
        directives=[Cost(weight="200")],
    )

    def wanted(self) -> Search:
        """As it is looked for. Raises BadUserInput."""
        occurred = given(self.occurred) or DateTimeRange()
        codes = given(self.codes)
        narrowed = EntryFilter(
            actions=_words(self.action),
            results=_words(self.outcome),
            codes=None
            if codes is None
            else frozenset(code for code in map(search_text, few(codes)) if code and len(code) <= CODE_LIMIT),
            target_ids=_ids(self.target_ids),
            actor_ids=_ids(self.actor_ids),
            start=given(occurred.start),
            end=given(occurred.end),
        )
        return Search.of(narrowed, _with_stored_ids(search_text(given(self.text)) or ""))


@input_type
class EnrollmentFilter:
    """Narrows a list of claims: everything given must hold, and a list means any of its items."""

    identity: str | None = attribute("This identity, in either case of its digits.", default=UNSET)
    status: list[EnrollmentStatus] | None = attribute("What has become of it.", default=UNSET)

    def wanted(self, at: datetime) -> EnrollmentsWanted:
        """As it is looked for, as of an instant. Raises BadUserInput for what is no identity."""
        identity = given(self.identity)
        try:
            fingerprint = None if identity is None else parse_identity(identity)
        except InvalidInput as invalid:
            raise BadUserInput(invalid.message) from None
        return EnrollmentsWanted(fingerprint=fingerprint, status=_any_of(self.status), at=at)


@one_of
class CertificateSource:
    """A certificate chain, as exactly one of these."""

    pem: PEM | None = attribute(
        "PEM text: what an API caller has, and what a browser reads from the chosen file.", default=UNSET
    )
    der: Base64 | None = attribute("One DER certificate, for files that are not text.", default=UNSET)

    @property
    def source(self) -> str | bytes:
        """What was sent, unread: text, or bytes."""
        return given(self.pem) or given(self.der) or b""

    async def examined(self, at: datetime) -> Submission:
        """The chain, judged as of an instant. What is wrong with it is a finding."""
        if len(self.source) <= INLINE_LIMIT:
            return Submission.of(self.source, at=at)
        return await asyncio.to_thread(Submission.of, self.source, at=at)


@one_of
class PossessionProof:
    """A proof of possession, as exactly one of these."""

    signature: Base64 | None = attribute(
        "A signature over the challenge's text, with the certificate's key: RSA (PKCS #1 v1.5 or PSS) with SHA-256,"
        " ECDSA with SHA-256, SHA-384 or SHA-512, EdDSA or ML-DSA.",
        default=UNSET,
    )
    verification_certificate: PEM | None = attribute(
        "A certificate that the key issued, alone, whose subject's common name is the challenge's code.",
        default=UNSET,
    )

    async def proof(self) -> Proof:
        """What was given, read. What is wrong with it is refused behind the door."""
        if self.signature is not UNSET:
            return Signature(self.signature or b"")
        source = given(self.verification_certificate) or ""
        if len(source) <= INLINE_LIMIT:
            return VerificationCertificate.of(source)
        return await asyncio.to_thread(VerificationCertificate.of, source)


@input_type
class PreviewCertificateInput:
    """What to look at before uploading."""

    source: CertificateSource = attribute("The chain.")
    usage: Usage = attribute("How devices will use it: it decides what is required.")
    service: Service | None = attribute(
        "Which server would accept its devices; the one that the usage implies when absent.", default=UNSET
    )


def given(value: T | None) -> T | None:
    """The value, None where the caller left it out."""
    return None if value is UNSET else value


def log_search(narrowed: AuditEventFilter | None) -> Search:
    """What a filter of the log looks for; everything, where there is none."""
    found = given(narrowed)
    return Search() if found is None else found.wanted()


def certificate_ids(given_ids: list[strawberry.ID] | None) -> frozenset[str] | None:
    """The stored ids of certificates; None for all. Raises BadUserInput over 100."""
    found = given(given_ids)
    return None if found is None else frozenset(decode(Kind.CERTIFICATE, each) for each in few(found))


def few(values: list[T]) -> list[T]:
    """The list. Raises BadUserInput over 100 items."""
    if len(values) > PAGE_LIMIT:
        raise BadUserInput(f"A list of the input has at most {PAGE_LIMIT} items; this one has {len(values)}.")
    return values


def search_text(text: str | None, *, limit: int = TEXT_LIMIT) -> str | None:
    """A text to look for. Raises BadUserInput for one that is too long, or that no database can hold."""
    if text is not None and len(text) > limit:
        raise BadUserInput(f"A text to look for has at most {limit} characters; this one has {len(text)}.")
    if text is not None and any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text):
        raise BadUserInput("A text to look for holds a character that no text here can have.")
    return text


def _with_stored_ids(text: str) -> str:
    return " ".join(word if kind_of(word) is None else decode_any(word) for word in text.split())


def _any_of(values: list[T] | None) -> frozenset[T] | None:
    found = given(values)
    return None if found is None else frozenset(few(found))


def _words(values: Sequence[StrEnum] | None) -> frozenset[str] | None:
    found = given(values)
    return None if found is None else frozenset(each.value for each in found)


def _ids(values: list[strawberry.ID] | None) -> frozenset[str] | None:
    found = given(values)
    return None if found is None else frozenset(decode_any(each) for each in few(found))
