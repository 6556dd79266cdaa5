"""A server for a test, and an account with a key."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from app.settings import LogFormat, Settings
from app.transport.log_lines import configure
from tests.transport.http.running import Running, make_account, make_key, serving, settings_for


@pytest.fixture(autouse=True)
def logged() -> StringIO:
    """The log, written as the server writes it."""
    stream = StringIO()
    configure(LogFormat.JSON, stream)
    return stream


@pytest.fixture
def settings(migrated_url: str, tmp_path: Path) -> Settings:
    """The default settings, on a database of this test's own."""
    return settings_for(migrated_url, tmp_path)


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A server with the default settings."""
    async with serving(settings) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Customer:
    """An account, and a key of it as its owner sends it."""

    account_id: str
    key_id: str
    key: str


@pytest.fixture
async def customer(running: Running) -> Customer:
    """An account with one key."""
    account_id = await make_account(running.installation)
    key = await make_key(running.installation, account_id)
    return Customer(account_id, key.key_id, key.text)
