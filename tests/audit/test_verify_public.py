"""A log is judged by its files: what contradicts its signature is named, and what does not come decides nothing."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.checkpoint import Signer, VerifierKey
from app.audit.stored import Code, Findings
from app.audit.tiles import bundle, path_of
from app.audit.verify_public import Absent, Broken, Unanswered, list_tiles, read_key, read_log, verify_public
from app.audit.verify_tree import trusted_from
from tests.audit.faithful import Literal
from tests.audit.public_logs import KEY, ORIGIN, Files, files_of, leaves, log_of, signed

pytestmark = pytest.mark.once

SIZE = 600
OURS = Signer(ORIGIN, KEY).vkey


async def found(files: Files, *trusted: str) -> list[tuple[Code, str]]:
    """The findings on these files, with the key that is known."""
    findings = Findings()
    log = await read_log(files.fetch, OURS)
    await verify_public(files.fetch, log, [trusted_from(note, "kept") for note in trusted], findings)
    return [(finding.code, finding.message) for finding in findings.kept]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, SIZE, 65_536, 65_537])
async def test_a_sound_log_is_verified_by_all_its_files(size: int) -> None:
    files = files_of(leaves(size))

    assert await found(files) == []
    assert sorted(files.asked) == sorted(set(files.under) - {"vkey"})


@pytest.mark.parametrize("size", [1, 256, 257, 65_535, 65_536, 65_537, 131_071, 131_072 + 300])
def test_every_tile_comes_after_what_is_below_it(size: int) -> None:
    there = 0
    for path in list_tiles(size):
        if path.level is None:
            there += path.width
        assert (path.number * 256 + path.width) << (8 * (path.level or 0)) <= there


def spoil(name: str, how: Callable[[bytes], bytes]) -> Callable[[Files], None]:
    def spoilt(files: Files) -> None:
        files.under[name] = how(files.under[name])

    return spoilt


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def swap_leaves(_: bytes) -> bytes:
    return bundle([*leaves(SIZE)[255::-1]])


ROOT = "The 600 entries lead to another root than the one that was signed."
FLAWS = {
    "a truncated tile": (
        spoil("tile/0/001", lambda tile: tile[:-1]),
        [(Code.TILE_DIFFERS, "Tile 1 of level 0 is truncated after 8191 bytes.")],
    ),
    "a tile without its last hash": (
        spoil("tile/0/002.p/88", lambda tile: tile[:-32]),
        [(Code.TILE_DIFFERS, "Tile 2 of level 0 is truncated after 2784 bytes.")],
    ),
    "a tile with more than belongs to it": (
        spoil("tile/1/000.p/2", lambda tile: tile + bytes(32)),
        [(Code.TILE_DIFFERS, "Tile 0 of level 1 does not hold the hashes of its entries.")],
    ),
    "a bit in a tile": (
        spoil("tile/0/000", flip(100)),
        [(Code.TILE_DIFFERS, "Tile 0 of level 0 does not hold the hashes of its entries.")],
    ),
    "a bit in a tile above": (
        spoil("tile/1/000.p/2", flip(0)),
        [(Code.TILE_DIFFERS, "Tile 0 of level 1 does not hold the hashes of its entries.")],
    ),
    "an empty tile": (
        spoil("tile/1/000.p/2", lambda _: b""),
        [(Code.TILE_DIFFERS, "Tile 0 of level 1 is truncated after 0 bytes.")],
    ),
    "a bit in an entry": (
        spoil("tile/entries/001", flip(40)),
        [
            (Code.TILE_DIFFERS, "Tile 1 of level 0 does not hold the hashes of its entries."),
            (Code.TILE_DIFFERS, "Tile 0 of level 1 does not hold the hashes of its entries."),
            (Code.CHECKPOINT_DIFFERS, ROOT),
        ],
    ),
    "entries in another order": (
        spoil("tile/entries/000", swap_leaves),
        [
            (Code.TILE_DIFFERS, "Tile 0 of level 0 does not hold the hashes of its entries."),
            (Code.TILE_DIFFERS, "Tile 0 of level 1 does not hold the hashes of its entries."),
            (Code.CHECKPOINT_DIFFERS, ROOT),
        ],
    ),
    "a bundle that is cut off": (
        spoil("tile/entries/001", lambda packed: packed[:-1]),
        [(Code.LEAF_MISSING, "tile/entries/001: The bundle is truncated after 255 entries.")],
    ),
    "a bundle with an entry less": (
        spoil("tile/entries/002.p/88", lambda _: bundle(leaves(SIZE)[512:-1])),
        [(Code.LEAF_MISSING, "tile/entries/002.p/88 holds 87 entries; 88 were signed.")],
    ),
    "a bundle with an entry more": (
        spoil("tile/entries/002.p/88", lambda packed: packed + bundle([b"one more"])),
        [(Code.LEAF_MISSING, "tile/entries/002.p/88 holds 89 entries; 88 were signed.")],
    ),
    "a signature over another root": (
        spoil("checkpoint", lambda _: str(signed(SIZE, bytes(32))).encode()),
        [(Code.CHECKPOINT_DIFFERS, ROOT)],
    ),
}


@pytest.mark.parametrize("flaw", FLAWS)
async def test_a_flaw_is_named(flaw: str) -> None:
    spoiling, expected = FLAWS[flaw]
    files = files_of(leaves(SIZE))
    spoiling(files)

    assert await found(files) == expected


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        (str(log_of(leaves(9)).note).replace("\n9\n", "\n8\n"), "does not fit the note: it was changed."),
        (str(signed(9, bytes(32), key=Ed25519PrivateKey.generate())), "is not signed by log.example/anchorage"),
        (
            str(signed(9, bytes(32), origin="log.example/anchorage/2")),
            ": this is another log",
        ),
    ],
)
async def test_a_checkpoint_that_the_key_did_not_sign_is_tampering(note: str, problem: str) -> None:
    files = Files({"checkpoint": note.encode()})

    with pytest.raises(Broken, match=problem) as broken:
        await read_log(files.fetch, OURS)
    assert broken.value.code is Code.CHECKPOINT_UNSIGNED


@pytest.mark.parametrize("content", [b"", b"<!doctype html>", b"\xff\xff", b"log.example\n9\n\n", b"no\n\nnote\n"])
async def test_what_is_no_checkpoint_decides_nothing(content: bytes) -> None:
    with pytest.raises(Unanswered, match="What is served as the checkpoint is none"):
        await read_log(Files({"checkpoint": content}).fetch, OURS)


@pytest.mark.parametrize("name", ["tile/0/001", "tile/entries/000", "tile/1/000.p/2", "tile/entries/002.p/88"])
async def test_what_is_not_there_decides_nothing(name: str) -> None:
    files = files_of(leaves(SIZE))
    del files.under[name]

    with pytest.raises(Absent):
        await found(files)


async def test_a_partial_tile_that_was_dropped_is_read_from_the_full_one() -> None:
    later, files = files_of(leaves(1_000)), files_of(leaves(SIZE))
    files.under = {
        **later.under,
        "checkpoint": files.under["checkpoint"],
        "tile/1/000": b"".join(Literal(leaves(65_536)).over(at * 256, (at + 1) * 256) for at in range(256)),
    }
    assert "tile/0/002.p/88" not in files.under
    assert "tile/entries/002.p/88" not in files.under

    assert await found(files) == []


async def test_the_log_may_name_its_key_itself() -> None:
    assert await read_key(files_of(leaves(3)).fetch) == OURS
    for content in (b"", b"<html>", b"\xff"):
        with pytest.raises(Unanswered, match="What is served as the log's key is none"):
            await read_key(Files({"vkey": content}).fetch)


@pytest.mark.parametrize("size", [1, 255, 256, 257, SIZE])
async def test_a_checkpoint_that_was_kept_is_continued(size: int) -> None:
    assert await found(files_of(leaves(SIZE)), str(log_of(leaves(size)).note)) == []


@pytest.mark.parametrize(
    ("kept", "code", "problem"),
    [
        (signed(SIZE, bytes(32)), Code.HISTORY_DIFFERS, "the log's first 600 leaves are others."),
        (signed(300, Literal(leaves(300, "other")).root()), Code.HISTORY_DIFFERS, "the log's first 300 leaves are"),
        (signed(601, bytes(32)), Code.ROLLED_BACK, "covers 601 leaves; the log has 600: it was rolled back."),
        (signed(9, bytes(32), origin="other.example"), Code.CHECKPOINT_OF_ANOTHER_LOG, "which is another log."),
        (signed(9, bytes(32), key=Ed25519PrivateKey.generate()), Code.CHECKPOINT_UNSIGNED, "did not sign it"),
    ],
)
async def test_a_checkpoint_that_was_kept_and_is_not_continued_is_named(kept: object, code: Code, problem: str) -> None:
    ((found_code, message),) = await found(files_of(leaves(SIZE)), str(kept))

    assert found_code is code
    assert problem in message


def test_the_key_of_these_tests_is_a_key() -> None:
    assert VerifierKey.parse(str(OURS)) == OURS
    assert path_of(next(list_tiles(3))) == "entries/000.p/3"
