"""The verifier for strangers: an exported file, this one script, and a checkpoint of yesterday are enough to tell."""

import gzip
from collections.abc import Callable
from functools import partial

import pytest

from tests.peers.by_the_paper import FAR_SEED, ORIGIN, base64, checkpoint, cosigned, vkey
from tests.peers.clean_machine import Clean
from tests.peers.exported import (
    CERTIFICATE,
    STREAM,
    Entry,
    File,
    Log,
    disclosure,
    export,
    lived,
    of_certificate,
    rewritten,
)
from tests.peers.tampering import TAMPERED

pytestmark = pytest.mark.once

ONLY_CERTIFICATE = {"kind": "certificate", "id": CERTIFICATE}


@pytest.fixture(scope="module")
def log() -> Log:
    return lived()


def test_a_file_and_yesterdays_checkpoint_are_enough(clean: Clean, log: Log) -> None:
    yesterday = clean.file("yesterday", checkpoint(log.leaves[:8]))

    answer = clean.verify(export(log), "--trusted-checkpoint", yesterday)

    assert answer.status == 0
    assert answer.line.startswith(f"verified: entries 1 to 11 of stream {STREAM}; tree of 23 entries with root ")
    assert answer.line.endswith("continues the trusted checkpoint of size 8")
    assert answer.said["key"] == {"name": ORIGIN, "key_id": "67582c7b", "known": True}
    assert answer.said["disclosures"] == {"disclosed": 11, "withheld_or_erased": 0}


def test_a_key_that_nobody_vouches_for_is_said_to_be_one(clean: Clean, log: Log) -> None:
    name = clean.file("export.jsonl", export(log).content)

    alone, pinned = clean.run(name), clean.run(name, "--vkey", vkey())

    assert (alone.returncode, pinned.returncode) == (0, 0)
    assert b"the file's own" in alone.stdout
    assert b"--vkey" in alone.stderr
    assert (b"the file's own" in pinned.stdout, pinned.stderr) == (False, b"")
    assert clean.run(name, "--vkey", clean.file("key", f"{vkey()}\n")).stdout == pinned.stdout


def test_packed_files_and_standard_input_are_read(clean: Clean, log: Log) -> None:
    content = export(log).content

    assert clean.verify(gzip.compress(content)).status == 0
    assert clean.run("-", given=content).returncode == 0
    assert clean.run("-", given=gzip.compress(content)).returncode == 0


@pytest.mark.parametrize("first", [1, 4, 11])
@pytest.mark.parametrize("size", [22, 23])
@pytest.mark.parametrize("extra", [False, True])
def test_every_part_of_a_stream_verifies(clean: Clean, log: Log, first: int, size: int, extra: bool) -> None:
    file = export(log, first=first, size=size, extra=extra, personal_data=False)

    answer = clean.verify(file, "--vkey", vkey())

    assert answer.status == 0
    assert answer.said["streams"] == [
        {"stream": STREAM, "first": first, "last": 11, "entries": 12 - first, "withheld": 0}
    ]
    assert answer.said["disclosures"]["disclosed"] == 0


def test_the_history_of_one_certificate_is_shown_to_be_complete(clean: Clean, log: Log) -> None:
    answer = clean.verify(export(log, selection=ONLY_CERTIFICATE, withhold=of_certificate), "--vkey", vkey())

    assert answer.status == 0
    assert f"5 changes of certificate {CERTIFICATE}, none missing between them" in answer.line
    assert "the bodies of 5 of them are withheld" in answer.line


def test_what_is_disclosed_later_is_found(clean: Clean, log: Log) -> None:
    file = export(log, personal_data=False)
    later = disclosure(40, "actor.name", "Zoë Müller")

    name = clean.file("export.jsonl", file.content)
    told = clean.run(name, "--vkey", vkey(), "--disclosure", later).stdout.decode("ascii")
    answer = clean.verify(file, "--disclosure", later)

    assert f'disclosed in entry 4 of stream {STREAM}: "actor.name" is "Zo\\u00eb M\\u00fcller"' in told
    assert answer.said["given_disclosures"][0]["aseq"] == 4
    assert answer.said["given_disclosures"][0]["value"] == "Zoë Müller"

    forged = clean.verify(file, "--disclosure", disclosure(40, "actor.name", "Ada"))
    assert (forged.status, forged.codes) == (2, {"DISCLOSURE_NOT_HELD"})


@pytest.mark.parametrize("spoil", TAMPERED, ids=lambda spoil: spoil.__name__)
def test_tampering_is_told_with_the_first_broken_entry(clean: Clean, log: Log, spoil: Callable[[File], None]) -> None:
    file, (aseq, code) = export(log), TAMPERED[spoil]
    spoil(file)

    answer = clean.verify(file)

    place = "line " if aseq is None else f"entry {aseq} of stream {STREAM}, line "
    assert answer.status == 1
    assert answer.line.startswith(f"TAMPERED: {place}")
    assert f" {code}: " in answer.line


