"""Everything that can be read."""

import asyncio
from typing import Annotated

import strawberry
from strawberry import UNSET

from app.actor import Scope
from app.transport.graphql.connections import After, Before, First, Last, asked
from app.transport.graphql.context import Info, path_of
from app.transport.graphql.described import object_type
from app.transport.graphql.device_inputs import DeviceFilter, VerifyDeviceInput
from app.transport.graphql.device_lists import devices_page, gateways_of
from app.transport.graphql.enums import CertificateOrderField, OrderDirection
from app.transport.graphql.history import past_account, past_certificates
from app.transport.graphql.ids import Kind, decode
from app.transport.graphql.impact import PreviewCertificateChangeInput, previewed
from app.transport.graphql.inputs import (
    AsOf,
    AuditEventFilter,
    CertificateFilter,
    CertificateLookup,
    CertificateOrder,
    EnrollmentFilter,
    PreviewCertificateInput,
    few,
    given,
    log_search,
)
from app.transport.graphql.log_lists import account_log
from app.transport.graphql.lookups import (
    api_keys_page,
    certificate_by,
    certificates_page,
    enrollments_page,
    jobs_page,
    own_account,
    preview,
)
from app.transport.graphql.proofs import checkpoint, consistency_proof, inclusion_proof_by_id
from app.transport.graphql.scalars import SafeInt
from app.transport.graphql.scopes import OPEN, SIGNED_IN, Cost, by_the_door, field, needs
from app.transport.graphql.types.accounts import Account, ApiKeyConnection
from app.transport.graphql.types.actors import Viewer
from app.transport.graphql.types.audit import AuditEventConnection
from app.transport.graphql.types.certificates import Certificate, CertificateConnection
from app.transport.graphql.types.decisions import TrustDecision
from app.transport.graphql.types.devices import Device, DeviceConnection
from app.transport.graphql.types.enrollments import Enrollment, EnrollmentConnection
from app.transport.graphql.types.evidence import AuditCheckpoint, AuditConsistencyProof, AuditInclusionProof
from app.transport.graphql.types.gateways import Gateways
from app.transport.graphql.types.impact import CertificateChangeImpact
from app.transport.graphql.types.jobs import Job, JobConnection
from app.transport.graphql.types.node import Node, fetch_node
from app.transport.graphql.types.preview import CertificatePreview
from app.transport.graphql.types.service import Health, RateLimit
from app.transport.graphql.verifying import verified

NEWEST_FIRST = CertificateOrder(field=CertificateOrderField.CREATED_AT, direction=OrderDirection.DESC)

Narrowed = Annotated[CertificateFilter | None, strawberry.argument(description="Narrows the list.")]
Ordered = Annotated[CertificateOrder, strawberry.argument(description="How to order it.")]
Directed = Annotated[
    OrderDirection,
    strawberry.argument(description="Newest first (`DESC`), or oldest first to read along (`ASC`)."),
]
Past = Annotated[
    AsOf | None,
    strawberry.argument(
        description="How it was at a point of the log, instead of now; needs `AUDIT_READ` as well.",
        directives=[Cost(weight="20")],
    ),
]
NarrowedDevices = Annotated[DeviceFilter | None, strawberry.argument(description="Narrows the list.")]
NarrowedEnrollments = Annotated[EnrollmentFilter | None, strawberry.argument(description="Narrows the list.")]
NarrowedLog = Annotated[AuditEventFilter | None, strawberry.argument(description="Narrows the log.")]


