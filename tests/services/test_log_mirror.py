"""A mirror holds what the server serves; a run adds what is new, and only to what this log continues."""

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.middleware import Middleware

from app.audit.checkpoint import Checkpoint, Signer
from app.audit.merkle import EMPTY_ROOT
from app.audit.tiles import WIDTH, path_of
from app.clock import system_clock
from app.services.log_mirror import Mirrored, MirrorLog, MirrorRefused, new_tiles, write_mirror
from app.transport import evidence
from app.transport.metrics import Metrics
from app.transport.rates import Rates
from app.transport.reception import Reception, headers_of_all
from tests.growing import NAME, OPERATOR, Growing
from tests.house import House


@pytest.fixture
def growing(house: House) -> Growing:
    """A log without entries."""
    return Growing(house)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A directory for it."""
    directory = tmp_path / "mirror"
    directory.mkdir()
    return directory


async def mirrored(growing: Growing, directory: Path) -> Mirrored:
    async with growing.house.database.snapshot() as connection:
        return await write_mirror(connection, directory)


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@asynccontextmanager
async def asking(house: House) -> AsyncIterator[httpx.AsyncClient]:
    metrics = Metrics(node="node", region="region")
    reception = Middleware(
        Reception,
        metrics=metrics,
        clock=system_clock,
        trusted_proxies=(),
        max_requests=100,
        headers=headers_of_all(None),
    )
    served = Starlette(routes=evidence.routes(house.database, Rates(house.clock, 10**9)), middleware=[reception])
    async with httpx.AsyncClient(base_url="http://log", transport=httpx.ASGITransport(served)) as client:
        yield client


async def test_the_files_are_what_the_server_serves(growing: Growing, mirror: Path) -> None:
    await growing.grow_to(WIDTH + 3)

    done = await mirrored(growing, mirror)

    written = files(mirror)
    assert set(written) == {
        "checkpoint",
        "vkey",
        "tile/0/000",
        "tile/0/001.p/3",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/3",
    }
    assert done == Mirrored(NAME, WIDTH + 3, 0, 5)
    async with asking(growing.house) as client:
        for path, content in written.items():
            assert (await client.get(f"/log/{path}")).content == content, path


async def test_a_second_run_writes_what_is_new(growing: Growing, mirror: Path) -> None:
    await growing.grow_to(WIDTH + 3)
    await mirrored(growing, mirror)
    before = {path: (mirror / path).stat().st_ino for path in files(mirror)}
    await growing.grow_to(WIDTH + 5)

    done = await mirrored(growing, mirror)

    assert done == Mirrored(NAME, WIDTH + 5, WIDTH + 3, 2)
    kept = {path for path, inode in before.items() if (mirror / path).stat().st_ino == inode}
    assert kept == set(before) - {"checkpoint"}
    assert set(files(mirror)) - set(before) == {"tile/0/001.p/5", "tile/entries/001.p/5"}


async def test_a_run_without_news_writes_no_tile(growing: Growing, mirror: Path) -> None:
    await growing.grow_to(4)
    await mirrored(growing, mirror)

    assert await mirrored(growing, mirror) == Mirrored(NAME, 4, 4, 0)


@pytest.mark.once
@pytest.mark.parametrize(
    ("before", "size", "paths"),
    [
        (0, 1, ["0/000.p/1", "entries/000.p/1"]),
        (255, 256, ["0/000", "entries/000", "1/000.p/1"]),
        (256, 257, ["0/001.p/1", "entries/001.p/1"]),
        (511, 513, ["0/001", "entries/001", "0/002.p/1", "entries/002.p/1", "1/000.p/2"]),
        (65_535, 65_536, ["0/255", "entries/255", "1/000", "2/000.p/1"]),
        (7, 7, []),
    ],
)
def test_what_is_new_of_a_tree(before: int, size: int, paths: list[str]) -> None:
    assert [path_of(path) for path in new_tiles(before, size)] == paths


async def test_a_run_that_was_interrupted_is_made_good(growing: Growing, mirror: Path) -> None:
    await growing.grow_to(3)
    whole = mirror / "whole"
    await mirrored(growing, whole)
    torn = mirror / "torn"
    (torn / "tile" / "0").mkdir(parents=True)
    (torn / "vkey").write_bytes((whole / "vkey").read_bytes())
    (torn / "tile" / "0" / "000.p").mkdir()
    (torn / "tile" / "0" / "000.p" / "3").write_bytes(b"half")

    await mirrored(growing, torn)

    assert files(torn) == files(whole)


async def test_the_checkpoint_comes_after_all_that_it_covers(
    growing: Growing, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await growing.grow_to(3)
    monkeypatch.setattr(os, "sync", _power_cut)

    with pytest.raises(PowerCut):
        await mirrored(growing, mirror)

    assert set(files(mirror)) == {"vkey", "tile/0/000.p/3", "tile/entries/000.p/3"}


class PowerCut(Exception):
    """Nothing more is written."""


def _power_cut() -> None:
    raise PowerCut


async def test_before_the_first_checkpoint_there_is_nothing_to_copy(growing: Growing, mirror: Path) -> None:
    with pytest.raises(MirrorRefused, match="There is no checkpoint yet"):
        await mirrored(growing, mirror)

    assert files(mirror) == {}


def signed_by(growing: Growing, origin: str, size: int, root: bytes) -> str:
    return str(Signer(NAME, growing.key).sign(Checkpoint(origin, size, root).text))


@pytest.mark.parametrize(
    ("origin", "size", "reason"),
    [
        ("other.example/log", 2, "is a mirror of other.example/log; this log is log.example/anchorage."),
        (NAME, 9, "holds 9 entries of this log, which has 3: the log was rolled back."),
        (NAME, 2, "holds another history of the first 2 entries: the log was forked."),
        (NAME, 3, "holds another history of the first 3 entries: the log was forked."),
    ],
)
async def test_a_directory_that_this_log_does_not_continue_stays_as_it_is(
    growing: Growing, mirror: Path, origin: str, size: int, reason: str
) -> None:
    await growing.grow_to(3)
    (mirror / "checkpoint").write_text(signed_by(growing, origin, size, EMPTY_ROOT), encoding="utf-8")
    before = files(mirror)

    with pytest.raises(MirrorRefused, match=reason):
        await mirrored(growing, mirror)

    assert files(mirror) == before


async def test_a_mirror_of_another_key_is_refused(growing: Growing, mirror: Path) -> None:
    await growing.grow_to(3)
    stranger = Signer(NAME, Ed25519PrivateKey.generate())
    (mirror / "checkpoint").write_text(str(stranger.sign(Checkpoint(NAME, 1, EMPTY_ROOT).text)), encoding="utf-8")
    with pytest.raises(MirrorRefused, match="holds no checkpoint of this log"):
        await mirrored(growing, mirror)

    (mirror / "checkpoint").unlink()
    (mirror / "vkey").write_text(f"{stranger.vkey}\n", encoding="utf-8")
    with pytest.raises(MirrorRefused, match="is a mirror of a log with another key"):
        await mirrored(growing, mirror)


async def test_a_directory_with_other_files_is_refused(growing: Growing, mirror: Path) -> None:
    await growing.grow_to(3)
    (mirror / "letters").mkdir()
    (mirror / "letters" / "one").write_bytes(b"Dear")

    with pytest.raises(MirrorRefused, match="holds letters, which is no part of a mirror"):
        await mirrored(growing, mirror)

    assert files(mirror) == {"letters/one": b"Dear"}


async def test_two_exports_do_not_write_into_one_directory(growing: Growing, mirror: Path) -> None:
    await growing.grow_to(3)
    descriptor = os.open(mirror, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(MirrorRefused, match="Another export writes into"):
            await mirrored(growing, mirror)
    finally:
        os.close(descriptor)


async def test_a_mirror_is_recorded_as_an_export_of_the_whole_log(growing: Growing) -> None:
    await growing.house.perform(OPERATOR, MirrorLog())

    (row,) = await growing.house.database.reads.fetch(
        "SELECT action, account_id, target_type, stream FROM audit_entry ORDER BY seq"
    )
    assert (row["action"], row["account_id"], row["target_type"], row["stream"]) == (
        "audit.export",
        None,
        "audit_log",
        "sys/0",
    )
