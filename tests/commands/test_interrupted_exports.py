"""An export that is interrupted leaves no half file under its name, and goes on to the same bytes.

Seen to fail with a file that was opened under its own name, with a resumed export that began one entry too late, and
with one that took half a line for a whole one.
"""

import asyncio
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import aclosing
from io import BytesIO
from pathlib import Path

import pytest

from app.audit.export import Begun, NotAnExport, Selection, footer, read_begun
from app.clock import system_clock
from app.services.audit_export import Asked, Plan, last_receipts, lines, planned, resumed
from app.store import export_lines
from app.store.connection import Connection
from app.store.database import open_database
from tests.audit.history import World, live
from tests.commands.auditing import Anchorage, Exported, fill, sign

ENTRIES = 4_000
TRIES = 20
SOME = 1_048_576
"""Bytes of a part file after which an export has begun and is not done."""


@pytest.fixture
async def long(migrated_url: str, tmp_path: Path) -> Anchorage:
    """A signed log of some thousand entries."""
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    await fill(database, world.account.id, ENTRIES)
    await sign(database, tmp_path)
    await database.close()
    return Anchorage(migrated_url, world.account.id, tmp_path)


Stop = Callable[[asyncio.subprocess.Process], None]


def told(number: signal.Signals) -> Stop:
    """Stops an export by a signal."""
    return lambda process: process.send_signal(number)


