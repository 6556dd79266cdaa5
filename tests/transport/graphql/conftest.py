"""Whole operations on a real database, as callers of two accounts."""

from collections.abc import AsyncIterator

import pytest

from app.store.database import Database
from tests.checks import check_log
from tests.house import House
from tests.transport.graphql.callers import Caller, account


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    """A door on a database of this test's own, whose log is verified when the test is over."""
    yield House(database)
    await check_log(database)


@pytest.fixture
async def admin(house: House) -> Caller:
    """An administrator's key of an account that may hold 50 certificates."""
    return await account(house, "acme")


@pytest.fixture
async def stranger(house: House) -> Caller:
    """An administrator's key of another account."""
    return await account(house, "umbrella")
