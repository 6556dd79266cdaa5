"""`anchorage audit …` as it is run: its exit status is an answer, and its files are whole or not there."""

import csv
import io
import json
import shlex
import sys
from pathlib import Path

import pytest

from app.commands.output import Part, written_onward, written_whole
from app.store import log_reads
from app.store.database import open_database
from tests.audit.owner import owning
from tests.checks import check_log
from tests.commands.auditing import Anchorage, Exported


async def test_the_status_of_verify_is_its_answer(unsigned: Anchorage) -> None:
    sound = await unsigned.audit("verify")
    assert (sound.status, sound.out.partition(b":")[0]) == (0, b"verified")
    assert (await unsigned.audit("verify", "--colour")).status == 64
    unreadable = await unsigned.audit("verify", url=f"sqlite://{unsigned.folder}/nothing.db")
    assert (unreadable.status, unreadable.out) == (2, b"")
    (unsigned.folder / "noise.db").write_bytes(b"no database" * 1_000)
    assert (await unsigned.audit("verify", url=f"sqlite://{unsigned.folder}/noise.db")).status == 2

    async with owning(unsigned.url) as owner:
        await owner.take_guards_away()
        await owner.execute("UPDATE certificate SET status = 'ACTIVE'")

    tampered = await unsigned.audit("verify", "--json")
    told = json.loads(tampered.out)
    assert (tampered.status, told["verdict"]) == (1, "tampered")
    assert told["counts"] == {"GUARD_MISSING": 1, "STATE_DIFFERS": 1}
    assert {finding["code"] for finding in told["findings"]} == {"GUARD_MISSING", "STATE_DIFFERS"}


async def test_an_export_holds_the_exact_bodies_and_its_own_entry(unsigned: Anchorage) -> None:
    output = unsigned.folder / "log.jsonl"

    said = await unsigned.audit("export", "--account", unsigned.account, "--format", "jsonl", "--output", str(output))

    assert (said.status, said.out) == (0, b"")
    exported = Exported.read(output)
    database = open_database(unsigned.url)
    await database.start()
    stored = [entry async for entry in log_reads.walk(database.reads, f"{unsigned.account}/0")]
    await check_log(database)
    await database.close()
    assert exported.bodies == [entry.body for entry in stored]
    assert [entry["hash"] for entry in exported.entries] == [entry.hash.hex() for entry in stored]
    assert stored[-1].action == "audit.export"
    assert output.stat().st_mode & 0o777 == 0o600


async def test_rows_and_pages_come_from_the_same_entries(unsigned: Anchorage) -> None:
    exported = await unsigned.audit("export", "--account", unsigned.account, "--format", "csv")
    reported = await unsigned.audit("report", "--account", unsigned.account, "--format", "jsonl")
    page = await unsigned.audit("report", "--account", unsigned.account, "--format", "html")

    rows = list(csv.DictReader(io.StringIO(exported.out.decode(), newline="")))
    told = [json.loads(line) for line in reported.out.splitlines()]
    assert [row["hash"] for row in rows] == [row["hash"] for row in told][:-1]
    assert b"none was changed, and none is missing" in page.out
    assert b"Northwind" in page.out
    assert "What is not audited" in reported.err


async def test_what_cannot_be_exported_leaves_no_file(unsigned: Anchorage) -> None:
    output = unsigned.folder / "log.jsonl"
    words = ("--format", "jsonl", "--output", str(output))

    assert (await unsigned.audit("export", "--account", "f" * 32, *words)).status == 1
    assert (await unsigned.audit("export", "--account", "nobody", *words)).status == 1
    nowhere = str(unsigned.folder / "nowhere" / "log.jsonl")
    assert (
        await unsigned.audit("export", "--account", unsigned.account, "--format", "jsonl", "--output", nowhere)
    ).status == 2
    assert not list(unsigned.folder.glob("*.jsonl"))


async def test_a_reader_who_goes_away_ends_the_export_quietly(unsigned: Anchorage) -> None:
    command = shlex.join(
        (sys.executable, "-m", "app", "audit", "export", "--account", unsigned.account, "--format", "jsonl")
    )

    said = await unsigned.shell(f"{{ {command}; echo $? >&2; }} | true")

    assert said.err == "1\n"


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "log.csv"
    output.write_bytes(b"the last one")

    def interrupted() -> None:
        with written_whole(output) as write:
            write(b"half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert output.read_bytes() == b"the last one"
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]
    with written_whole(output) as write:
        write(b"the next one")
    assert output.read_bytes() == b"the next one"


def test_what_can_be_continued_stays_hidden_and_is_written_by_one_at_a_time(tmp_path: Path) -> None:
    output = tmp_path / "log.jsonl"

    def interrupted() -> None:
        with written_onward(output) as part:
            part.write(b"half of it")
            with pytest.raises(OSError, match="another process"):
                Part(output)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert [file.name for file in tmp_path.iterdir()] == [".log.jsonl.part"]
    with written_onward(output) as part:
        part.cut(len(b"half of"))
        part.write(b" all of it")
    assert [file.name for file in tmp_path.iterdir()] == ["log.jsonl"]
    assert output.read_bytes() == b"half of all of it"
