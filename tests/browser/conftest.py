"""A browser for tests: the first Chromium that there is."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """ANCHORAGE_TEST_CHROMIUM if set, else `chromium` on PATH, else Playwright's own download."""
    executable = os.environ.get("ANCHORAGE_TEST_CHROMIUM") or shutil.which("chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield chromium
        await chromium.close()
