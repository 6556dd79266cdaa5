"""The small house, empty and open, for every test that needs no other."""

from collections.abc import AsyncIterator

import pytest

from tests.transport.endpoint.small_house import ServedHouse, SmallHouse, served_house, small_house


@pytest.fixture
async def house() -> AsyncIterator[SmallHouse]:
    """The endpoint with the limits and settings of a new installation."""
    async with small_house() as house:
        yield house


@pytest.fixture
async def served() -> AsyncIterator[ServedHouse]:
    """The same behind a server."""
    async with served_house() as house:
        yield house