def out_of_room(process: asyncio.subprocess.Process) -> None:
    """A limit on the size of the process's files stands for a full disk."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (SOME + 12_345, resource.RLIM_INFINITY))


async def _interrupted(log: Anchorage, form: str, stop: Stop) -> tuple[int, str, Path]:
    """Stop an export that has begun; answers its status, what it said, and its file."""
    output = log.folder / f"log.{form}"
    part = output.with_name(f".{output.name}.part")
    words = ("-m", "app", "audit", "export", "--account", log.account, "--format", form, "--output", str(output))
    for _ in range(TRIES):
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, env=log.environment, stderr=asyncio.subprocess.PIPE
        )
        while process.returncode is None and not (part.exists() and part.stat().st_size >= SOME):  # noqa: ASYNC110  # another process has no event
            await asyncio.sleep(0.001)  # the file of another process has no event
        if process.returncode is None:
            stop(process)
        _, err = await process.communicate()
        assert process.returncode is not None
        if process.returncode != 0:
            return process.returncode, err.decode(), output
        # It was done before it could be stopped.
        output.unlink()
    raise AssertionError("no export was seen to write beside its file")


async def test_a_killed_export_goes_on_to_the_file_that_it_would_have_been(long: Anchorage) -> None:
    status, _, output = await _interrupted(long, "jsonl", told(signal.SIGKILL))
    part = output.with_name(".log.jsonl.part")
    begun = part.read_bytes()

    assert status == -signal.SIGKILL
    assert not output.exists()
    assert (await long.export("log.jsonl", "--resume")) == output

    whole = output.read_bytes()
    assert not part.exists()
    assert whole.startswith(begun[: begun.rindex(b"\n")])
    exported = Exported.read(output)
    size = int(exported.header["checkpoint"].split("\n")[1])
    again = (await long.export("again.jsonl", "--tree-size", str(size))).read_bytes()
    # The same but for the moment that the header names.
    assert whole.partition(b"\n")[2] == again.partition(b"\n")[2]
    other = Exported.read(long.folder / "again.jsonl").header
    assert {**exported.header, "made_at": None} == {**other, "made_at": None}


async def test_an_export_that_is_told_to_stop_says_how_it_goes_on(long: Anchorage) -> None:
    status, said, output = await _interrupted(long, "jsonl", told(signal.SIGINT))

    assert (status, output.exists()) == (130, False)
    assert "--resume" in said
    assert "Traceback" not in said
    assert output.with_name(".log.jsonl.part").exists()


async def test_rows_that_are_interrupted_leave_nothing(long: Anchorage) -> None:
    status, said, output = await _interrupted(long, "csv", told(signal.SIGINT))

    assert (status, said) == (130, "Interrupted.\n")
    assert not [file.name for file in long.folder.iterdir() if "csv" in file.name]
    assert not output.exists()


async def test_a_full_disk_leaves_no_half_file_and_is_no_end(long: Anchorage) -> None:
    status, said, output = await _interrupted(long, "jsonl", out_of_room)

    assert (status, output.exists()) == (2, False)
    assert "File too large" in said
    await long.export("log.jsonl", "--resume")
    assert len(Exported.read(output).entries) == ENTRIES + 1


async def _whole(connection: Connection, plan: Plan, begun: Begun | None) -> bytes:
    text = plan.header.line if begun is None else b""
    written, withheld = (0, 0) if begun is None else (begun.entries, begun.withheld)
    rest = plan.header.runs if begun is None else tuple(begun.rest())
    async with aclosing(lines(connection, plan.header, rest)) as found:
        async for some in found:
            text += some.text
            written, withheld = written + some.entries, withheld + some.withheld
    return text + footer(written, withheld, await last_receipts(connection, plan))


async def test_an_export_goes_on_from_wherever_it_was_cut(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_lines, "PAGE", 5)
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    await live(world)
    await sign(database, tmp_path)
    (one,) = await database.reads.fetch("SELECT id FROM certificate LIMIT 1")
    for selection in (Selection(), Selection(certificate_id=one["id"])):
        asked = Asked(account_id=world.account.id, selection=selection)
        async with database.snapshot() as connection:
            plan = await planned(connection, asked, made_at=system_clock(), software="anchorage/test")
            whole = await _whole(connection, plan, None)
            ends = [at + 1 for at, byte in enumerate(whole) if byte == 0x0A]
            for cut in sorted(
                {near for end in ends for near in (end - 1, end, end + 1, end + 40) if near < len(whole)}
            ):
                begun = read_begun(BytesIO(whole[:cut]))
                if begun is None:
                    assert cut < ends[0]
                    continue
                rest = await _whole(connection, await resumed(connection, asked, begun), begun)
                assert whole[: begun.length] + rest == whole
        ended = read_begun(BytesIO(whole))
        assert ended is not None
        assert ended.is_ended
    await database.close()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda _: b"", None),
        (lambda whole: whole[:30], None),
        (lambda _: b"sequence,action\r\n1,audit.export\r\n", "no header"),
        (lambda _: b"\x89PNG", "does not begin as the format"),
        (lambda whole: whole.replace(b"export/1", b"export/2", 1), "does not name the format"),
        (lambda whole: whole.replace(b'"kind":"account"', b'"kind":"moon"', 1), "no selection that is known"),
        (lambda whole: whole.replace(b'"first":1', b'"first":2', 1), "holds more entries"),
        (lambda whole: b"".join(whole.splitlines(keepends=True)[at] for at in (0, 2)), "do not follow"),
        (lambda whole: b"".join(whole.splitlines(keepends=True)[:1]) * 2, "no entry"),
        (lambda whole: whole[: whole.rindex(b'{"end"')].replace(b'"hash":"', b'"hash":"0', 99)[:], "no entry"),
    ],
)  # fmt: skip
async def test_what_is_no_beginning_of_this_export_is_refused_with_its_reason(
    spoil: Callable[[bytes], bytes], reason: str | None, spoilable: bytes
) -> None:
    if reason is None:
        assert read_begun(BytesIO(spoil(spoilable))) is None
        return
    with pytest.raises(NotAnExport, match=reason):
        read_begun(BytesIO(spoil(spoilable)))


@pytest.fixture
async def spoilable(migrated_url: str, tmp_path: Path) -> bytes:
    """A whole export."""
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    for name in ("Plant A", "Plant B"):
        await world.upload(name)
    await sign(database, tmp_path)
    async with database.snapshot() as connection:
        asked = Asked(account_id=world.account.id, selection=Selection())
        plan = await planned(connection, asked, made_at=system_clock(), software="anchorage/test")
        whole = await _whole(connection, plan, None)
    await database.close()
    return whole


async def test_an_export_that_was_begun_with_other_words_or_of_another_log_is_not_continued(signed: Anchorage) -> None:
    whole = (await signed.export("log.jsonl")).read_bytes()
    begun = whole[: whole.rindex(b'{"end"')]
    output = signed.folder / "next.jsonl"
    part = signed.folder / ".next.jsonl.part"
    for text, words in (
        (begun, ("--without-personal-data",)),
        (begun, ("--certificate", "a" * 32)),
        (begun, ("--after", "3")),
        (begun.replace(b"log.example/audit", b"log.example/other"), ()),
        (begun[: begun.rindex(b'"hash":"') + 8] + b"0" * 64 + begun[begun.rindex(b'"hash":"') + 72 :], ()),
        (b"something else\n", ()),
    ):
        part.write_bytes(text)
        said = await signed.audit(
            "export", "--account", signed.account, "--format", "jsonl", "--output", str(output), "--resume", *words
        )
        assert (said.status, output.exists()) == (64, False), said
        assert said.err.startswith("The file that was begun cannot be continued.")
        assert part.read_bytes() == text
