"""The house as the GraphQL endpoint sees it: who may come in, what is recorded of who may not, and what each spends."""

from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import TypeVar

from starlette.requests import HTTPConnection

from app.actor import ANONYMOUS, Actor, Origin
from app.errors import RateLimited, Unauthenticated
from app.ids import new_id
from app.rules import credential
from app.services.key_uses import KeyUses
from app.services.strangers import Strangers
from app.transport.arrival import Arrival, arrival_of
from app.transport.graphql.context import Context, Services
from app.transport.graphql.gate import Budget, Caller
from app.transport.long_runs import without_long_runs
from app.transport.metrics import Metrics
from app.transport.rates import Rates, network_of
from app.transport.sign_in import bearer, sign_in

T = TypeVar("T")

WRONG_KEYS_PER_MINUTE = 1_000
"""Of one address: past them only keys that were right in this hour are looked at again."""


@dataclass(frozen=True, slots=True)
class _Arrived(Caller):
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class HouseGate:
    """See `app.transport.graphql.gate.Gate`."""

    services: Services
    strangers: Strangers
    key_uses: KeyUses
    metrics: Metrics
    rates: Rates
    wrong_keys: Rates

    async def admit(self, connection: HTTPConnection, *, authorization: str | None) -> Caller:
        """See the protocol. Raises RateLimited, recorded as a wrong key, for an address that has sent too many."""
        arrival = arrival_of(connection)
        origin = arrival.origin
        if connection.scope["type"] == "websocket":
            # Many operations come over one connection, and each is a request.
            origin = replace(origin, request_id=new_id(self.services.clock()))
        database, now = self.services.database, self.services.clock()
        actor = await self.keyed(connection, authorization, origin, sign_in(database.reads, authorization, now))
        if actor.id is not None:
            self.key_uses.used(actor.id)
        arrival.actor = actor
        return _Arrived(actor, origin, arrival)

    async def keyed(
        self,
        connection: HTTPConnection,
        authorization: str | None,
        origin: Origin,
        signing_in: Coroutine[None, None, T],
    ) -> T:
        """What signing in answers. A credential that is not valid is recorded and counted, whoever asks for it.

        Raises what signing in raises, and RateLimited, recorded as a wrong key, for an address that has sent too many.
        """
        network = network_of(origin.address)
        try:
            _require_one_header(connection)
            self._require_patience(network, authorization)
            return await signing_in
        except (Unauthenticated, RateLimited) as refusal:
            self._note_wrong_key(network)
            await self.strangers.refused(Unauthenticated.code, ANONYMOUS, origin)
            self.metrics.refused(refusal.code)
            raise
        finally:
            signing_in.close()

    async def refuse(self, code: str, caller: Caller) -> None:
        """See the protocol."""
        self.metrics.refused(code)
        await self.strangers.refused(code, caller.actor, caller.origin)

    def spend(self, caller: Caller, cost: int) -> Budget:
        """See the protocol."""
        name = _name(caller.actor, caller.origin.address)
        try:
            self.rates.spend(name, cost)
        finally:
            # The answer says what is left, also where it is a refusal.
            left = self.rates.left(name)
            budget = Budget(limit=self.rates.limit, remaining=left.remaining, cost=cost, reset_at=left.reset_at)
            if isinstance(caller, _Arrived):
                caller.arrival.budget = budget
        return budget

    def open(self, caller: Caller, operation_name: str | None) -> Context:
        """See the protocol."""
        budget = None
        if isinstance(caller, _Arrived):
            caller.arrival.operation = operation_name
            budget = caller.arrival.budget
        named = None if operation_name is None else without_long_runs(operation_name)
        origin = replace(caller.origin, operation=named)
        return Context(self.services, caller.actor, origin, self.services.clock(), budget=budget)

    def _require_patience(self, network: str, authorization: str | None) -> None:
        if authorization is None or not self.wrong_keys.is_spent(network):
            return
        spelled = credential.read(bearer(authorization))
        # Neighbours of an attacker behind one address go on working.
        if spelled is None or not self.key_uses.was_used(spelled.key_id):
            self.wrong_keys.spend(network, 1)

    def _note_wrong_key(self, network: str) -> None:
        if not self.wrong_keys.is_spent(network):
            self.wrong_keys.spend(network, 1)


def _require_one_header(connection: HTTPConnection) -> None:
    if len(connection.headers.getlist("authorization")) > 1:
        raise Unauthenticated("Send one Authorization header.")


def _name(actor: Actor, address: str | None) -> str:
    return actor.id or network_of(address)
