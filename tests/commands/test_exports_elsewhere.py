"""What the product exports is verified by the stranger's script, on a machine without the product."""

import asyncio
import shutil
import sys
from pathlib import Path

import orjson
import pytest

from tests.commands.auditing import Anchorage, Said

SCRIPT = Path(__file__).parents[2] / "scripts" / "audit_verify.py"


def _alone(folder: Path) -> str:
    """Put the script into a directory of its own; answers its name there."""
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(SCRIPT, folder)).name


async def elsewhere(folder: Path, *words: str) -> Said:
    """Run the script as an auditor does: in a directory without the project, with a Python that looks nowhere else."""
    script = _alone(folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", script, *words, cwd=folder, env={},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out, err.decode())


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--without-personal-data",),
        ("--after", "3"),
        ("--start", "2026-06-01T12:00:05", "--end", "2100-01-01"),
        ("--start", "2001-01-01", "--end", "2001-02-01"),
    ],
)
async def test_every_selection_is_verified_elsewhere(signed: Anchorage, words: tuple[str, ...]) -> None:
    kept = signed.folder / "kept"
    shutil.copy(signed.folder / "checkpoint", kept)

    file = await signed.export("log.jsonl", "--trusted-checkpoint", str(kept), *words)

    said = await elsewhere(signed.folder / "elsewhere", str(file), "--trusted-checkpoint", str(kept))
    assert (said.status, said.err) == (0, ""), said.out
    assert said.out.startswith(b"verified: ")


async def test_one_certificate_is_verified_elsewhere(signed: Anchorage) -> None:
    whole = await signed.export("log.jsonl")
    bodies = [orjson.loads(line)["body"] for line in whole.read_bytes().split(b"\n")[1:-2]]
    about = {body["target"]["id"] for body in bodies if body["target"]["type"] == "certificate" and body["change"]}

    for certificate_id in about:
        file = await signed.export("one.jsonl", "--certificate", certificate_id)
        said = await elsewhere(signed.folder / "elsewhere", str(file), "--json")
        assert said.status == 0, said.out
        assert f"changes of certificate {certificate_id}, none missing between them" in said.out.decode()
        file.unlink()


async def test_what_nobody_signed_is_not_verified_elsewhere(unsigned: Anchorage) -> None:
    file = await unsigned.export("log.jsonl")

    said = await elsewhere(unsigned.folder / "elsewhere", str(file), "--json")

    assert (said.status, set(orjson.loads(said.out)["counts"])) == (2, {"CHECKPOINT_ABSENT"})
