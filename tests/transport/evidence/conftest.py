"""The addresses of the log, over a log that grows as the test asks."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from app.clock import system_clock
from app.transport import evidence
from app.transport.metrics import Metrics
from app.transport.rates import Rates
from app.transport.reception import Reception, headers_of_all
from tests.growing import Growing
from tests.house import House

REQUESTS_PER_MINUTE = 200


@pytest.fixture
def growing(house: House) -> Growing:
    """A log without entries."""
    return Growing(house)


@pytest.fixture
def metrics() -> Metrics:
    """What is counted of the requests."""
    return Metrics(node="node", region="region")


@pytest.fixture
def rates(house: House) -> Rates:
    """What an address may ask."""
    return Rates(house.clock, REQUESTS_PER_MINUTE * evidence.COST)


@pytest.fixture
async def client(house: House, metrics: Metrics, rates: Rates) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a key."""
    reception = Middleware(
        Reception,
        metrics=metrics,
        clock=system_clock,
        trusted_proxies=(),
        max_requests=100,
        headers=headers_of_all(None),
    )
    application = Starlette(routes=evidence.routes(house.database, rates), middleware=[reception])
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(base_url="http://log.example", transport=transport) as client:
        yield client
