"""Devices that come to an account's gateway, without the HTTP between them."""

import hashlib
from dataclasses import dataclass, field

from app.actor import SCOPES, Actor, ActorType, Role, command_line
from app.rules import enrollment
from app.services.accounts import Feature, SetAccountFeature
from app.services.admissions import Admissions, Answer
from app.services.asked import Asked
from app.services.enrollments import ClaimEnrollment
from app.services.last_seen import LastSeen
from app.services.refused_devices import RefusedDevices
from app.store import device_reads
from app.store.device_rows import DeviceRow
from app.terms import Service
from tests.enrolling import held_claim
from tests.house import ORIGIN, House
from tests.rules.authority import Made, make


def device(name: str, issuer: Made) -> Made:
    """A device's certificate, as a factory makes it."""
    return make(name, issuer=issuer, is_ca=None, key_usage=("digital_signature",))


def identity_of(made: Made) -> str:
    """What an account claims the device by."""
    return enrollment.render_identity(hashlib.sha256(made.der).digest())


@dataclass
class Gateway:
    """A gateway of an account. Flush it before the log is looked at."""

    house: House
    account_id: str
    admissions: Admissions = field(init=False)

    def __post_init__(self) -> None:
        house = self.house
        refused = RefusedDevices(house.database, house.door, house.clock)
        seen = LastSeen(house.database)
        self.admissions = Admissions(house.database, house.door, house.clock, house.trust, refused, seen)

    async def ask(self, *chain: Made, service: Service = Service.BOOTSTRAP, endpoint_name: str | None = None) -> Answer:
        """What the gateway is answered about a device that presents this."""
        actor = Actor(ActorType.API_KEY, "9" * 32, self.account_id, "the gateway", SCOPES[Role.GATEWAY])
        asked = Asked(service, tuple(made.der for made in chain), endpoint_name)
        return await self.admissions.ask(actor, asked, ORIGIN)

    async def let_in(self, *chain: Made, service: Service = Service.BOOTSTRAP, name: str | None = None) -> DeviceRow:
        """A device that is claimed, unless it is already, and comes in. Raises AssertionError where it does not."""
        await self.claim(chain[0])
        answer = await self.ask(*chain, service=service, endpoint_name=name)
        assert answer.device_id is not None, answer.decision.reason
        return await self.device(answer.device_id)

    async def claim(self, made: Made) -> None:
        """Have the account claim the device, as it must where the record is for enrollment, unless it has."""
        fingerprint = hashlib.sha256(made.der).digest()
        if await held_claim(self.house.database.reads, self.account_id, fingerprint, self.house.clock()) is None:
            command = ClaimEnrollment(identity_of(made))
            await self.house.perform(command_line(self.account_id, "root"), command)

    async def device(self, device_id: str) -> DeviceRow:
        """The device as it is now."""
        return (await device_reads.devices(self.house.database.reads, self.account_id, [device_id]))[device_id]

    async def flush(self) -> None:
        """Write what is written in batches."""
        await self.admissions.refused.flush(everything=True)
        await self.admissions.seen.flush()


async def may_suspend(house: House, account_id: str) -> None:
    """Switch the feature on that lets a blacklisting suspend devices."""
    switched = SetAccountFeature(account_id, Feature.SUSPEND_DEVICES, enabled=True)
    await house.perform(command_line(account_id, "root"), switched)
