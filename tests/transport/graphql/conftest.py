"""Whole operations on a real database, as callers of two accounts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.store.database import Database
from tests.transport.graphql.house import Caller, House


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """The services on a database of this test's own; its log is checked when the test is over."""
    house = House.on(database, tmp_path)
    yield house
    await house.check_log()


@pytest.fixture
async def admin(house: House) -> Caller:
    """An administrator's key of an account that may hold 50 certificates."""
    return await house.open_account("acme")


@pytest.fixture
async def stranger(house: House) -> Caller:
    """An administrator's key of another account."""
    return await house.open_account("umbrella")