def test_nothing_may_follow_the_footer(clean: Clean, log: Log) -> None:
    content = export(log).content
    footer = content.split(b"\n")[-2]

    for more in (content.split(b"\n")[5], footer, b""):
        answer = clean.verify(content + more + b"\n")
        assert (answer.status, answer.codes) == (1, {"LINE_AFTER_END"})


def test_a_history_written_anew_is_told_by_yesterdays_checkpoint(clean: Clean, log: Log) -> None:
    """Whoever owns the log and its key can write a file without a flaw; a checkpoint that was kept proves it false."""
    forged = export(rewritten(log, 6, b"INACTIVE", b"BLOCKED!"), consistency=(16, 22))
    kept = [clean.file(f"checkpoint-{size}", checkpoint(log.leaves[:size])) for size in (16, 22, 23)]

    assert clean.verify(forged, "--vkey", vkey()).status == 0
    for yesterday in kept:
        assert clean.verify(export(log, consistency=(16, 22)), "--trusted-checkpoint", yesterday).status == 0
        for proofs in (forged, export(log, consistency=(16, 22))):
            forged.header["consistency"] = proofs.header["consistency"]
            answer = clean.verify(forged, "--trusted-checkpoint", yesterday)
            assert (answer.status, answer.codes) == (1, {"HISTORY_DIFFERS"})


def test_a_stream_begins_with_nothing_before_it(clean: Clean, log: Log) -> None:
    answer = clean.verify(export(rewritten(log, 1, b"", b"", genesis=bytes([1]) * 32)))

    assert (answer.status, answer.codes) == (1, {"PREV_MISMATCH"})
    assert f"entry 1 of stream {STREAM}" in answer.line


def test_a_log_that_became_shorter_is_told(clean: Clean, log: Log) -> None:
    yesterday = clean.file("yesterday", checkpoint(log.leaves))

    answer = clean.verify(export(log, size=22), "--trusted-checkpoint", yesterday)

    assert (answer.status, answer.codes) == (1, {"ROLLBACK"})


@pytest.mark.parametrize("size", [0, 1, 5, 8, 16, 22, 23])
def test_every_earlier_size_is_proven_where_the_file_holds_the_proof(clean: Clean, log: Log, size: int) -> None:
    kept = clean.file("kept", checkpoint(log.leaves[:size]))
    proven = export(log, consistency=() if size in {0, 23} else (size,))

    assert clean.verify(proven, "--trusted-checkpoint", kept).status == 0

    answer = clean.verify(export(log, consistency=()), "--trusted-checkpoint", kept)
    assert answer.status == (0 if size in {0, 23} else 2)
    assert size in {0, 23} or "ask for an export made with --trusted-checkpoint" in answer.line


def test_another_log_is_not_taken_for_the_one_that_is_known(clean: Clean, log: Log) -> None:
    kept = clean.file("kept", checkpoint(log.leaves[:8]))
    other = export(log, origin="other.example/log")
    same_name = export(log, seed=FAR_SEED)

    assert clean.verify(other).status == 0
    for words in (("--vkey", vkey()), ("--trusted-checkpoint", kept)):
        answer = clean.verify(other, *words)
        assert (answer.status, "ORIGIN_DIFFERS" in answer.codes) == (1, True)
        answer = clean.verify(same_name, *words)
        assert (answer.status, "CHECKPOINT_NOT_SIGNED" in answer.codes) == (1, True)
    # After `audit recover` the log goes on under a new name: no proof against it, and none for it.
    for words in (("--vkey", vkey()), ("--trusted-checkpoint", kept)):
        answer = clean.verify(export(log, origin=f"{ORIGIN}/2"), *words)
        assert (answer.status, answer.codes) == (2, {"LOG_BEGAN_ANEW"})


def test_a_file_that_names_another_key_than_the_given_one_is_told(clean: Clean, log: Log) -> None:
    file = export(log)
    file.header["vkey"] = vkey(seed=FAR_SEED)

    assert clean.verify(file, "--vkey", vkey()).codes == {"KEY_DIFFERS"}
    file.header["vkey"] = vkey("other.example/log")
    assert clean.verify(file, "--vkey", vkey()).codes == {"ORIGIN_DIFFERS"}
    file.header["vkey"] = vkey().replace("67582c7b", "67582c7c")
    assert clean.verify(file, "--vkey", vkey()).codes == {"KEY_MALFORMED"}


