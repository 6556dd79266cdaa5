"""An account with a past, for whoever audits it."""

from pathlib import Path

import pytest

from app.store.database import open_database
from tests.audit.history import World, live
from tests.commands.auditing import Anchorage, sign


@pytest.fixture
async def unsigned(migrated_url: str, tmp_path: Path) -> Anchorage:
    """An account with a past, and nobody who serves it or ever signed its log."""
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    await live(world)
    await database.close()
    return Anchorage(migrated_url, world.account.id, tmp_path)


@pytest.fixture
async def signed(unsigned: Anchorage) -> Anchorage:
    """The same, with a signed log whose key lies in the data directory."""
    database = open_database(unsigned.url)
    await database.start()
    await sign(database, unsigned.folder)
    await database.close()
    return unsigned
