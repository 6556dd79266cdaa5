"""What a caller may spend in a minute."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.errors import RateLimited
from app.transport.rates import CALLERS_LIMIT, Rates, network_of
from tests.transport.http.conftest import Customer
from tests.transport.http.running import Running, make_key, serving, settings_for
from tests.transport.http.test_refusals import Clock

pytestmark = pytest.mark.once


@pytest.fixture
def clock() -> Clock:
    """Stands still until it is moved."""
    return Clock()


@pytest.fixture
async def running(migrated_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Running]:
    """A server where a caller may spend 100 in a minute."""
    async with serving(settings_for(migrated_url, tmp_path, rate_per_minute=100), clock=clock) as server:
        yield server


async def test_a_caller_spends_its_share_and_is_told_what_is_left(running: Running, customer: Customer) -> None:
    answer = await running.operate(customer.key, cost=60)
    assert answer.headers["ratelimit-policy"] == '"cost";q=100;w=60'
    assert answer.headers["ratelimit"] == '"cost";r=40;t=59'
    refused = await running.operate(customer.key, cost=41)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "59")
    assert refused.headers["ratelimit"] == '"cost";r=40;t=59'
    assert (await running.operate(customer.key, cost=40)).status_code == 200


async def test_a_refusal_for_the_rate_is_recorded_and_counted(running: Running, customer: Customer) -> None:
    await running.operate(customer.key, cost=101)
    (entry,) = await running.entries("RATE_LIMITED")
    assert entry["actor"] == {"id": customer.key_id, "type": "api_key"}
    assert entry["outcome"] == {"code": "RATE_LIMITED", "result": "refused"}
    assert 'anchorage_refusals_total{code="RATE_LIMITED"} 1.0' in running.parts.metrics.exposition().decode()


async def test_a_new_minute_is_a_new_share(running: Running, customer: Customer, clock: Clock) -> None:
    assert (await running.operate(customer.key, cost=100)).status_code == 200
    clock.now = clock.now.replace(second=59, microsecond=999_999)
    assert (await running.operate(customer.key, cost=1)).status_code == 429
    clock.now += timedelta(microseconds=1)
    assert (await running.operate(customer.key, cost=100)).status_code == 200


async def test_keys_do_not_share_and_strangers_share_by_address(running: Running, customer: Customer) -> None:
    other = await make_key(running.installation, customer.account_id)
    assert (await running.operate(customer.key, cost=100)).status_code == 200
    assert (await running.operate(other.text, cost=100)).status_code == 200
    assert (await running.operate(cost=100)).status_code == 200
    assert (await running.operate(cost=1)).status_code == 429


def test_strangers_cannot_fill_the_memory() -> None:
    rates = Rates(lambda: datetime(2030, 1, 1, tzinfo=UTC), limit=10)
    for number in range(CALLERS_LIMIT):
        rates.spend(f"caller {number}", 1)
    rates.spend("one more", 6)
    with pytest.raises(RateLimited):
        rates.spend("and another", 6)
    rates.spend("caller 1", 9)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_network_is_one_caller(address: str | None, name: str) -> None:
    assert network_of(address) == name