def test_a_file_that_breaks_off_is_incomplete(clean: Clean, log: Log) -> None:
    content = export(log).content
    ends = [at + 1 for at, byte in enumerate(content) if byte == 10]

    for end in (*ends[:-1], ends[0] + 200, ends[5] + 9, len(content) - 1):
        answer = clean.verify(content[:end])
        assert (answer.status, answer.codes) == (2, {"FILE_INCOMPLETE"})
    packed = gzip.compress(content)
    for end in (3, 20, len(packed) // 2, len(packed) - 4):
        assert clean.verify(packed[:end]).codes == {"FILE_UNREADABLE"}


def test_a_file_that_nobody_signed_proves_nothing(clean: Clean, log: Log) -> None:
    file = export(log)
    file.header["checkpoint"], file.footer["receipts"] = None, []

    assert clean.verify(file).codes == {"CHECKPOINT_ABSENT"}
    file = export(log)
    file.header["vkey"] = None
    assert clean.verify(file).codes == {"KEY_ABSENT"}
    assert clean.verify(file, "--vkey", vkey()).status == 0


def test_witnesses_beside_the_log_change_nothing(clean: Clean, log: Log) -> None:
    file = export(log)
    file.header["checkpoint"] = cosigned(file.header["checkpoint"], "witness.example/w1", FAR_SEED, 1_780_000_000)

    answer = clean.verify(file, "--vkey", vkey())

    assert answer.status == 0
    assert [one["name"] for one in answer.said["checkpoint"]["signatures"]] == [ORIGIN, "witness.example/w1"]


def old(entry: Entry) -> str | None:
    """Withholds the bodies that were archived."""
    return "archived" if entry.aseq < 7 else None


def containing(mark: bytes, entry: Entry) -> str | None:
    """Withholds what says something."""
    return "not_selected" if mark in entry.body else None


def test_a_change_of_a_certificate_that_is_hidden_is_missed(clean: Clean, log: Log) -> None:
    selection = {"kind": "certificate", "id": CERTIFICATE}
    for number, hidden in (
        (4, b"certificate.upload"),
        (6, b'"status":"INACTIVE","version":2},"before":{"id'),
        (9, b'"version":3},"before":{"id"'),
    ):
        file = export(log, selection=selection, withhold=partial(containing, hidden))
        assert b'"withheld":"not_selected"' in file.lines[number - 1]
        answer = clean.verify(file)
        assert (answer.status, answer.codes) == (1, {"CHANGE_UNRECORDED"})
    jumped = rewritten(
        rewritten(log, 9, b'"version":3},"bef', b'"version":5},"bef'), 10, b'"version":3}}', b'"version":5}}'
    )
    assert clean.verify(export(jumped, selection=selection)).codes == {"CHANGE_UNRECORDED"}
    archived = export(log, selection=selection, withhold=old)
    assert clean.verify(archived).codes == {"CHANGES_UNKNOWN"}
    late = export(log, selection=selection, first=7)
    assert clean.verify(late).codes == {"CHANGES_UNKNOWN"}
    other = {"kind": "certificate", "id": "0" * 32}
    assert clean.verify(export(log, selection=other, withhold=of_certificate)).codes == {"CHANGE_UNRECORDED"}


def test_an_interval_holds_its_first_and_last_entry(clean: Clean, log: Log) -> None:
    def between(start: str | None, end: str | None) -> File:
        return export(log, first=4, last=6, selection={"kind": "time", "start": start, "end": end})

    fourth, sixth, seventh = (f"2026-06-{day:02}T12:00:00.000000Z" for day in (4, 6, 7))

    for start, end in ((None, None), (fourth, seventh), (fourth, None), (None, seventh)):
        assert clean.verify(between(start, end)).status == 0
    for start, end in ((sixth, None), (None, sixth)):
        assert clean.verify(between(start, end)).codes == {"SELECTION_DIFFERS"}


def test_words_and_files_that_are_none_are_told_apart_from_answers(clean: Clean, log: Log) -> None:
    name = clean.file("export.jsonl", export(log).content)
    kept = clean.file("kept", checkpoint(log.leaves[:8], seed=FAR_SEED))
    nothing, text = clean.file("nothing", b""), clean.file("text", "{}\n")
    wrong_id = vkey().replace("+67582c7b+", "+67582c7c+")
    for words in (
        (), ("--colour", "red", name), (nothing,), (text,), ("nowhere",), (".",),
        (name, "--vkey", "nowhere"), (name, "--vkey", wrong_id), (name, "--vkey", f"{ORIGIN}+67582c7b+{base64(b'1')}"),
        (name, "--trusted-checkpoint", text), (name, "--disclosure", "!"), (name, "--disclosure", "e30"),
        (name, "--vkey", vkey(), "--trusted-checkpoint", kept),
    ):  # fmt: skip
        said = clean.run(*words)
        assert (said.returncode, said.stdout) == (64, b"")
        assert b"Traceback" not in said.stderr


def test_a_later_format_is_no_tampering(clean: Clean, log: Log) -> None:
    content = export(log).content.replace(b"anchorage-audit-export/1", b"anchorage-audit-export/2")

    assert clean.verify(content).codes == {"LOG_FORMAT_UNKNOWN"}
