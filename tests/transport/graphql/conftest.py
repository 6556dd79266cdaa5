"""Whole operations on a real database, as callers of two accounts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.services.signing import Signing
from app.store.database import Database
from tests.checks import check_log
from tests.house import House
from tests.transport.graphql.callers import Caller, account


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """A door on a database of this test's own, whose log is verified when the test is over."""
    yield House(database, secrets_file=tmp_path / "secrets-key")
    await check_log(database)


@pytest.fixture
async def signing(house: House, tmp_path: Path) -> AsyncIterator[Signing]:
    """Somebody who signs the log, at once when asked."""
    signing = house.signing(tmp_path)
    running = asyncio.create_task(signing.run())
    yield signing
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def admin(house: House) -> Caller:
    """An administrator's key of an account that may hold 50 certificates."""
    return await account(house, "acme")


@pytest.fixture
async def stranger(house: House) -> Caller:
    """An administrator's key of another account."""
    return await account(house, "umbrella")
