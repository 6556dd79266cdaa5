"""The house for use cases. Whatever a test did, the log must tell the state, so every test ends with that look."""

import pytest

from app.store.database import Database
from tests.house import House


@pytest.fixture
async def house(database: Database) -> House:
    """A door on a database of this test's own."""
    return House(database)
