"""A random world in a real database: its records uploaded through the door, its devices let in through it."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.actor import Actor, Role, command_line
from app.errors import DeviceRefused
from app.rules.certificate import parse_cached
from app.rules.decision import Question
from app.rules.trust import decide
from app.services.accounts import Feature, SetAccountFeature
from app.services.certificates import SetCertificateStatus
from app.services.devices import ConnectDevice, SuspendDevice
from app.services.enrollments import ClaimEnrollment
from app.services.trust_states import load
from app.store.rows import AccountRow
from app.terms import Possession, Service, Status, Usage
from tests.connecting import identity_of
from tests.house import House, actor_of, upload_of
from tests.world_making import UPLOADED_BEFORE
from tests.worlds import Came, Held, World

LONG_AGO = timedelta(days=30)
CLAIMED = 0.7
"""The part of the devices that is claimed."""
TWINS = 0.2
"""The part of the devices whose certificate is in another device too, as a developer's is."""
SUSPENDING = 0.3
"""The part of the blacklistings that suspends the devices with the record."""


@dataclass
class Settled:
    """An account of its own with a world in it. `records` holds their ids by name, `claimed` devices' certificates.

    `twins` holds the other names under which a device's certificate comes as well.
    """

    house: House
    account: AccountRow
    world: World
    records: dict[str, str] = field(default_factory=dict)
    claimed: set[bytes] = field(default_factory=set)
    twins: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def admin(self) -> Actor:
        """Who manages the account."""
        return actor_of(self.account)

    async def upload(self, held: Held) -> str:
        """Upload a record, as of when everything in it was valid; answers with its id."""
        # Records are ordered by their ids, which tell milliseconds apart.
        self.house.clock.advance(timedelta(milliseconds=1))
        made = [each.made for each in held.chain]
        at = self.world.at - UPLOADED_BEFORE
        command = upload_of(*made, at=at, name=held.name, usage=held.usage, service=held.service)
        return (await self.house.perform(self.admin, command)).id

    async def ask_for_proof(self, *, enabled: bool) -> None:
        """Whether records of the usage CREDENTIALS that are uploaded from now on need a proof of possession."""
        await self.switch(Feature.REQUIRE_POSSESSION, enabled=enabled)

    async def switch(self, feature: Feature, *, enabled: bool) -> None:
        """Switch a feature of the account."""
        command = SetAccountFeature(self.account.id, feature, enabled)
        await self.house.perform(command_line(self.account.id, "root"), command)

    async def claim(self, chance: random.Random) -> None:
        """Claim most of the devices."""
        for device in self.world.devices:
            if chance.random() < CLAIMED:
                await self.house.perform(self.admin, ClaimEnrollment(identity_of(device.made)))
                self.claimed.add(device.made.der)

    async def connect(self, devices: list[Came], at: datetime) -> None:
        """Let in whoever may come in at an instant, to either service; some of them under two names."""
        state = await load(self.house.database.reads, self.account.id)
        gateway = actor_of(self.account, Role.GATEWAY)

        async def one(device: Came, name: str, service: Service) -> None:
            presented = tuple(parse_cached(each) for each in device.ders)
            decision = decide(state.store, Question(presented, service, at))
            if decision.is_allowed:
                # It may be unclaimed or suspended, or have a CA above it that was brought meanwhile and is blacklisted.
                with contextlib.suppress(DeviceRefused):
                    await self.house.perform(gateway, ConnectDevice(name, decision, state))

        come = [(device, name) for device in devices for name in (device.name, *self.twins.get(device.name, ()))]
        await asyncio.gather(*(one(device, name, service) for device, name in come for service in Service))

    async def suspend(self, chance: random.Random, probability: float) -> None:
        """Suspend some of the devices."""
        rows = await self.house.database.reads.fetch(
            "SELECT id FROM device WHERE account_id = $1 ORDER BY endpoint_name", self.account.id
        )
        for row in rows:
            if chance.random() < probability:
                await self.house.perform(self.admin, SuspendDevice(row["id"], "test"))


async def settle(
    house: House, world: World, chance: random.Random, held: tuple[Held, ...], *, suspending: float = 0.1
) -> Settled:
    """Put a world into an account of its own, with these of its records, and suspend some of its devices."""
    settled = Settled(house, await house.account(), world)
    needs_proof = True
    for each in sorted(held, key=_is_unproven):
        if each.usage is Usage.CREDENTIALS and needs_proof is not _is_unproven(each):
            needs_proof = _is_unproven(each)
            await settled.ask_for_proof(enabled=needs_proof)
        settled.records[each.name] = await settled.upload(each)
    await settled.switch(Feature.SUSPEND_DEVICES, enabled=True)
    await settled.claim(chance)
    settled.twins = {each.name: (f"twin of {each.name}",) for each in world.devices if chance.random() < TWINS}
    half = len(world.devices) // 2
    await settled.connect(list(world.devices[:half]), world.at - LONG_AGO)
    for each in held:
        if each.status is Status.INACTIVE:
            suspends = chance.random() < SUSPENDING
            record = settled.records[each.name]
            blacklisting = SetCertificateStatus(record, Status.INACTIVE, suspend_devices=suspends)
            await house.perform(settled.admin, blacklisting)
    await settled.connect(list(world.devices[half:]), world.at)
    await settled.suspend(chance, suspending)
    return settled


def _is_unproven(held: Held) -> bool:
    return held.possession is Possession.PENDING
