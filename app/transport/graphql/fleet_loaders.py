"""Relations of devices and denials in batches, as `loaders` has those of everything else."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from strawberry.dataloader import DataLoader

from app.impact import Members
from app.rules import der
from app.rules.certificate import ParsedCertificate, parse_cached
from app.services import decisions
from app.services.asked import Asked
from app.services.decisions import Decided
from app.services.trust_states import TrustState
from app.store import denials, device_kinds, device_reads
from app.store.connection import Connection
from app.store.denials import DenialRow, Total
from app.store.device_reads import DeviceFilter
from app.store.device_rows import DeviceRow
from app.store.paging import Page, Window
from app.terms import Service
from app.transport.graphql.loaders import joining

Used = tuple[str, Service]
"""A device by its id, at one service."""


class Within(NamedTuple):
    """Some of the devices of a record."""

    certificate_id: str
    wanted: DeviceFilter


class FleetLoaders:
    """The loaders of one operation, in one account, as of one instant. `trust` answers what the account trusts."""

    def __init__(
        self, connection: Connection, account_id: str, now: datetime, trust: Callable[[], Awaitable[TrustState]]
    ) -> None:
        self.connection = connection
        self.account_id = account_id
        self.now = now
        self.trust = trust
        self.devices: DataLoader[str, DeviceRow | None] = DataLoader(self._devices)
        self.presented: DataLoader[Used, tuple[bytes, ...] | None] = DataLoader(self._presented)
        self.identities: DataLoader[Used, ParsedCertificate | None] = DataLoader(self._identities)
        self.decided: DataLoader[Used, Decided | None] = DataLoader(self._decided)
        self.pages: DataLoader[tuple[Within, Window], Page[DeviceRow]] = joining(self._pages)
        self.members: DataLoader[tuple[Members, Window], Page[DeviceRow]] = joining(self._members)
        self.counts: DataLoader[Within, int | None] = joining(self._counts)
        self.suspended_counts: DataLoader[str, int] = DataLoader(self._suspended_counts)
        self.denials: DataLoader[tuple[str, Window], Page[DenialRow]] = joining(self._denials)
        self.denial_totals: DataLoader[str, Total] = DataLoader(self._denial_totals)

    async def _devices(self, ids: list[str]) -> list[DeviceRow | None]:
        found = await device_reads.devices(self.connection, self.account_id, ids)
        return [found.get(wanted) for wanted in ids]

    async def _presented(self, wanted: list[Used]) -> list[tuple[bytes, ...] | None]:
        found = await device_reads.presented(self.connection, self.account_id, [device for device, _ in wanted])
        chains = {used: (leaf, *der.apart(others)) for used, (leaf, others) in found.items()}
        return [chains.get(used) for used in wanted]

    async def _identities(self, wanted: list[Used]) -> list[ParsedCertificate | None]:
        chains = await self.presented.load_many(wanted)
        return [None if chain is None else parse_cached(chain[0]) for chain in chains]

    async def _decided(self, wanted: list[Used]) -> list[Decided | None]:
        chains = await self.presented.load_many(wanted)
        rows = await self.devices.load_many([device for device, _ in wanted])
        asked = {
            used: (row, Asked(used[1], chain, row.endpoint_name))
            for used, chain, row in zip(wanted, chains, rows, strict=True)
            if chain is not None and row is not None
        }
        made = await decisions.of_devices(self.connection, await self.trust(), list(asked.values()), self.now)
        by_used = dict(zip(asked, made, strict=True))
        return [by_used.get(used) for used in wanted]

    async def _pages(self, wanted: list[tuple[Within, Window]]) -> list[Page[DeviceRow]]:
        pages: dict[tuple[Within, Window], Page[DeviceRow]] = {}
        for narrowed, window in dict.fromkeys((within.wanted, window) for within, window in wanted):
            ids = [within.certificate_id for within, other in wanted if (within.wanted, other) == (narrowed, window)]
            found = await device_reads.devices_pages(self.connection, self.account_id, ids, narrowed, window)
            pages |= {(Within(each, narrowed), window): page for each, page in found.items()}
        return [pages[key] for key in wanted]

    async def _members(self, wanted: list[tuple[Members, Window]]) -> list[Page[DeviceRow]]:
        pages: dict[tuple[Members, Window], Page[DeviceRow]] = {}
        for key in dict.fromkeys((each.at, each.suspending, window) for each, window in wanted):
            *_, window = key
            alike = [each for each, other in wanted if (each.at, each.suspending, other) == key]
            found = await device_kinds.members_pages(self.connection, self.account_id, alike, window)
            pages |= {(each, window): page for each, page in zip(alike, found, strict=True)}
        return [pages[key] for key in wanted]

    async def _counts(self, wanted: list[Within]) -> list[int | None]:
        counts: dict[Within, int | None] = {}
        for narrowed in dict.fromkeys(within.wanted for within in wanted):
            ids = [within.certificate_id for within in wanted if within.wanted == narrowed]
            found = await device_reads.counts_of_devices(self.connection, self.account_id, ids, narrowed)
            counts |= {Within(each, narrowed): count for each, count in found.items()}
        return [counts[key] for key in wanted]

    async def _suspended_counts(self, certificate_ids: list[str]) -> list[int]:
        found = await device_reads.suspended_counts(self.connection, self.account_id, certificate_ids)
        return [found.get(each, 0) for each in certificate_ids]

    async def _denials(self, wanted: list[tuple[str, Window]]) -> list[Page[DenialRow]]:
        pages: dict[tuple[str, Window], Page[DenialRow]] = {}
        for window in dict.fromkeys(window for _, window in wanted):
            ids = [certificate_id for certificate_id, other in wanted if other == window]
            found = await denials.denials_pages(self.connection, self.account_id, ids, window)
            pages |= {(each, window): page for each, page in found.items()}
        return [pages[key] for key in wanted]

    async def _denial_totals(self, certificate_ids: list[str]) -> list[Total]:
        found = await denials.totals(self.connection, self.account_id, certificate_ids)
        return [found[each] for each in certificate_ids]
