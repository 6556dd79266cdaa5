"""An export proves itself: its chain, its receipts, its checkpoint; and what it is not, it says."""

import asyncio
import json
from base64 import b64decode
from hashlib import sha256
from itertools import pairwise

from app.audit.checkpoint import Checkpoint, Note, VerifierKey, open_checkpoint
from app.audit.merkle import require_consistent
from app.audit.proof import Receipt
from app.store import log_reads
from app.store.database import Role, open_database
from tests.audit.owner import owning
from tests.checks import check_log
from tests.commands.auditing import ORIGIN, Anchorage, Exported, sign


def check(exported: Exported) -> None:
    """What anyone can do with the file alone, written from the format's description."""
    assert exported.header["format"] == "anchorage-audit-export/1"
    assert len(exported.entries) == exported.end["entries"]
    assert sum("withheld" in entry for entry in exported.entries) == exported.end["withheld"]
    at = 0
    for run in exported.header["streams"]:
        before = None
        for aseq in range(run["first"], run["last"] + 1):
            entry, body = exported.entries[at], exported.bodies[at]
            at += 1
            assert (entry["stream"], entry["aseq"]) == (run["stream"], aseq)
            assert before is None or entry["prev"] == before
            body_sha256 = entry["body_sha256"] if "withheld" in entry else sha256(body).hexdigest()
            five = f"anchorage-audit/1\n{run['stream']}\n{aseq}\n{entry['prev']}\n{body_sha256}\n"
            assert entry["hash"] == (before := sha256(five.encode()).hexdigest())
    assert at == len(exported.entries)
    if exported.header["checkpoint"] is None:
        assert exported.end["receipts"] == []
        return
    key = VerifierKey.parse(exported.header["vkey"])
    checkpoint = open_checkpoint(exported.header["checkpoint"], [key])
    ends = {entry["stream"]: entry for entry in exported.entries}
    assert {one["stream"] for one in exported.end["receipts"]} == set(ends)
    for one in exported.end["receipts"]:
        receipt = Receipt.parse(one["receipt"])
        receipt.require_proves(b'{"entry":"sha256:%s","v":1}' % ends[one["stream"]]["hash"].encode(), [key])
        assert receipt.checkpoint == exported.header["checkpoint"]
        assert one["aseq"] == ends[one["stream"]]["aseq"]
        assert receipt.index < checkpoint.size


async def test_an_export_of_a_signed_log_proves_every_entry_and_its_own(signed: Anchorage) -> None:
    exported = Exported.read(await signed.export("log.jsonl"))

    check(exported)
    assert json.loads(exported.bodies[-1])["action"] == "audit.export"
    header = exported.header
    assert (header["account"], header["account_name"]) == (signed.account, "Northwind")
    assert (header["selection"], header["personal_data"]) == ({"kind": "account"}, True)
    assert header["streams"] == [{"stream": signed.stream, "first": 1, "last": len(exported.entries)}]
    assert header["checkpoint"].startswith(f"{ORIGIN}\n")
    assert {gap["what"] for gap in header["not_audited"]} > {"The valid use of an API key"}
    assert any(entry["disclosures"] for entry in exported.entries)


async def test_an_export_of_a_log_that_nobody_signed_says_so(unsigned: Anchorage) -> None:
    exported = Exported.read(await unsigned.export("log.jsonl"))

    check(exported)
    assert (exported.header["checkpoint"], exported.header["vkey"]) == (None, None)
    assert exported.header["consistency"] == []
    assert "No checkpoint of this log has been signed yet" in exported.header["not_audited"][-1]["why"]
    assert not (unsigned.folder / "log-key").exists()


async def test_without_personal_data_every_hash_still_holds(signed: Anchorage) -> None:
    output = await signed.export("log.jsonl", "--without-personal-data")

    exported = Exported.read(output)
    check(exported)
    assert exported.header["personal_data"] is False
    assert all(entry["disclosures"] == {} for entry in exported.entries)


