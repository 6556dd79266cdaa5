"""What an export of the log costs, against the database's own program that prints the same rows.

Both are whole processes that read the same entries and write a file: `anchorage audit export --format jsonl`, and
`sqlite3` in its JSON mode or `psql` with COPY.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from app.actor import Actor
from app.audit.entry import account_stream
from app.store.url import sqlite_path
from scripts.benchmarks.long_log import build
from tests.store.cluster import programs_folder

FORMS = ("csv", "parquet", "ocsf")

_ROWS = (
    "SELECT e.stream, e.aseq, {prev} AS prev, {hash} AS hash, d.subject_id, d.disclosures, {body} AS body"
    " FROM audit_entry AS e JOIN audit_body AS b ON b.seq = e.seq LEFT JOIN audit_disclosure AS d ON d.seq = e.seq"
    " WHERE e.stream = '{stream}' ORDER BY e.aseq"
)


@dataclass(slots=True)
class Measured:
    """Seconds, round by round: ours, the database's own program, and once each of the forms that are rows."""

    entries: int
    ours: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    forms: dict[str, float] = field(default_factory=dict)
    megabytes: float = 0.0


async def measure(url: str, folder: Path, count: int, rounds: int) -> Measured:
    """Export a log of so many entries, in turn with the database's own program."""
    (actor,) = await build(url, count)
    measured = Measured(count)
    output = folder / "export"
    for _ in range(rounds):
        measured.own.append(_seconds(_own_program(url, actor), output))
        measured.ours.append(_seconds(_ours(actor, "jsonl", output), None, url))
        measured.megabytes = output.stat().st_size / 1e6
    for form in FORMS:
        measured.forms[form] = _seconds(_ours(actor, form, output), None, url)
    output.unlink()
    return measured


def has_own_program(url: str) -> bool:
    """Whether the database's own program can be had."""
    return Path(_program(url)).exists()


def _program(url: str) -> str:
    if sqlite_path(url) is not None:
        return shutil.which("sqlite3") or ""
    beside = programs_folder() / "psql"
    return str(beside) if beside.exists() else shutil.which("psql") or ""


def _own_program(url: str, actor: Actor) -> list[str]:
    stream = account_stream(actor.account_id or "")
    path = sqlite_path(url)
    if path is not None:
        rows = _ROWS.format(prev="hex(e.prev)", hash="hex(e.hash)", body="CAST(b.body AS TEXT)", stream=stream)
        return [_program(url), "-readonly", "-json", str(path), rows]
    rows = _ROWS.format(
        prev="encode(e.prev, 'hex')", hash="encode(e.hash, 'hex')", body="convert_from(b.body, 'UTF8')", stream=stream
    )
    return [_program(url), "-q", url, "-c", f"COPY ({rows}) TO STDOUT"]


def _ours(actor: Actor, form: str, output: Path) -> list[str]:
    asked = ["--account", actor.account_id or "", "--format", form, "--output", str(output)]
    return [sys.executable, "-m", "app", "audit", "export", *asked]


def _seconds(command: list[str], output: Path | None, url: str | None = None) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANCHORAGE_")}
    if url is not None:
        environment["ANCHORAGE_DATABASE_URL"] = url
    with Path(output or os.devnull).open("wb") as file:
        start = perf_counter()
        subprocess.run(command, check=True, stdout=file, stderr=subprocess.DEVNULL, env=environment)
        if output is not None:
            # Ours is on the disk when it ends.
            os.fsync(file.fileno())
        return perf_counter() - start
