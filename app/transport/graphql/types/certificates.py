"""Records: the certificates that an account trusts."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Self

import strawberry
from strawberry import UNSET

from app.actor import Scope
from app.clock import to_micros
from app.findings import FindingCode, Severity
from app.rules import pem
from app.rules.chain import Chain
from app.services.assessment import Noticed
from app.services.possession import Challenged, is_open
from app.store.paging import Key, Page
from app.store.rows import CertificateRow, ChallengeRow
from app.terms import Possession, Service, Status, Usage
from app.transport.graphql import finding_codes, ids  # noqa: F401  # the codes' place in the schema
from app.transport.graphql.connections import After, Before, First, Last, PageInfo, asked, write_cursor
from app.transport.graphql.context import Context, Info, path_of
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.enums import CertificateOrderField
from app.transport.graphql.ids import Kind
from app.transport.graphql.loaders import Loaders, Looked, now_or_later
from app.transport.graphql.log_lists import object_log
from app.transport.graphql.scalars import PEM, Sha256
from app.transport.graphql.scopes import PARENT, by_the_door, field, needs
from app.transport.graphql.types.actors import Actor
from app.transport.graphql.types.audit import AuditEventConnection
from app.transport.graphql.types.certificate_fleet import WithDevices
from app.transport.graphql.types.history import HistoryPoint
from app.transport.graphql.types.node import SOURCES, Node, Source
from app.transport.graphql.types.possession import PossessionChallenge
from app.transport.graphql.types.x509 import X509Certificate, views_of


@object_type
class CertificateFinding:
    """One thing found in a certificate or a chain."""

    severity: Severity = attribute("How much it matters.")
    code: FindingCode = attribute("What it is: branch on this.")
    message: str = attribute("One sentence in English, fit to show to a person.")
    chain_index: int | None = attribute(
        "Which certificate, counted from 0: in the text that was sent, and of a stored certificate along its chain;"
        " null when it is the whole."
    )
    reference: str | None = attribute("The rule, for example `RFC 5280 4.2.1.9`; null when it is ours.")
    since: datetime | None = attribute(
        "Since when it stands, as far as the log tells; null for what was not recorded yet, before an upload, and at a"
        " point of the past."
    )
    related_certificate: "Certificate | None" = attribute(
        "The other certificate that `SAME_KEY_AS` is about, or the one that `BLOCKED_BY` names; else null."
    )

    @classmethod
    def of(cls, noticed: Noticed, past: Loaders | None = None) -> Self:
        """As the schema shows it; `past` is `Certificate.past`."""
        finding = noticed.finding
        return cls(
            severity=finding.severity,
            code=finding.code,
            message=finding.message,
            chain_index=finding.index,
            reference=finding.reference,
            since=noticed.since,
            related_certificate=None if noticed.related is None else Certificate.of(noticed.related, past),
        )


def findings_of(noticed: Iterable[Noticed], past: Loaders | None = None) -> list[CertificateFinding]:
    """Several, in their order; `past` is `Certificate.past`."""
    return [CertificateFinding.of(each, past) for each in noticed]


@object_type
class Certificate(WithDevices, Node):
    """A certificate the account trusts, with its chain up to the root."""

    version: int = attribute("Goes up by one on every change: send it back as `expectedVersion`.")
    name: str = attribute("The name people know it by; unique in the account.")
    description: str | None = attribute("Free text; null when there is none.")
    status: Status = attribute("Whether devices may use it.")
    service: Service = attribute("Which server accepts devices that chain to it.")
    usage: Usage = attribute("How devices will use it.")
    possession: Possession = attribute("Whether the account has shown that it holds the private key.")
    fingerprint: Sha256 = attribute("SHA-256 over the DER of the anchor, which is the first of the chain.")
    expires_at: datetime = attribute("When the anchor expires; the year 9999 means that it does not.")
    is_developer: bool = attribute("Whether the service made it, with its private key, for a developer's devices.")
    created_at: datetime = attribute("When it was uploaded, or made.")
    updated_at: datetime = attribute("When it last changed.")
    created_by: Actor = attribute("Who uploaded it, or had it made.")
    row: strawberry.Private[CertificateRow]
    past: strawberry.Private[Loaders | None] = None
    """What to notice about it, where it is shown as it was; None as it is now."""

    @field(PARENT, returns=list[X509Certificate])
    def chain(self, info: Info) -> list[X509Certificate] | Awaitable[list[X509Certificate]]:
        """From the anchor, which signs device certificates, to the root; one certificate when it is self-signed."""
        return now_or_later(info.context.loaders.chains.load(self.row.chain), _views)

    @field(PARENT, returns=PEM)
    def pem(self, info: Info) -> PEM | Awaitable[PEM]:
        """What was uploaded, normalised: one certificate after another from the anchor up, LF line ends."""
        return now_or_later(info.context.loaders.chains.load(self.row.chain), _pem)

    @field(PARENT, returns=list[CertificateFinding])
    def findings(self, info: Info) -> list[CertificateFinding] | Awaitable[list[CertificateFinding]]:
        """What is worth knowing about it, worst first: now, or at the point of a list `asOf`.

        `UNUSED` and `BLOCKED_BY` are looked for once an hour, and within minutes of a change; never for the past.
        """
        loaders = self.past or info.context.loaders
        return now_or_later(
            loaders.noticed.load(Looked(self.row.id, self.row.chain)), partial(findings_of, past=self.past)
        )

    @field(PARENT, returns=PossessionChallenge | None)
    def possession_challenge(self, info: Info) -> PossessionChallenge | Awaitable[PossessionChallenge | None] | None:
        """The challenge that still accepts a proof of possession; null where there is none, and in a list `asOf`."""
        if self.row.possession is not Possession.PENDING or self.past is not None:
            return None
        show = partial(_open_challenge, self, at=info.context.now)
        return now_or_later(info.context.loaders.open_challenges.load(self.row.id), show)

    @field(by_the_door(Scope.AUDIT_READ), cost=2)
    async def audit_events(
        self, info: Info, first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> AuditEventConnection:
        """What happened to it up to now, newest first. Looking is recorded."""
        await info.context.record_log_read("certificate.auditEvents", path_of(info))
        return await object_log(info.context, self.row.id, asked(first, after, last, before))

    @classmethod
    def of(cls, row: CertificateRow, past: Loaders | None = None) -> Self:
        """The record of a row, as it is now or as it was."""
        return cls(
            id=ids.encode(Kind.CERTIFICATE, row.id),
            version=row.version,
            name=row.name,
            description=row.description,
            status=row.status,
            service=row.service,
            usage=row.usage,
            possession=row.possession,
            fingerprint=Sha256(row.fingerprint),
            expires_at=row.expires_at,
            is_developer=row.is_developer,
            created_at=row.created_at,
            updated_at=row.updated_at,
            created_by=Actor.of_upload(row),
            devices_suspended_at=row.devices_suspended_at,
            row=row,
            past=past,
        )


@object_type
class CertificateEdge:
    """A certificate, and its place in a connection."""

    cursor: str = attribute("Pass it as `after` or `before`.")
    node: Certificate = attribute("The certificate.")


@object_type
class CertificateConnection:
    """A page of certificates."""

    edges: list[CertificateEdge] = attribute("The page, in order.")
    page_info: PageInfo = attribute("Where the page lies.")
    as_of: HistoryPoint | None = attribute("The point that was asked for; null when the list is of now.", default=None)
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @field(PARENT, cost=5)
    async def total_count(self) -> int | None:
        """How many match in all; null over 10,000."""
        return await self.count()

    @classmethod
    def of(
        cls,
        page: Page[CertificateRow],
        order: CertificateOrderField,
        count: Callable[[], Awaitable[int]],
        past: Loaders | None = None,
        as_of: HistoryPoint | None = None,
    ) -> Self:
        """The page as the schema shows it; `count` is asked only for those who want to know."""
        edges = [
            CertificateEdge(cursor=write_cursor(order.value, place_of(row, order)), node=Certificate.of(row, past))
            for row in page.rows
        ]
        info = PageInfo.of(page, [edge.cursor for edge in edges])
        return cls(edges=edges, page_info=info, as_of=as_of, count=count)


async def _fetch(context: Context, certificate_id: str) -> Certificate | None:
    row = await context.loaders.certificates.load(certificate_id)
    return None if row is None else Certificate.of(row)


async def _fetch_challenge(context: Context, challenge_id: str) -> PossessionChallenge | None:
    row = await context.loaders.challenges.load(challenge_id)
    record = None if row is None else await context.loaders.certificates.load(row.certificate_id)
    return None if row is None or record is None else challenge_of(Challenged(row, record))


SOURCES[Kind.CERTIFICATE] = Source(needs(Scope.CERTIFICATES_READ), _fetch)
SOURCES[Kind.CHALLENGE] = Source(needs(Scope.CERTIFICATES_READ), _fetch_challenge)


def challenge_of(challenged: Challenged) -> PossessionChallenge:
    """A challenge as the schema shows it."""
    return PossessionChallenge.of(challenged, Certificate.of(challenged.record))


def place_of(row: CertificateRow, order: CertificateOrderField) -> Key:
    """The record's place in a list that is sorted by `order`."""
    value = getattr(row, order.value)
    return value if isinstance(value, str) else to_micros(value), row.id


def _open_challenge(certificate: Certificate, row: ChallengeRow | None, at: datetime) -> PossessionChallenge | None:
    if row is None or not is_open(row, at):
        return None
    return PossessionChallenge.of(Challenged(row, certificate.row), certificate)


def _views(chain: Chain) -> list[X509Certificate]:
    return views_of(chain.certificates)


def _pem(chain: Chain) -> PEM:
    return PEM(pem.encode(chain.ders))