async def test_an_export_of_one_certificate_withholds_the_rest_and_counts_it(signed: Anchorage) -> None:
    whole = Exported.read(await signed.export("whole.jsonl"))
    uploads = [body for body in map(json.loads, whole.bodies) if body["action"] == "certificate.upload"]
    about = uploads[0]["target"]["id"]

    exported = Exported.read(await signed.export("one.jsonl", "--certificate", about))

    check(exported)
    assert exported.header["selection"] == {"kind": "certificate", "id": about}
    told = [json.loads(body) for body in exported.bodies if body]
    assert told == [body for body in map(json.loads, whole.bodies) if body["target"]["id"] == about]
    # Setting a status again succeeds and changes nothing: the version stays.
    changes = [body for body in told if body["change"] and body["change"]["before"] != body["change"]["after"]]
    assert [body["target"]["version"] for body in changes] == list(range(1, len(changes) + 1))
    assert all(then["change"]["before"] == now["change"]["after"] for now, then in pairwise(changes))
    assert exported.end["withheld"] == len(exported.entries) - len(told) > 0
    assert {entry["withheld"] for entry in exported.entries if "withheld" in entry} == {"not_selected"}


async def test_a_range_of_time_is_one_run_also_where_the_clock_went_back(unsigned: Anchorage) -> None:
    database = open_database(unsigned.url, role=Role.BESIDE)
    await database.start()
    entries = [entry async for entry in log_reads.walk(database.reads, unsigned.stream)]
    await database.close()
    async with owning(unsigned.url) as owner:
        # The times of two entries are exchanged, as if a clock had been set back between them.
        await owner.take_guards_away()
        early, late = entries[4], entries[7]
        for entry, other in ((early, late), (late, early)):
            micros = int(other.time.timestamp() * 1_000_000)
            await owner.execute("UPDATE audit_entry SET time = $1 WHERE seq = $2", micros, entry.seq)
        await owner.put_guards_back()

    start = entries[7].time.isoformat()
    output = await unsigned.export("log.jsonl", "--start", start, "--end", entries[9].time.isoformat())

    exported = Exported.read(output)
    check(exported)
    assert [entry["aseq"] for entry in exported.entries] == [5, 6, 7, 8, 9]
    assert exported.header["selection"]["kind"] == "time"
    empty = Exported.read(await unsigned.export("empty.jsonl", "--start", "2001-01-01", "--end", "2001-02-01"))
    check(empty)
    assert (empty.header["streams"], empty.end["entries"]) == ([], 0)


async def test_exports_go_on_where_the_last_one_ended(signed: Anchorage) -> None:
    first = Exported.read(await signed.export("first.jsonl"))
    end = first.entries[-1]
    then = Exported.read(await signed.export("then.jsonl", "--after", str(end["aseq"])))

    check(then)
    assert then.entries[0]["prev"] == end["hash"]
    assert [entry["aseq"] for entry in then.entries] == [end["aseq"] + 1]


async def test_an_export_from_a_size_is_from_that_checkpoint_and_no_other(signed: Anchorage) -> None:
    before = Exported.read(await signed.export("before.jsonl"))
    size = open_checkpoint(before.header["checkpoint"], [VerifierKey.parse(before.header["vkey"])]).size

    again = Exported.read(await signed.export("again.jsonl", "--tree-size", str(size)))

    check(again)
    assert again.header["checkpoint"] == before.header["checkpoint"]
    assert (again.entries, again.bodies, again.end) == (before.entries, before.bodies, before.end)
    said = await signed.audit("export", "--account", signed.account, "--format", "jsonl", "--tree-size", str(size + 99))
    assert (said.status, said.out) == (1, b"")
    assert f"No checkpoint of {size + 99} entries was signed" in said.err


