"""`anchorage audit erase` and `archive` as they are run, also beside a server: what they say, and what they leave.

Seen to fail with the write-ahead log left as it was, and with an archive that was written over.
"""

import asyncio
import gzip
import hashlib
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.audit.archive import ArchiveInvalid, entry_of
from app.audit.entry import entry_hash
from app.services.verification import verify_database
from app.store import leftovers
from app.store.database import Database
from tests.audit.erasing import ADDRESS, AGENT, NAME, Person, disclosures_of, spellings, traces
from tests.audit.history import World, live
from tests.checks import check_log
from tests.commands.running import anchorage
from tests.serving import Served

Environment = dict[str, str]


@pytest.fixture
async def person(database: Database) -> Person:
    """Somebody in an account with a past, in June 2026."""
    world = await World.open(database)
    await live(world)
    one = await Person.join(world)
    await one.work(20)
    return one


@pytest.fixture
def environment(migrated_url: str, tmp_path: Path) -> Environment:
    """The settings of the command line."""
    return {"ANCHORAGE_DATABASE_URL": migrated_url, "ANCHORAGE_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}


def needles_of(disclosed: list[str]) -> list[bytes]:
    """Everything that names the person."""
    named = [spelled for text in (NAME, ADDRESS, AGENT) for spelled in spellings(text)]
    return [*named, *(disclosure.encode() for disclosure in disclosed)]


async def test_erasing_leaves_nothing_in_the_files_and_says_what_it_did(
    person: Person, environment: Environment, migrated_url: str
) -> None:
    database = person.world.database
    disclosed = await disclosures_of(database, person.row.id)

    said = await anchorage(
        environment, "audit", "erase", "--subject", f"user_{person.row.id}", "--yes", "--json", "--reason", "Asked for"
    )

    assert said.json["disclosures"] == len(disclosed)
    assert said.json["cleared"] is True
    assert await traces(migrated_url, *needles_of(disclosed)) == []
    await check_log(database)
    shown = await anchorage(environment, "audit", "verify")
    assert f"{len(disclosed)} disclosures of {person.row.id} erased" in shown.err
    again = await anchorage(environment, "audit", "erase", "--subject", person.row.id, "--yes")
    assert again.status == 0
    assert again.out.startswith("erased 0 ")
    assert len((await verify_database(database)).removals) == 1


async def test_nobody_and_nothing_are_refused(person: Person, environment: Environment) -> None:
    words = ("audit", "erase", "--yes", "--subject")
    assert (await anchorage(environment, *words, "f" * 32)).refused == "NOT_FOUND"
    assert (await anchorage(environment, *words, "nobody")).refused == "INVALID_INPUT"
    assert (await anchorage(environment, *words, person.row.id, "--account", "f" * 32)).refused == "NOT_FOUND"
    assert (await anchorage(environment, *words[:2], "--subject", person.row.id, typed="n\n")).status == 1
    assert await disclosures_of(person.world.database, person.row.id)
    await check_log(person.world.database)


async def test_the_one_who_erases_their_own_name_does_not_say_it_again(
    person: Person, environment: Environment
) -> None:
    said = await anchorage(environment, "audit", "erase", "--subject", "command-line", "--yes", "--json")

    assert said.json["disclosures"] > 3
    assert await disclosures_of(person.world.database, "command-line") == []
    await check_log(person.world.database)


async def test_a_reader_of_before_is_named_as_what_is_in_the_way(person: Person, migrated_url: str) -> None:
    database = person.world.database
    disclosed = await disclosures_of(database, person.row.id)
    async with database.snapshot() as connection:
        await connection.fetch("SELECT * FROM audit_disclosure")
        await person.erase()
        left = await leftovers.clear(migrated_url, patience_seconds=0.5)
        assert left is not None
        assert "still reads" in left
    assert await leftovers.clear(migrated_url) is None
    assert await traces(migrated_url, *needles_of(disclosed)) == []


async def test_an_archive_holds_the_month_to_the_byte_and_the_month_is_gone(
    person: Person, environment: Environment, tmp_path: Path, migrated_url: str
) -> None:
    database = person.world.database
    (before,) = await database.reads.fetch("SELECT count(*) AS n FROM audit_body WHERE month = 202606")
    disclosed = await disclosures_of(database, person.row.id)
    hashes = {row["hash"] for row in await database.reads.fetch("SELECT hash FROM audit_entry")}
    file = tmp_path / "june.jsonl.gz"
    words = ("audit", "archive", "--month", "2026-06", "--output")

    copied = (await anchorage(environment, *words, str(tmp_path / "copy.jsonl"), "--json")).json
    assert (copied["entries"], copied["dropped"]) == (before["n"], 0)
    said = (await anchorage(environment, *words, str(file), "--drop", "--json")).json

    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    assert b"".join(lines) == (tmp_path / "copy.jsonl").read_bytes()
    assert len(lines) == said["entries"] == before["n"]
    assert said["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert {entry_of(line) for line in lines} <= hashes
    assert said["dropped"] > 20
    assert said["cleared"] is True
    (after,) = await database.reads.fetch("SELECT count(*) AS n FROM audit_body WHERE month = 202606")
    assert after["n"] == before["n"] - said["dropped"]
    # What was dropped is not in the files any more; what is compared with the state is.
    left = await disclosures_of(database, person.row.id)
    assert await traces(migrated_url, *(one.encode() for one in disclosed if one not in left)) == []
    assert f"{said['dropped']} bodies of 2026-06 archived" in (await anchorage(environment, "audit", "verify")).err
    await check_log(database)
    # A second archive would hold less than the first, and is not written over it.
    assert (await anchorage(environment, *words, str(file), "--drop")).refused == "INVALID_INPUT"


async def test_months_that_cannot_be_archived_leave_no_file(
    person: Person, environment: Environment, tmp_path: Path
) -> None:
    words = ("audit", "archive", "--drop", "--output", str(tmp_path / "month.jsonl"), "--month")
    assert (await anchorage(environment, *words, f"{datetime.now(UTC):%Y-%m}")).refused == "INVALID_STATE"
    assert (await anchorage(environment, *words, "2026-05")).refused == "NOT_FOUND"
    assert (await anchorage(environment, *words, "May")).refused == "INVALID_INPUT"
    nowhere = ("audit", "archive", "--output", str(tmp_path / "nowhere" / "x"), "--month", "2026-06")
    assert (await anchorage(environment, *nowhere)).status == 2
    assert [name for name in os.listdir(tmp_path) if "month" in name or ".part" in name] == []  # noqa: PTH208
    await check_log(person.world.database)


def test_a_line_that_was_changed_is_no_line_of_an_archive() -> None:
    body = b'{"v":1}'
    made = entry_hash("sys/0", 1, bytes(32), hashlib.sha256(body).digest())
    line = b'{"stream":"sys/0","aseq":1,"prev":"%s","hash":"%s","disclosures":{},"body":%s}\n' % (
        b"00" * 32,
        made.hex().encode(),
        body,
    )
    assert entry_of(line) == made
    for wrong in (line.replace(b'"v":1', b'"v":2'), line.replace(b'"aseq":1', b'"aseq":2'), b"\n", b"[]", b"{}\n"):
        with pytest.raises(ArchiveInvalid):
            entry_of(wrong)


async def test_beside_a_server_that_writes_all_of_them_go_and_the_log_verifies(
    served: Served, database_url: str
) -> None:
    account = json.loads(await served.command("account", "list", "--json"))[0]["id"]
    made = await anchorage(
        served.environment, "user", "create", NAME, "--account", account, "--role", "admin", "--password-stdin",
        typed="a long enough password\n",
    )  # fmt: skip
    done = asyncio.Event()

    async def write() -> int:
        count = 0
        while not done.is_set():
            await served.operate("query { auditEvents(first: 1) { totalCount } }")
            count += 1
        return count

    writing = asyncio.create_task(write())
    try:
        said = await anchorage(served.environment, "audit", "erase", "--subject", made.word, "--yes", "--json")
    finally:
        done.set()
    assert await writing > 0
    assert said.json["cleared"] is True, said
    assert await traces(database_url, *spellings(NAME)) == []
    assert (await served.command("audit", "verify")).startswith("verified")


@pytest.mark.parametrize("moment", ["deleted", "recorded"])
async def test_an_erasure_that_is_killed_is_whole_or_has_not_been(
    person: Person, migrated_url: str, moment: str
) -> None:
    database = person.world.database
    before = await disclosures_of(database, person.row.id)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.commands.erasing_process", migrated_url, person.world.account.id, person.row.id,
        moment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == f"{moment}\n".encode()
    process.send_signal(signal.SIGKILL)
    await process.wait()

    # The stream's lock is free once the server has noticed, and nothing can be half done after that.
    await person.world.upload("Plant Z")
    left = await disclosures_of(database, person.row.id)
    rows = await database.reads.fetch("SELECT 1 AS one FROM audit_entry WHERE action = 'audit.erasure'")
    assert (len(left), len(rows)) == ((len(before), 0) if moment == "deleted" else (1, 1))
    await check_log(database)
