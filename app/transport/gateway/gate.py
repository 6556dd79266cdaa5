"""Which gateway asks."""

from dataclasses import dataclass, field

from starlette.requests import Request

from app.actor import Actor, Origin
from app.errors import Unauthenticated
from app.services.gateway_keys import GatewayKey, GatewayKeys
from app.terms import ClientCertForm
from app.transport.arrival import arrival_of
from app.transport.gate import HouseGate
from app.transport.sign_in import bearer


@dataclass(frozen=True, slots=True)
class GatewayCaller:
    """A gateway, with the form in which it hands on chains, and the request that it sent."""

    actor: Actor
    form: ClientCertForm
    origin: Origin
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class GatewayGate:
    """Tells gateways from others. A wrong key is recorded and counted as everywhere in the house."""

    house: HouseGate
    keys: GatewayKeys

    async def admit(self, request: Request) -> GatewayCaller:
        """The gateway that sent a request.

        Raises Unauthenticated and RateLimited, recorded; Forbidden for a key of another role; StoreUnavailable.
        """
        arrival = arrival_of(request)
        authorization = request.headers.get("authorization")
        key = await self.house.keyed(request, authorization, arrival.origin, self._signing_in(authorization))
        if key.actor.id is not None:
            self.house.key_uses.used(key.actor.id)
        arrival.actor = key.actor
        return GatewayCaller(key.actor, key.form, arrival.origin, bearer(authorization or ""))

    async def _signing_in(self, authorization: str | None) -> GatewayKey:
        if authorization is None:
            raise Unauthenticated("Send the gateway's key as `Authorization: Bearer ak_…`.")
        return await self.keys.authenticate(bearer(authorization), self.house.services.clock())
