"""What waits to be written is written every so often, whatever fails beside it."""

import asyncio
from pathlib import Path

import pytest

from app import main
from app.services.key_uses import KeyUses
from app.services.refused_devices import RefusedDevices
from tests.transport.http.running import serving, settings_for


async def test_a_fault_ends_neither_the_others_nor_the_next_time(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    times, reached = 0, asyncio.Event()

    async def fails(_: KeyUses) -> None:
        raise RuntimeError("a fault of ours")

    async def counted(_: RefusedDevices, *, everything: bool = False) -> None:
        nonlocal times
        del everything
        times += 1
        if times >= 2:
            reached.set()

    monkeypatch.setattr(main, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(KeyUses, "flush", fails)
    monkeypatch.setattr(RefusedDevices, "flush", counted)
    async with serving(settings_for(migrated_url, tmp_path)):
        await asyncio.wait_for(reached.wait(), timeout=30)

    assert times >= 3, "and at the end"
    assert "something that waited could not be written" in caplog.text
