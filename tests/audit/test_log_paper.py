"""The paper on the log tells the truth: its commands print what it says, and its queries run."""

import json
import re
import shutil
import subprocess
from contextlib import aclosing
from pathlib import Path

import pytest

from app.audit.export import Selection, footer
from app.audit.stored import Code, StoredEntry
from app.clock import system_clock
from app.services.audit_export import Asked, lines, planned
from app.store.database import Database
from tests.audit.acts import VECTORS
from tests.audit.conftest import Lived

PAPER = (Path(__file__).parents[2] / "docs" / "log.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(sh|text|sql)\n(.*?)```", PAPER, re.DOTALL)
COMMANDS = [text for kind, text in BLOCKS if kind == "sh"]
PRINTED = [text for kind, text in BLOCKS if kind == "text"]
QUERIES = [text for kind, text in BLOCKS if kind == "sql"]


def run(commands: str, folder: Path) -> str:
    """What a shell prints."""
    shell = shutil.which("sh")
    assert shell is not None
    return subprocess.run([shell, "-c", commands], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_example_prints_what_the_paper_says(tmp_path: Path) -> None:
    assert [run(commands, tmp_path) for commands in COMMANDS[:2]] == PRINTED


def test_the_example_is_a_pinned_entry() -> None:
    vector = json.loads(VECTORS.read_text(encoding="utf-8"))["account.set_tier"]

    assert vector["body"] in COMMANDS[0]
    assert PRINTED[0].split() == [vector["body_sha256"], vector["hash"]]


async def test_an_export_can_be_checked_with_a_shell_alone(
    lived: Lived, lived_database: Database, tmp_path: Path
) -> None:
    asked = Asked(account_id=lived.account_id, selection=Selection())
    async with lived_database.snapshot() as connection:
        plan = await planned(connection, asked, made_at=system_clock(), software="anchorage/test")
        async with aclosing(lines(connection, plan.header, plan.header.runs)) as found:
            written = b"".join([some.text async for some in found])
    count = plan.header.entries
    whole = plan.header.line + written + footer(count, 0, [])
    log = tmp_path / "log.jsonl"
    log.write_bytes(whole)

    assert run(COMMANDS[2], tmp_path) == "".join(f"{number} is right\n" for number in range(1, count + 1))

    log.write_bytes(whole.replace(b"Leaked, said again", b"Leaked, said twice"))

    assert run(COMMANDS[2], tmp_path).count("IS WRONG") == 1


@pytest.mark.parametrize("query", QUERIES)
async def test_the_queries_run(lived: Lived, query: str) -> None:
    columns = set(StoredEntry._fields) | {"entries", "subject_id"}
    found = await lived.owner.fetch(query)

    assert all(set(dict(row)) <= columns for row in found)
    assert found or "target_id" in query


def test_the_paper_names_every_code() -> None:
    named = set(re.findall(r"`([A-Z_]+)`", PAPER.partition("## Verifying")[2]))

    assert named == {code.value for code in Code}
