"""What is held stays and is applied, whatever happens: outages, full disks, deaths, and files that somebody changed."""

import asyncio
import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app import whole_files
from app.commands.syncing import COMMAND_SECONDS, Syncing
from app.rules import pem
from tests.commands.syncing.bundle_server import bundle
from tests.commands.syncing.conftest import TRUSTING, Beside
from tests.fleet import fleet

pytestmark = pytest.mark.once

SECONDS = 30


async def test_what_is_held_and_not_applied_is_applied_though_the_server_is_away(beside: Beside) -> None:
    (beside.folder / "broken").touch()
    syncing = beside.begin()
    assert not await syncing.look()
    assert "Version 5 is not applied" in beside.said()
    beside.server.is_away = True
    assert not await syncing.look()
    said = beside.said()
    assert said.index("Version 5 is not applied") < said.index("was the newest")

    (beside.folder / "broken").unlink()
    assert not await syncing.look()

    assert "Version 5 is applied." in beside.said()
    assert not await beside.begin().look()
    assert (beside.changes, beside.server.applied) == (1, [])


async def test_to_be_applied_makes_a_bundle_no_newer(beside: Beside) -> None:
    (beside.folder / "broken").touch()
    await beside.begin().look()
    long_ago = time.time() - 3_600
    os.utime(beside.notes, (long_ago, long_ago))
    beside.server.is_away = True
    (beside.folder / "broken").unlink()

    await beside.begin().look()

    assert beside.changes == 1
    assert beside.age() >= 3_600


NOTES, BUNDLE, APPLIED = 0, 1, 2


@pytest.mark.parametrize("which", [NOTES, BUNDLE, APPLIED])
async def test_a_full_disk_is_said_and_the_next_look_makes_good(
    beside: Beside, kept: Syncing, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    beside.server.version, beside.server.content = 6, bundle()
    monkeypatch.setattr(whole_files, "_write", filling(which))

    assert not await kept.look()
    said = beside.said()
    assert "bundle.pem cannot be kept: No space left on device." in said
    assert ("was the newest" in said) == (which != APPLIED)
    assert beside.bundle.read_bytes() == (bundle() if which == APPLIED else TRUSTING)
    assert await kept.look()

    assert (beside.bundle.read_bytes(), beside.changes) == (bundle(), 2)
    assert json.loads(beside.notes.read_text())["is_applied"] is True
    assert beside.server.applied == [5, 6]


def filling(which: int) -> Callable[[Path, str | bytes, int], None]:
    """Writes as always, but for the one whose turn it is."""
    written, write = 0, whole_files._write  # noqa: SLF001  # no disk here can be filled

    def wrote(path: Path, content: str | bytes, mode: int) -> None:
        nonlocal written
        written += 1
        if written == which + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content, mode)

    return wrote


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_death_between_the_notes_and_the_bundle_leaves_what_is_known(
    beside: Beside, kept: Syncing, monkeypatch: pytest.MonkeyPatch, *, is_replaced: bool
) -> None:
    beside.server.version, beside.server.content = 6, bundle()
    replace = whole_files.replace

    def dying(path: Path, content: str | bytes, mode: int, *, modified_at: float | None = None) -> None:
        if path != beside.bundle or is_replaced:
            replace(path, content, mode, modified_at=modified_at)
        if path == beside.bundle:
            raise Killed

    monkeypatch.setattr(whole_files, "replace", dying)
    with pytest.raises(Killed):
        await kept.look()
    monkeypatch.undo()
    beside.server.is_away = True

    await beside.begin().look()

    said = beside.said()
    assert "was the newest" in said
    assert ("Version 6 is applied." in said, beside.changes) == ((True, 2) if is_replaced else (False, 1))
    beside.server.is_away = False
    assert await beside.begin().look()
    assert (beside.bundle.read_bytes(), beside.changes) == (bundle(), 2)


def take_away(path: Path) -> None:
    path.unlink()


def change(path: Path) -> None:
    path.write_text(pem.encode([fleet().root.der]))


@pytest.mark.parametrize(("spoil", "said"), [(take_away, "is gone"), (change, "was not written here")])
@pytest.mark.usefixtures("kept")
async def test_a_file_that_is_lost_in_an_outage_is_said_to_be(
    beside: Beside, spoil: Callable[[Path], None], said: str
) -> None:
    beside.server.is_away = True
    spoil(beside.bundle)
    syncing = beside.begin()

    assert not await syncing.look()
    told = beside.said()
    assert said in told
    assert "stays" not in told

    beside.server.is_away = False
    assert await syncing.look()
    assert (beside.bundle.read_bytes(), beside.changes) == (TRUSTING, 2)


@pytest.mark.parametrize("spoil", [take_away, change])
async def test_whoever_has_read_it_before_writes_it_again_in_an_outage(
    beside: Beside, kept: Syncing, spoil: Callable[[Path], None]
) -> None:
    beside.server.is_away = True
    spoil(beside.bundle)

    assert not await kept.look()

    assert "is written again" in beside.said()
    assert (beside.bundle.read_bytes(), beside.changes) == (TRUSTING, 2)


async def test_notes_that_were_deleted_are_not_written_again(beside: Beside, kept: Syncing) -> None:
    """So a person lets an older bundle in, and that must not depend on when the database is back."""
    beside.server.is_away = True
    beside.notes.unlink()
    assert not await kept.look()
    assert not beside.notes.exists()

    beside.server.is_away, beside.server.version, beside.server.content = False, 2, bundle()

    assert await kept.look()
    assert beside.bundle.read_bytes() == bundle()


async def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = beside.folder / "alive"
    os.mkfifo(alive)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(os.open(alive, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
    ours = os.open(alive, os.O_WRONLY)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    # What is not the shell's own last command is a process of its own, and holds the pipe as long as it lives.
    looking = asyncio.create_task(beside.begin(f"(echo begun; exec sleep {10 * SECONDS}) > {alive}; true").look())
    async with asyncio.timeout(SECONDS):
        assert await reader.readline() == b"begun\n"
    os.close(ours)
    started = time.monotonic
    monkeypatch.setattr(loop, "time", lambda: started() + COMMAND_SECONDS)

    async with asyncio.timeout(SECONDS):
        assert not await looking
        assert await reader.read() == b""
    transport.close()
    assert f"did not end within {COMMAND_SECONDS:g} s" in beside.said()
