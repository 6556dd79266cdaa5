"""Whether a log only grew is proved from its tiles, which nobody has to be believed about."""

import pytest

from app.audit.checkpoint import Checkpoint
from app.audit.stored import Code
from app.audit.verify_public import Absent, Broken, require_continues
from tests.audit.faithful import Literal
from tests.audit.public_logs import ORIGIN, files_of, leaves, log_of

pytestmark = pytest.mark.once


def checkpoint(size: int, history: str = "") -> Checkpoint:
    return log_of(leaves(size, history)).checkpoint


async def test_every_growth_is_proved() -> None:
    for new in range(1, 40):
        files = files_of(leaves(new))
        for old in range(1, new + 1):
            await require_continues(files.fetch, checkpoint(old), checkpoint(new))


@pytest.mark.parametrize(("old", "new"), [(1, 65_537), (255, 257), (256, 65_536), (65_535, 65_537), (600, 601)])
async def test_growth_over_tiles_is_proved_from_few_of_them(old: int, new: int) -> None:
    files = files_of(leaves(new))

    await require_continues(files.fetch, checkpoint(old), checkpoint(new))

    assert len(files.asked) <= 5
    assert not any("entries" in name for name in files.asked)


async def test_a_log_that_stands_still_needs_no_tile() -> None:
    files = files_of(leaves(600))

    await require_continues(files.fetch, checkpoint(600), checkpoint(600))

    assert files.asked == []


@pytest.mark.parametrize(
    ("old", "new", "code", "problem"),
    [
        (checkpoint(9), checkpoint(8), Code.ROLLED_BACK, "The log has 8 entries; it had 9: it was rolled back."),
        (checkpoint(9, "other"), checkpoint(9), Code.HISTORY_DIFFERS, "Two different roots for the size 9."),
        (checkpoint(9, "other"), checkpoint(600), Code.HISTORY_DIFFERS, "leads to another root for the size 9."),
        (checkpoint(256, "other"), checkpoint(600), Code.HISTORY_DIFFERS, "leads to another root for the size 600."),
        (checkpoint(9), Checkpoint(ORIGIN, 600, bytes(32)), Code.HISTORY_DIFFERS, "another root for the size 600."),
    ],
)
async def test_another_history_is_named(old: Checkpoint, new: Checkpoint, code: Code, problem: str) -> None:
    files = files_of(leaves(600))

    with pytest.raises(Broken, match=problem) as broken:
        await require_continues(files.fetch, old, new)
    assert broken.value.code is code


async def test_a_truncated_tile_proves_nothing_and_is_named() -> None:
    files = files_of(leaves(600))
    files.under["tile/0/000"] = files.under["tile/0/000"][:64]

    with pytest.raises(Broken, match="The tile of node 1 at height 2 is truncated") as broken:
        await require_continues(files.fetch, checkpoint(4), checkpoint(600))
    assert broken.value.code is Code.HISTORY_DIFFERS


async def test_a_tile_that_is_not_there_decides_nothing() -> None:
    files = files_of(leaves(600))
    del files.under["tile/0/000"]

    with pytest.raises(Absent):
        await require_continues(files.fetch, checkpoint(4), checkpoint(600))


async def test_a_partial_tile_that_was_dropped_is_read_from_the_full_one() -> None:
    files = files_of(leaves(600))
    del files.under["tile/0/002.p/88"]
    files.under["tile/0/002"] = files_of(leaves(768)).under["tile/0/002"]

    await require_continues(files.fetch, checkpoint(599), checkpoint(600))

    assert Literal(leaves(600)).root() == checkpoint(600).root
