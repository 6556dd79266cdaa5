"""Exports as the command line writes them, judged by the verifier that shares no code with it."""

import asyncio
import json
import sys
from pathlib import Path

from tests.commands.auditing import Anchorage, Exported

VERIFIER = Path(__file__).parents[2] / "scripts" / "audit_verify.py"


async def judged(export: Path, *words: str) -> tuple[int, str]:
    """The verifier's status, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", VERIFIER, export, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def test_exports_of_every_selection_are_verified(signed: Anchorage) -> None:
    whole = await signed.export("whole.jsonl")
    exported = Exported.read(whole)
    bodies = [json.loads(body) for body in exported.bodies]
    about = next(body["target"]["id"] for body in bodies if body["action"] == "certificate.upload")
    kept = signed.folder / "kept"
    kept.write_text(exported.header["checkpoint"], encoding="utf-8")
    size = exported.header["checkpoint"].split("\n")[1]

    for words in (
        ("--certificate", about),
        ("--start", bodies[3]["time"], "--end", bodies[9]["time"]),
        ("--start", bodies[3]["time"]),
        ("--without-personal-data",),
        ("--after", "5"),
        ("--after", "5", "--start", bodies[3]["time"]),
        ("--tree-size", size),
        ("--start", "2001-01-01", "--end", "2001-01-02"),
    ):
        status, said = await judged(await signed.export("some.jsonl", *words))
        assert status == 0, (words, said)
    status, said = await judged(whole)
    assert status == 0, said
    later = await signed.export("later.jsonl", "--trusted-checkpoint", str(kept))
    status, said = await judged(later, "--trusted-checkpoint", str(kept))
    assert status == 0, said


async def test_an_export_that_was_changed_or_cut_or_never_signed_is_not_verified(signed: Anchorage) -> None:
    output = await signed.export("log.jsonl")
    whole = output.read_bytes()

    output.write_bytes(whole.replace(b"Leaked, said again", b"Leaked, said twice"))
    assert (await judged(output))[0] == 1
    output.write_bytes(whole[: whole.rindex(b'{"end"')])
    assert (await judged(output))[0] == 2
    output.write_bytes(b"sequence,action\r\n")
    assert (await judged(output))[0] == 64


async def test_an_export_of_an_unsigned_log_leaves_the_question_open(unsigned: Anchorage) -> None:
    status, said = await judged(await unsigned.export("log.jsonl"))

    assert (status, "CHECKPOINT_ABSENT" in said) == (2, True), said