@object_type
class Query:
    """Everything that can be read."""

    @field(SIGNED_IN)
    async def viewer(self, info: Info) -> Viewer | None:
        """Who is asking, in which account, with which scopes."""
        return Viewer.of(info.context.actor, Account.of(await own_account(info.context)))

    @field(SIGNED_IN)
    async def account(self, info: Info, as_of: Past = UNSET) -> Account | None:
        """The caller's account; null where there was none yet."""
        point = given(as_of)
        return Account.of(await own_account(info.context)) if point is None else await past_account(info, point)

    @field(SIGNED_IN)
    async def node(
        self, info: Info, node_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="Its id.")]
    ) -> Node | None:
        """Any object, by its id; null when there is none that the caller may see."""
        return await fetch_node(info.context, node_id)

    @field(SIGNED_IN)
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their ids, at most 100.")],
    ) -> list[Node | None] | None:
        """Several objects, in the order asked for, null for each that is not there."""
        return list(await asyncio.gather(*(fetch_node(info.context, node_id) for node_id in few(ids))))

    @field(needs(Scope.CERTIFICATES_READ))
    async def certificate(
        self, info: Info, by: Annotated[CertificateLookup, strawberry.argument(description="Which.")]
    ) -> Certificate | None:
        """One certificate; null when there is none."""
        row = await certificate_by(info.context, by)
        return None if row is None else Certificate.of(row)

    @field(needs(Scope.CERTIFICATES_READ))
    async def certificates(  # the arguments of a connection
        self,
        info: Info,
        filter_by: Narrowed = UNSET,
        order_by: Ordered = NEWEST_FIRST,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        as_of: Past = UNSET,
    ) -> CertificateConnection | None:
        """The certificates the account trusts, or trusted."""
        narrowed, page, point = given(filter_by), asked(first, after, last, before), given(as_of)
        if point is not None:
            return await past_certificates(info, point, narrowed, order_by, page)
        return await certificates_page(info, narrowed, order_by, page)

    @field(needs(Scope.CERTIFICATES_READ), cost=10)
    async def preview_certificate(
        self,
        info: Info,
        given_input: Annotated[
            PreviewCertificateInput, strawberry.argument(name="input", description="What to look at.")
        ],
    ) -> CertificatePreview | None:
        """What an upload would do, without doing it."""
        return CertificatePreview.of(await preview(info.context, given_input))

    @field(needs(Scope.DEVICES_READ))
    async def device(
        self, info: Info, device_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="Its id.")]
    ) -> Device | None:
        """One device; null when there is none."""
        row = await info.context.fleet.devices.load(decode(Kind.DEVICE, device_id))
        return None if row is None else Device.of(row)

    @field(needs(Scope.DEVICES_READ))
    async def devices(  # the arguments of a connection
        self,
        info: Info,
        filter_by: NarrowedDevices = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> DeviceConnection | None:
        """The devices that came in at least once, by endpoint name."""
        return await devices_page(info.context, given(filter_by), asked(first, after, last, before))

    @field(needs(Scope.DEVICES_READ), cost=5)
    async def gateways(self, info: Info) -> Gateways | None:
        """Which gateway enforces which version of what the account trusts."""
        return await gateways_of(info.context)

    @field(needs(Scope.DEVICES_READ), cost=20)
    async def preview_certificate_change(
        self,
        info: Info,
        given_input: Annotated[
            PreviewCertificateChangeInput, strawberry.argument(name="input", description="The change.")
        ],
    ) -> CertificateChangeImpact | None:
        """What a change of certificates would do to devices, without doing it; null for an unknown certificate.

        What the mutation would refuse is an error with its code, `confirmUnblock` aside, and with a chain's `findings`.
        """
        return await previewed(info, given_input)

    @field(needs(Scope.DEVICES_READ), cost=10)
    async def verify_device(
        self,
        info: Info,
        given_input: Annotated[
            VerifyDeviceInput, strawberry.argument(name="input", description="The chain, and what to decide for.")
        ],
    ) -> TrustDecision | None:
        """Whether a device that presents this chain would get in, and why. It gets in nowhere by this."""
        return await verified(info, given_input)

    @field(by_the_door(Scope.AUDIT_READ))
    async def audit_events(  # the arguments of a connection
        self,
        info: Info,
        filter_by: NarrowedLog = UNSET,
        direction: Directed = OrderDirection.DESC,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> AuditEventConnection | None:
        """The account's log, newest first. Looking is recorded, in the log itself."""
        search, page = log_search(filter_by), asked(first, after, last, before)
        await info.context.record_log_read("auditEvents", path_of(info))
        return await account_log(info.context, search, page, descending=direction is OrderDirection.DESC)

    @field(needs(Scope.AUDIT_READ))
    async def audit_checkpoint(self, info: Info) -> AuditCheckpoint | None:
        """The newest signed checkpoint of the log; null before the first. `/log/checkpoint` has it for everybody."""
        return await checkpoint(info.context)

    @field(needs(Scope.AUDIT_READ), cost=5)
    async def audit_inclusion_proof(
        self,
        info: Info,
        event_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="The entry's id.")],
        tree_size: Annotated[
            SafeInt | None,
            strawberry.argument(description="The size to prove against; the newest checkpoint's when absent."),
        ] = UNSET,
    ) -> AuditInclusionProof | None:
        """Where an entry stands in the tree, and the way to its root; null while no checkpoint covers it."""
        return await inclusion_proof_by_id(info.context, event_id, given(tree_size))

    @field(needs(Scope.AUDIT_READ), cost=10)
    async def audit_consistency_proof(
        self,
        info: Info,
        from_tree_size: Annotated[
            SafeInt, strawberry.argument(description="The smaller size, from a checkpoint kept earlier.")
        ],
        to_tree_size: Annotated[
            SafeInt | None,
            strawberry.argument(description="The larger size; the newest checkpoint's when absent."),
        ] = UNSET,
    ) -> AuditConsistencyProof | None:
        """Shows that the log only grew between two sizes; null before the first checkpoint."""
        return await consistency_proof(info.context, from_tree_size, given(to_tree_size))

    @field(needs(Scope.API_KEYS_READ))
    async def api_keys(
        self, info: Info, first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> ApiKeyConnection | None:
        """The account's API keys, newest first; secrets are never shown again."""
        return await api_keys_page(info.context, asked(first, after, last, before))

    @field(needs(Scope.DEVICES_READ))
    async def enrollment(
        self, info: Info, node_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="Its id.")]
    ) -> Enrollment | None:
        """One claim of a device's identity; null when there is none."""
        row = await info.context.loaders.enrollments.load(decode(Kind.ENROLLMENT, node_id))
        return None if row is None else Enrollment.of(row)

    @field(needs(Scope.DEVICES_READ))
    async def enrollments(  # the arguments of a connection
        self,
        info: Info,
        filter_by: NarrowedEnrollments = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> EnrollmentConnection | None:
        """The account's claims of devices' identities, newest first."""
        return await enrollments_page(info.context, given(filter_by), asked(first, after, last, before))

    @field(needs(Scope.DEVICES_READ))
    async def job(
        self, info: Info, node_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="Its id.")]
    ) -> Job | None:
        """One job; null when there is none."""
        row = await info.context.loaders.jobs.load(decode(Kind.JOB, node_id))
        return None if row is None else Job.of(row)

    @field(needs(Scope.DEVICES_READ))
    async def jobs(
        self, info: Info, first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> JobConnection | None:
        """The account's jobs, newest first."""
        return await jobs_page(info.context, asked(first, after, last, before))

    @field(OPEN)
    def rate_limit(self, info: Info) -> RateLimit | None:
        """How much the caller may still ask for; null where nothing is limited."""
        budget = info.context.budget
        return None if budget is None else RateLimit.of(budget)

    @field(OPEN, cost=5)
    async def health(self, info: Info) -> Health | None:
        """How well the service works; needs no credentials."""
        return await Health.of(info.context.services)
