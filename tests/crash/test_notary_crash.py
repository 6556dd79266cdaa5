"""A notary that is killed at any step of a cycle, in one process after another, has signed one history.

Seen to fail with checkpoints kept before their commit.
"""

import asyncio
import signal
from pathlib import Path

import pytest

from app.audit.kept import KeptCheckpoint, read_all
from app.audit.notary import Step
from tests.crash.signers import Signer, Witness, beside, until_all_is_signed, working, write_on

STREAMS = ("sys/0", "sys/1", f"{'a' * 32}/0")


async def test_whatever_step_a_notary_is_killed_at_there_is_one_history_and_it_goes_on(
    migrated_url: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    rounds = 5 if pytestconfig.getoption("--full") else 1
    folder = tmp_path / "kept"
    folder.mkdir()
    async with beside(migrated_url) as database:
        witness = Witness(database, folder)
        endless = [asyncio.create_task(write_on(database, stream)) for stream in STREAMS]
        async with working(*endless, asyncio.create_task(witness.watch())):
            for nth in range(1, rounds + 1):
                for step in Step:
                    # The next process begins while the writers write; nothing but itself tells it what was left.
                    signer = await Signer.start(
                        migrated_url, folder, "one", "two", step=step, nth=nth, signum=signal.SIGKILL
                    )
                    assert await signer.ended() == -signal.SIGKILL, (step, signer.said)
                    await witness.look()
                    kept = read_all([KeptCheckpoint(folder / name) for name in ("one", "two")])
                    sizes = [checkpoint.size for _, _, checkpoint in kept]
                    assert witness.largest_published <= min(sizes, default=0), "served before it was kept"
        last = await Signer.start(migrated_url, folder, "one", "two")
        await until_all_is_signed(database)
        await last.kill()
        await witness.require_one_history()


async def test_two_notaries_at_once_sign_one_history_and_both_get_on(migrated_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    async with beside(migrated_url) as database:
        witness = Witness(database, folder)
        endless = [asyncio.create_task(write_on(database, stream)) for stream in STREAMS]
        pair = [await Signer.start(migrated_url, folder, "shared", name) for name in ("one", "two")]
        async with working(*endless, asyncio.create_task(witness.watch())):
            for _ in range(5):
                for signer in pair:
                    await signer.hear("published")
        await until_all_is_signed(database)
        for signer in pair:
            await signer.kill()
        assert any("Superseded" in signer.said for signer in pair)
        assert not [line for signer in pair for line in signer.said if line.startswith("refused")]
        await witness.require_one_history()
