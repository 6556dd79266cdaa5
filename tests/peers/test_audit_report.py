"""An auditor's script against the real server: somebody else's GraphQL client, an auditor's key, any range."""

import asyncio
import csv
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.audit.coverage import NOT_AUDITED
from tests.serving import Served

SCRIPT = Path(__file__).parents[2] / "scripts" / "audit_report.py"
ACCOUNT = "query { viewer { account { id } } }"
CHECKPOINT = "query { auditCheckpoint { origin } }"


@dataclass(frozen=True)
class Said:
    """What a program said, and how it ended."""

    status: int
    out: bytes
    err: str


async def script(served: Served, *words: str, key: str | None = None) -> Said:
    """Run the script as an auditor does; the key comes from the environment where it is given."""
    environment = {name: value for name, value in served.environment.items() if not name.startswith("ANCHORAGE_")}
    if key is not None:
        environment["ANCHORAGE_KEY"] = key
    process = await asyncio.create_subprocess_exec(
        sys.executable, SCRIPT, "--url", served.url, *words, env=environment, cwd=served.data_dir,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out, err.decode())


@pytest.fixture
async def auditor(served: Served) -> str:
    """A key that may read the audit log of an account with a past, and little else."""
    await served.command("demo")
    account = (await served.operate(ACCOUNT))["viewer"]["account"]["id"]
    return await served.command("key", "create", "--account", account, "--role", "auditor")


async def rows_of(served: Served, key: str, *words: str) -> tuple[list[dict[str, Any]], str]:
    """The rows of a report, and what was said beside them."""
    said = await script(served, "--format", "jsonl", *words, key=key)
    assert said.status == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()], said.err


async def test_a_report_is_made_from_the_whole_log_or_a_half_open_range(
    served: Served, auditor: str, tmp_path: Path
) -> None:
    rows, said = await rows_of(served, auditor)

    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    assert f"Last entry: number {len(rows)}, {rows[-1]['hash']}" in said
    assert rows[-1]["action"] == "audit.read"
    blacklisted = next(row for row in rows if row["action"] == "certificate.set_status")
    assert {"field": "status", "before": "ACTIVE", "after": "INACTIVE"} in blacklisted["changes"]
    assert {row["code"] for row in rows if row["outcome"] == "refused"} >= {"NAME_TAKEN", "LEAF_IN_CHAIN"}

    # The first of the things that are not audited: ordinary reads leave nothing, looks into the log an entry each.
    await served.operate("query { certificates(first: 5) { edges { node { name } } } }", key=auditor)
    later, _ = await rows_of(served, auditor)
    assert {row["action"] for row in later[len(rows) :]} == {"audit.read"}

    bounds = ("--start", rows[2]["occurredAt"], "--end", rows[5]["occurredAt"])
    ranged = await script(served, "--format", "csv", *bounds, key=auditor)

    cells = list(csv.DictReader(io.StringIO(ranged.out.decode(), newline="")))
    assert [(int(row["sequence"]), row["hash"]) for row in cells] == [
        (row["sequence"], row["hash"]) for row in rows[2:5]
    ]

    output = tmp_path / "report.html"
    paged = await script(served, "--output", str(output), key=auditor)

    assert paged.status == 0, paged.err
    page = output.read_text()
    signed = (await served.operate(CHECKPOINT, key=auditor))["auditCheckpoint"]
    assert f"{signed['origin']}, " in page
    assert f"Checkpoint: {signed['origin']}, " in paged.err
    assert "none was changed, and none is missing" in page
    assert "The contract ended; the key left the building with the line." in page
    assert "NAME_TAKEN" in page
    assert NOT_AUDITED[0].what in page
    assert auditor not in page + paged.err + said


async def test_a_log_longer_than_a_page_is_read_to_its_end(served: Served, auditor: str) -> None:
    # Looking into the log is an entry each time.
    for _ in range(110):
        await served.operate("query { auditEvents(first: 1) { edges { cursor } } }", key=auditor)

    rows, _ = await rows_of(served, auditor)

    assert len(rows) > 110
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))


async def test_a_key_that_may_not_read_the_log_makes_no_file(served: Served, auditor: str, tmp_path: Path) -> None:
    account = (await served.operate(ACCOUNT, key=auditor))["viewer"]["account"]["id"]
    viewer = await served.command("key", "create", "--account", account, "--role", "viewer")
    output = tmp_path / "report.html"

    said = await script(served, "--output", str(output), key=viewer)

    assert said.status == 1
    assert "FORBIDDEN" in said.err
    assert viewer not in said.err
    assert not output.exists()
    # A key may also come from a file; words that are unknown are told apart from what the log answers.
    key_file = str(served.data_dir / "admin-key")
    assert (await script(served, "--format", "csv", "--key-file", key_file)).status == 0
    for words in (("--colour", "red"), ("--start", "yesterday"), ("--key-file", "/nowhere")):
        assert (await script(served, *words)).status == 64
