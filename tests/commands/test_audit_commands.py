"""`anchorage audit …` as it is run: its exit status is an answer, and its files are whole or not there."""

import asyncio
import csv
import io
import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.commands.output import written_whole
from app.store import log_reads
from app.store.database import open_database
from tests.audit.history import World, live
from tests.audit.owner import owning
from tests.checks import check_log


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    status: int
    out: bytes
    err: str


@dataclass(frozen=True)
class Anchorage:
    """The command line on a database of an account with a past."""

    url: str
    account: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The settings."""
        given = {name: value for name, value in os.environ.items() if not name.startswith("ANCHORAGE_")}
        return given | {"ANCHORAGE_DATABASE_URL": self.url, "ANCHORAGE_DATA_DIR": str(self.folder)}

    async def audit(self, *words: str, url: str | None = None) -> Said:
        """Run `anchorage audit` with these words."""
        return await self.shell(shlex.join((sys.executable, "-m", "app", "audit", *words)), url=url)

    async def shell(self, line: str, *, url: str | None = None) -> Said:
        """Run a line of shell."""
        environment = self.environment | ({} if url is None else {"ANCHORAGE_DATABASE_URL": url})
        process = await asyncio.create_subprocess_shell(
            line, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out, err.decode())


@pytest.fixture
async def anchorage(migrated_url: str, tmp_path: Path) -> Anchorage:
    """An account with a past, and nobody who serves it."""
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    await live(world)
    await database.close()
    return Anchorage(migrated_url, world.account.id, tmp_path)


async def test_the_status_of_verify_is_its_answer(anchorage: Anchorage) -> None:
    sound = await anchorage.audit("verify")
    assert (sound.status, sound.out.partition(b":")[0]) == (0, b"verified")
    assert (await anchorage.audit("verify", "--colour")).status == 64
    unreadable = await anchorage.audit("verify", url=f"sqlite://{anchorage.folder}/nothing.db")
    assert (unreadable.status, unreadable.out) == (2, b"")
    (anchorage.folder / "noise.db").write_bytes(b"no database" * 1_000)
    assert (await anchorage.audit("verify", url=f"sqlite://{anchorage.folder}/noise.db")).status == 2

    async with owning(anchorage.url) as owner:
        await owner.take_guards_away()
        await owner.execute("UPDATE certificate SET status = 'ACTIVE'")

    tampered = await anchorage.audit("verify", "--json")
    told = json.loads(tampered.out)
    assert (tampered.status, told["verdict"]) == (1, "tampered")
    assert told["counts"] == {"GUARD_MISSING": 1, "STATE_DIFFERS": 1}
    assert {finding["code"] for finding in told["findings"]} == {"GUARD_MISSING", "STATE_DIFFERS"}


async def test_an_export_holds_the_exact_bodies_and_its_own_entry(anchorage: Anchorage) -> None:
    output = anchorage.folder / "log.jsonl"

    said = await anchorage.audit("export", "--account", anchorage.account, "--format", "jsonl", "--output", str(output))

    assert (said.status, said.out) == (0, b"")
    lines = output.read_bytes().split(b"\n")[:-1]
    database = open_database(anchorage.url)
    await database.start()
    stored = [entry async for entry in log_reads.walk(database.reads, f"{anchorage.account}/0")]
    await check_log(database)
    await database.close()
    assert [line.partition(b',"body":')[2][:-1] for line in lines] == [entry.body for entry in stored]
    assert [json.loads(line)["hash"] for line in lines] == [entry.hash.hex() for entry in stored]
    assert stored[-1].action == "audit.export"
    assert output.stat().st_mode & 0o777 == 0o600


async def test_rows_and_pages_come_from_the_same_entries(anchorage: Anchorage) -> None:
    exported = await anchorage.audit("export", "--account", anchorage.account, "--format", "csv")
    reported = await anchorage.audit("report", "--account", anchorage.account, "--format", "jsonl")
    page = await anchorage.audit("report", "--account", anchorage.account, "--format", "html")

    rows = list(csv.DictReader(io.StringIO(exported.out.decode(), newline="")))
    told = [json.loads(line) for line in reported.out.splitlines()]
    assert [row["hash"] for row in rows] == [row["hash"] for row in told][:-1]
    assert b"none was changed, and none is missing" in page.out
    assert b"Northwind" in page.out
    assert "What is not audited" in reported.err


async def test_what_cannot_be_exported_leaves_no_file(anchorage: Anchorage) -> None:
    output = anchorage.folder / "log.jsonl"
    words = ("--format", "jsonl", "--output", str(output))

    assert (await anchorage.audit("export", "--account", "f" * 32, *words)).status == 1
    assert (await anchorage.audit("export", "--account", "nobody", *words)).status == 1
    nowhere = str(anchorage.folder / "nowhere" / "log.jsonl")
    assert (
        await anchorage.audit("export", "--account", anchorage.account, "--format", "jsonl", "--output", nowhere)
    ).status == 2
    assert not list(anchorage.folder.glob("*.jsonl"))


async def test_a_reader_who_goes_away_ends_the_export_quietly(anchorage: Anchorage) -> None:
    command = shlex.join(
        (sys.executable, "-m", "app", "audit", "export", "--account", anchorage.account, "--format", "jsonl")
    )

    said = await anchorage.shell(f"{{ {command}; echo $? >&2; }} | true")

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
