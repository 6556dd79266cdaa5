"""Relations are read in batches, and no batch is more than a statement takes."""

import asyncio
from collections.abc import Mapping

from app.audit.proof import Receipt
from app.impact import DeviceKind, Members, Standing, Suspending
from app.services.trust_states import TrustState, load
from app.store.device_reads import DeviceFilter
from app.store.paging import Window
from app.terms import Service
from app.transport.graphql.fleet_loaders import FleetLoaders, Within
from app.transport.graphql.loaders import Loaders
from tests.house import House
from tests.transport.graphql.callers import Caller

MANY = [f"{number:032x}" for number in range(1_001)]
PAGE = Window(1)
ANY = Standing(is_claimed=False, was_suspended=False, will_be_suspended=False)


async def no_receipts(_: Mapping[int, bytes]) -> dict[int, Receipt]:
    return {}


async def test_more_lists_are_asked_for_than_one_statement_joins(house: House, admin: Caller) -> None:
    """SQLite takes 500."""
    loaders = Loaders(house.database.reads, admin.account_id, house.clock(), no_receipts)
    entries = await asyncio.gather(*(loaders.log_pages.load((each, PAGE)) for each in MANY))
    assert {len(page.rows) for page in entries} == {0}
    assert set(await asyncio.gather(*(loaders.log_counts.load(each) for each in MANY))) == {0}
    errors = await asyncio.gather(*(loaders.job_errors.load((each, PAGE)) for each in MANY))
    assert {len(page.rows) for page in errors} == {0}

    async def trust() -> TrustState:
        return await load(house.database.reads, admin.account_id)

    fleet = FleetLoaders(house.database.reads, admin.account_id, house.clock(), trust)
    within = [Within(each, DeviceFilter()) for each in MANY]
    kinds = [DeviceKind(Service.LWM2M, each, b"", b"") for each in MANY]
    members = [Members(kind, house.clock(), Suspending(), frozenset({ANY}), ()) for kind in kinds]
    pages = await asyncio.gather(*(fleet.pages.load((each, PAGE)) for each in within))
    assert {len(page.rows) for page in pages} == {0}
    pages = await asyncio.gather(*(fleet.members.load((each, PAGE)) for each in members))
    assert {len(page.rows) for page in pages} == {0}
    denials = await asyncio.gather(*(fleet.denials.load((each, PAGE)) for each in MANY))
    assert {len(page.rows) for page in denials} == {0}
    assert set(await asyncio.gather(*(fleet.counts.load(each) for each in within))) == {0}