async def test_an_export_proves_that_the_log_continues_a_checkpoint_that_was_kept(signed: Anchorage) -> None:
    kept = signed.folder / "kept"
    kept.write_text(Exported.read(await signed.export("first.jsonl")).header["checkpoint"], encoding="utf-8")
    old = Checkpoint.parse(Note.parse(kept.read_text(encoding="utf-8")).text)

    header = Exported.read(await signed.export("then.jsonl", "--trusted-checkpoint", str(kept))).header

    new = Checkpoint.parse(Note.parse(header["checkpoint"]).text)
    (grown,) = header["consistency"]
    assert grown["size"] == old.size < new.size
    require_consistent(old.size, old.root, new.size, new.root, [b64decode(one) for one in grown["hashes"]])


async def test_a_checkpoint_that_the_log_does_not_continue_is_refused(signed: Anchorage) -> None:
    trusted, output = signed.folder / "trusted", signed.folder / "log.jsonl"
    note = (signed.folder / "checkpoint").read_text(encoding="utf-8")
    _, size, root = note.split("\n")[:3]
    for text, status, reason in (
        (note.replace(ORIGIN, "other.example/log"), 1, "is of 'other.example/log'"),
        (note.replace(f"\n{size}\n", f"\n{size}9\n"), 1, "and this export is made from one of"),
        (note.replace(root, "A" * 43 + "="), 1, "does not continue"),
        ("something else", 64, "is no checkpoint"),
    ):
        trusted.write_text(text, encoding="utf-8")

        said = await signed.audit(
            *("export", "--account", signed.account, "--format", "jsonl"),
            *("--trusted-checkpoint", str(trusted), "--output", str(output)),
        )

        assert (said.status, output.exists()) == (status, False), said
        assert reason in said.err


async def test_words_that_do_not_fit_end_with_64(unsigned: Anchorage) -> None:
    for words in (
        ("--certificate", "a" * 32, "--start", "2026-01-01"),
        ("--certificate", "a" * 32, "--after", "3"),
        ("--tree-size", "5", "--end", "2026-01-01"),
        ("--resume",),
        ("--resume", "--format", "csv", "--output", "log.csv"),
        ("--colour",),
        ("--trusted-checkpoint", "/nowhere/at/all"),
    ):
        said = await unsigned.audit("export", "--account", unsigned.account, "--format", "jsonl", *words)

        assert (said.status, said.out) == (64, b"")


async def test_only_what_the_checkpoint_covers_is_exported(signed: Anchorage) -> None:
    (signed.folder / "log-key").rename(signed.folder / "log-key-elsewhere")
    exported = Exported.read(await signed.export("log.jsonl"))
    (signed.folder / "log-key-elsewhere").rename(signed.folder / "log-key")

    check(exported)
    assert json.loads(exported.bodies[-1])["action"] != "audit.export"


async def test_a_notary_elsewhere_is_waited_for(signed: Anchorage) -> None:
    database = open_database(signed.url)
    await database.start()
    notary = await sign(database, signed.folder)
    (signed.folder / "log-key").rename(signed.folder / "log-key-elsewhere")

    async def keep_signing() -> None:
        while True:
            await notary.cycle()
            await asyncio.sleep(0.05)

    signing = asyncio.create_task(keep_signing())
    exported = Exported.read(await signed.export("log.jsonl"))
    signing.cancel()
    await asyncio.wait([signing])
    await check_log(database)
    await database.close()

    check(exported)
    assert json.loads(exported.bodies[-1])["action"] == "audit.export"


async def test_an_export_of_a_stream_with_a_hole_is_refused(signed: Anchorage) -> None:
    async with owning(signed.url) as owner:
        await owner.take_guards_away()
        await owner.execute("DELETE FROM audit_entry WHERE stream = $1 AND aseq = 3", signed.stream)
        await owner.put_guards_back()
    output = signed.folder / "log.jsonl"

    for form in ("jsonl", "csv"):
        said = await signed.audit("export", "--account", signed.account, "--format", form, "--output", str(output))
        assert (said.status, output.exists()) == (1, False), said
        assert signed.stream in said.err
