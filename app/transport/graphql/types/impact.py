"""What a change of certificates would do to devices."""

from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

import strawberry
from strawberry import UNSET

from app.actor import Scope
from app.impact import Effect, Impact
from app.reasons import Reason
from app.terms import Service
from app.transport.graphql import trust_enums  # noqa: F401  # defines TrustReason in the schema
from app.transport.graphql.connections import After, Before, First, Last, asked
from app.transport.graphql.context import Context, Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.ids import Kind
from app.transport.graphql.scalars import SafeInt
from app.transport.graphql.scopes import PARENT, field, needs
from app.transport.graphql.types.devices import DEVICES_ORDER, DeviceConnection
from app.transport.graphql.types.node import SOURCES

if TYPE_CHECKING:
    from app.transport.graphql.types.certificates import Certificate

ItsCertificate: TypeAlias = Annotated["Certificate", strawberry.lazy("app.transport.graphql.types.certificates")]


@object_type
class ImpactEffect:
    """What would be decided otherwise about some devices, all of one kind: they share issuer, chain and certificate."""

    service: Service = attribute("At which server.")
    before: Reason = attribute("What is decided about them now.")
    after: Reason = attribute("What would be decided.")
    device_count: SafeInt = attribute("How many they are.")
    effect: strawberry.Private[Effect]

    @field(needs(Scope.CERTIFICATES_READ))
    async def certificate_before(self, info: Info) -> ItsCertificate | None:
        """The certificate that lets them in now; null where none does."""
        return await _certificate(info.context, self.effect.record_before)

    @field(needs(Scope.CERTIFICATES_READ))
    async def certificate_after(self, info: Info) -> ItsCertificate | None:
        """The one that would let them in; null where none would, and where it is yet to be uploaded."""
        return await _certificate(info.context, self.effect.record_after)

    @field(needs(Scope.DEVICES_READ), cost=2)
    async def devices(
        self, info: Info, first: First = UNSET, after: After = UNSET, last: Last = UNSET, before: Before = UNSET
    ) -> DeviceConnection:
        """All of them, by endpoint name; `totalCount` is the `deviceCount`."""
        context, window = info.context, asked(first, after, last, before).window(DEVICES_ORDER)
        page = await context.fleet.members.load((self.effect.members, window))
        return DeviceConnection.of(context, page, self._count)

    async def _count(self) -> int:
        return self.effect.devices

    @classmethod
    def of(cls, effect: Effect) -> Self:
        """As the schema shows it."""
        return cls(
            service=effect.kind.service,
            before=effect.before,
            after=effect.after,
            device_count=SafeInt(effect.devices),
            effect=effect,
        )


@object_type
class CertificateChangeImpact:
    """What a change would do to the devices that came in before, by what each came in with last.

    It is exact but for `unknownCount`. A device that comes to both servers counts at each. Devices that are suspended,
    or whose certificate is not valid now, have no access to lose.
    """

    losing_count: SafeInt = attribute("How many would lose access.")
    gaining_count: SafeInt = attribute("How many would gain it.")
    moving_count: SafeInt = attribute("How many would go on to come in, through another certificate.")
    unchanged_count: SafeInt = attribute("For how many nothing would change.")
    unknown_count: SafeInt = attribute(
        "How many were too many to look at: the rest of over 10,000 kinds of devices, and of over 20,000 devices that"
        " have to be asked one by one because a CA above them constrains names."
    )
    effect_count: SafeInt = attribute("How many effects there are.")
    token: str = attribute(
        "Stands for the change and for the devices that it does something to. Give it as `expectedImpact`, and the"
        " change is refused where these are others by then, or what is trusted, claimed or suspended is."
    )
    impact: strawberry.Private[Impact]

    @field(PARENT)
    async def effects(self, first: First = UNSET) -> list[ImpactEffect]:
        """Whatever would be decided otherwise, the most devices first."""
        return [ImpactEffect.of(effect) for effect in self.impact.effects[: asked(first, UNSET, UNSET, UNSET).size]]

    @classmethod
    def of(cls, impact: Impact) -> Self:
        """As the schema shows it."""
        return cls(
            losing_count=SafeInt(impact.losing),
            gaining_count=SafeInt(impact.gaining),
            moving_count=SafeInt(impact.moving),
            unchanged_count=SafeInt(impact.unchanged),
            unknown_count=SafeInt(impact.unknown),
            effect_count=SafeInt(len(impact.effects)),
            token=impact.token,
            impact=impact,
        )


async def _certificate(context: Context, certificate_id: str | None) -> "Certificate | None":
    found: Any = None if not certificate_id else await SOURCES[Kind.CERTIFICATE].fetch(context, certificate_id)
    return found  # type: ignore[no-any-return]  # of this kind
