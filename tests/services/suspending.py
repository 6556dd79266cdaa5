"""A fleet whose devices are suspended and resumed together with a record.

R (root)
├── I (the record that is blacklisted)
│   └── the devices' bootstrap certificates
└── J (another record, for LwM2M)
    └── the same devices' LwM2M certificates
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.actor import Actor
from app.audit.states import Json
from app.reasons import Reason
from app.services.certificates import SetCertificateStatus
from app.store import device_reads
from app.store.rows import CertificateRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device, may_suspend
from tests.house import House, actor_of, upload_of
from tests.rules.authority import Made, make


@dataclass
class Fleet:
    """An account with both records, its gateway, and whoever decides."""

    house: House
    actor: Actor
    gateway: Gateway
    bootstrap_ca: Made
    lwm2m_ca: Made
    bootstrap: CertificateRow
    lwm2m: CertificateRow

    async def set_status(self, status: Status, *, suspend: bool = False, resume: bool = False) -> CertificateRow:
        """Blacklist or enable the bootstrap record."""
        command = SetCertificateStatus(self.bootstrap.id, status, suspend_devices=suspend, resume_devices=resume)
        return await self.house.perform(self.actor, command)

    async def onboard(self, name: str) -> str:
        """A device that bootstraps and registers; its id."""
        row = await self.gateway.let_in(device(name, self.bootstrap_ca))
        again = await self.gateway.let_in(device(name, self.lwm2m_ca), service=Service.LWM2M)
        assert again.id == row.id
        return row.id

    async def connects(self, name: str) -> Reason:
        """How a device fares that comes with its LwM2M certificate."""
        return (await self.gateway.ask(device(name, self.lwm2m_ca), service=Service.LWM2M)).decision.reason

    async def suspended(self) -> int:
        """How many devices the record keeps suspended."""
        counts = await device_reads.suspended_counts(
            self.house.database.reads, self.actor.account_id or "", [self.bootstrap.id]
        )
        return counts.get(self.bootstrap.id, 0)

    async def last_change(self) -> Json:
        """What the newest entry says that its object became."""
        change = (await self.house.last_entry(self.actor.account_id or "")).body["change"]
        assert isinstance(change, dict)
        return change["after"]  # type: ignore[no-any-return]  # JSON


@asynccontextmanager
async def fleet_of(house: House) -> AsyncIterator[Fleet]:
    """The fleet of the module's drawing, in an account that may suspend devices."""
    account = await house.account()
    actor, root = actor_of(account), make("R")
    bootstrap_ca, lwm2m_ca = make("I", issuer=root), make("J", issuer=root)
    bootstrap = await house.perform(actor, upload_of(bootstrap_ca, root, usage=Usage.ENROLLMENT, name="I"))
    lwm2m = await house.perform(
        actor, upload_of(lwm2m_ca, root, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M, name="J")
    )
    await may_suspend(house, account.id)
    gateway = Gateway(house, account.id)
    yield Fleet(house, actor, gateway, bootstrap_ca, lwm2m_ca, bootstrap, lwm2m)
    await gateway.flush()
