"""Whoever claims the twin of a device's certificate gets the device no sooner than whoever claimed the device first.

Supplier
└── pump, of which there are two: the certificate that was issued, and its twin.
"""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.actor import Actor
from app.errors import DeviceRefused
from app.reasons import Reason
from app.rules import pem
from app.rules.admission import claimed_by
from app.services import decisions
from app.services.asked import Asked, decided
from app.services.decisions import Presented
from app.services.devices import ConnectDevice
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.services.trust_states import load
from app.store.enrollments import claimed_among
from app.terms import Service, Usage
from tests.connecting import Gateway, device, identity_of
from tests.house import House, actor_of, upload_of
from tests.rules.authority import Made, make, twin_of

SUPPLIER = make("Supplier")
ISSUED = device("pump", SUPPLIER)
TWINS = (ISSUED, twin_of(ISSUED, ec.SECP256R1()))


class Buyer:
    """Somebody of an account that buys from the supplier, with the account's gateway."""

    def __init__(self, house: House, actor: Actor) -> None:
        self.house = house
        self.actor = actor
        self.account_id = actor.account_id or ""
        self.gateway = Gateway(house, self.account_id)

    async def claim(self, pump: Made, days: int | None = None) -> str:
        return (await self.house.perform(self.actor, ClaimEnrollment(identity_of(pump), days))).id

    async def is_let_in(self, pump: Made) -> bool:
        """Whether the gateway lets the pump in; whoever only asks, in whichever way, is told the same."""
        reads, now = self.house.database.reads, self.house.clock()
        state = await load(reads, self.account_id)
        presented = Presented(pem.encode([pump.der]), Service.BOOTSTRAP)
        told = (await decisions.present(reads, state, presented, now)).decision
        by_trust = decided(state.store, Asked(Service.BOOTSTRAP, (pump.der,)), now)
        among = await claimed_among(reads, self.account_id, [claimed_by(by_trust)], now)
        answer = await self.gateway.ask(pump)
        await self.gateway.flush()
        assert answer.decision.reason is told.reason
        assert (pump.parsed.fingerprint in among) is answer.decision.is_allowed
        assert answer.decision.reason in (Reason.TRUSTED, Reason.NOT_ENROLLED)
        return answer.device_id is not None


async def buyer(house: House) -> Buyer:
    actor = actor_of(await house.account())
    await house.perform(actor, upload_of(SUPPLIER, usage=Usage.ENROLLMENT))
    return Buyer(house, actor)


@pytest.mark.parametrize("twins", [TWINS, TWINS[::-1]], ids=["the issued one first", "its twin first"])
async def test_of_two_accounts_that_claim_twins_the_first_has_the_device(
    house: House, twins: tuple[Made, Made]
) -> None:
    first, second = await buyer(house), await buyer(house)
    await first.claim(twins[0])
    house.clock.advance(timedelta(seconds=1))
    await second.claim(twins[1])

    # The second asks before the first device came, and after it.
    assert not await second.is_let_in(twins[1])
    assert await first.is_let_in(twins[0])
    assert not await second.is_let_in(twins[1])
    # A claim is of one certificate, as before.
    assert not await first.is_let_in(twins[1])
    assert not await second.is_let_in(twins[0])


async def test_the_second_has_the_device_as_soon_as_the_first_gives_it_up(house: House) -> None:
    """Also where the gateway remembers having refused it."""
    first, second = await buyer(house), await buyer(house)
    claim_id = await first.claim(TWINS[0])
    house.clock.advance(timedelta(seconds=1))
    await second.claim(TWINS[1])
    assert not await second.is_let_in(TWINS[1])

    await house.perform(first.actor, ReleaseEnrollment(claim_id))

    assert await second.is_let_in(TWINS[1])
    await first.claim(TWINS[0])
    assert not await first.is_let_in(TWINS[0])


async def test_a_first_claim_whose_time_is_over_stands_in_nobodys_way(house: House) -> None:
    first, second = await buyer(house), await buyer(house)
    await first.claim(TWINS[0], days=1)
    house.clock.advance(timedelta(seconds=1))
    await second.claim(TWINS[1])
    assert not await second.is_let_in(TWINS[1])

    house.clock.advance(timedelta(days=1))

    assert await second.is_let_in(TWINS[1])


async def test_an_account_that_claims_both_twins_has_the_device_with_either(house: House) -> None:
    both = await buyer(house)
    await both.claim(TWINS[0])
    house.clock.advance(timedelta(seconds=1))
    await both.claim(TWINS[1])

    assert await both.is_let_in(TWINS[1])
    assert await both.is_let_in(TWINS[0])


async def test_the_transaction_that_lets_a_device_in_looks_at_its_twin_too(house: House) -> None:
    first, second = await buyer(house), await buyer(house)
    await first.claim(TWINS[0])
    house.clock.advance(timedelta(seconds=1))
    await second.claim(TWINS[1])
    state = await load(house.database.reads, second.account_id)
    decision = decided(state.store, Asked(Service.BOOTSTRAP, (TWINS[1].der,)), house.clock())

    with pytest.raises(DeviceRefused) as refused:
        await house.perform(second.actor, ConnectDevice(None, decision, state))

    assert refused.value.reason is Reason.NOT_ENROLLED
