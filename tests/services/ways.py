"""Accounts whose devices have one path up to a CA that the account trusts, or two, and what they do with their records.

ONE         R ── I ── devices           I is trusted.
UPPER       R ── I ── devices           I and R are trusted, each by a record of its own.
CROSSED     I ─┬─ S ── devices          I and J are trusted; each has signed S, which has one key and two certificates.
            J ─┘
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import NamedTuple

import pytest

from app.actor import Actor, command_line
from app.reasons import Reason
from app.rules.decision import Decision
from app.services.accounts import Feature, SetAccountFeature
from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.store import device_reads
from app.store.device_rows import DeviceRow
from app.store.rows import CertificateRow
from app.terms import Service, Status, Usage
from tests.connecting import Gateway, device, may_suspend
from tests.house import House, actor_of, upload_of
from tests.rules.authority import Made, make


@unique
class Ways(StrEnum):
    """What stands above a device: see the module."""

    ONE = "one path"
    UPPER = "another record above"
    CROSSED = "a cross-signed intermediate"


class Kind(NamedTuple):
    """For which service a record is, and why the account holds it."""

    service: Service
    usage: Usage


ENROLLED = Kind(Service.BOOTSTRAP, Usage.ENROLLMENT)
THIRD_PARTY = Kind(Service.LWM2M, Usage.THIRD_PARTY_CA)
USUAL = (ENROLLED, THIRD_PARTY)
KINDS = (*USUAL, Kind(Service.BOOTSTRAP, Usage.CREDENTIALS))
TWO_WAYS = (Ways.UPPER, Ways.CROSSED)

each_service = pytest.mark.parametrize("service", Service)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=[f"{kind.service}-{kind.usage}" for kind in KINDS])
each_way = pytest.mark.parametrize("ways", Ways)
both_ways = pytest.mark.parametrize("ways", TWO_WAYS)


def other(service: Service) -> Service:
    """The service that this one is not."""
    return Service.LWM2M if service is Service.BOOTSTRAP else Service.BOOTSTRAP


def kinds_with(kind: Kind) -> tuple[Kind, ...]:
    """Both services: this kind at its own, and the usual one at the other."""
    return (kind, *(usual for usual in USUAL if usual.service is not kind.service))


@dataclass
class Site:
    """An account, its gateway, and a CA that signs its devices. `records` are those of each service, lowest first."""

    house: House
    actor: Actor
    gateway: Gateway
    issuer: Made
    intermediates: tuple[Made, ...]
    chains: Sequence[tuple[Made, ...]]
    """What can be uploaded, the lowest first: what the one or both records of each service hold."""
    records: dict[Service, list[CertificateRow]] = field(default_factory=dict)

    @property
    def account_id(self) -> str:
        """The account."""
        return self.gateway.account_id

    def chain(self, name: str) -> tuple[Made, ...]:
        """What a device presents that has every path there is."""
        return (device(name, self.issuer), *self.intermediates)

    async def trust(self, *chain: Made, kinds: Sequence[Kind] = USUAL) -> None:
        """Upload this chain once for each kind."""
        for service, usage in kinds:
            record = await self.house.perform(self.actor, upload_of(*chain, usage=usage, service=service))
            self.records.setdefault(service, []).append(record)

    async def decision(self, chain: Sequence[Made], service: Service) -> Decision:
        """What the gateway is answered; the device comes in where it says so, and nobody claims it."""
        return (await self.gateway.ask(*chain, service=service)).decision

    async def reasons(self, *chains: Sequence[Made], service: Service) -> list[Reason]:
        """Why each device is let in at the service, or is not; the account has claimed them all."""
        for chain in chains:
            await self.gateway.claim(chain[0])
        return [(await self.decision(chain, service)).reason for chain in chains]

    async def everywhere(self, *chains: Sequence[Made]) -> set[Reason]:
        """The same of both services, in one set: it has one member where all are treated alike."""
        return {reason for service in Service for reason in await self.reasons(*chains, service=service)}

    async def onboard(self, *chain: Made) -> DeviceRow:
        """A device that bootstraps and registers with this chain."""
        await self.gateway.let_in(*chain)
        return await self.gateway.let_in(*chain, service=Service.LWM2M)

    async def through(self, chain: Sequence[Made], service: Service) -> str:
        """The id of the record that lets a device in at the service, which the account has claimed."""
        row = await self.gateway.let_in(*chain, service=service)
        credential = row.credential(service)
        assert credential is not None
        return credential.certificate_id

    def others(self, record_id: str, service: Service) -> list[str]:
        """The ids of the other records of this service."""
        return [record.id for record in self.records[service] if record.id != record_id]

    async def delete(self, record_id: str, *, confirmed: bool = False) -> None:
        """Delete a record."""
        await self.house.perform(self.actor, DeleteCertificate(record_id, confirm_unblock=confirmed))

    async def blacklist(self, record_id: str, *, suspend: bool = False) -> CertificateRow:
        """Blacklist a record, and suspend its devices where that is chosen."""
        command = SetCertificateStatus(record_id, Status.INACTIVE, suspend_devices=suspend)
        return await self.house.perform(self.actor, command)

    async def enable(self, record_id: str) -> CertificateRow:
        """Enable a record again."""
        return await self.house.perform(self.actor, SetCertificateStatus(record_id, Status.ACTIVE))

    async def suspended(self, record_id: str) -> int:
        """How many devices the record keeps suspended."""
        reads = self.house.database.reads
        return (await device_reads.suspended_counts(reads, self.account_id, [record_id])).get(record_id, 0)


async def site_of(house: House, ways: Ways, *kinds: Kind) -> Site:
    """An account with these ways, each CA of them trusted once for each kind; USUAL if none is named.

    It need not prove possession, and may suspend devices with their certificate.
    """
    account = await house.account()
    unproven = SetAccountFeature(account.id, Feature.REQUIRE_POSSESSION, enabled=False)
    await house.perform(command_line(account.id, "root"), unproven)
    await may_suspend(house, account.id)
    if ways is Ways.CROSSED:
        lower, upper = make("I"), make("J")
        issuer = make("S", issuer=lower)
        presented: tuple[Made, ...] = (issuer, make("S", issuer=upper, key=issuer.key))
        chains: list[tuple[Made, ...]] = [(lower,), (upper,)]
    else:
        root = make("R")
        issuer = make("I", issuer=root)
        presented = (issuer,)
        chains = [(issuer, root), (root,)]
    site = Site(house, actor_of(account), Gateway(house, account.id), issuer, presented, chains)
    for chain in chains[: 1 if ways is Ways.ONE else 2]:
        await site.trust(*chain, kinds=kinds or USUAL)
    return site
