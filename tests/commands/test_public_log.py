"""`anchorage audit watch` and `verify --url`: their status is the answer, and cron hears nothing while all is well."""

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from app.audit.checkpoint import Signer
from app.cli import cli
from tests.audit.public_logs import KEY, ORIGIN, Files, files_of, leaves, log_of, signed

pytestmark = pytest.mark.once

OURS = str(Signer(ORIGIN, KEY).vkey)
STRANGER = str(Signer(ORIGIN, Ed25519PrivateKey.generate()).vkey)


def laid(directory: Path, files: Files) -> Path:
    """The files in a directory, in place of what was there."""
    shutil.rmtree(directory, ignore_errors=True)
    for name, content in files.under.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of 300 entries."""
    return laid(tmp_path / "log", files_of(leaves(300)))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What was seen last: nothing yet."""
    return tmp_path / "seen.json"


def audit(*words: object) -> Result:
    return CliRunner().invoke(cli, ["audit", *map(str, words)])


def watch(log: object, state: Path, *words: object) -> Result:
    return audit("watch", "--url", log, "--state", state, *words)


def test_nothing_is_said_while_the_log_only_grows(log: Path, state: Path) -> None:
    for size in (300, 300, 301, 600):
        laid(log, files_of(leaves(size)))
        seen = watch(log, state)
        assert (seen.exit_code, seen.output) == (0, ""), size

    assert json.loads(state.read_text())["checkpoint"] == str(log_of(leaves(600)).note)
    assert [path.name for path in state.parent.iterdir() if path != log] == [state.name]


def test_who_asks_is_told(log: Path, state: Path) -> None:
    first = watch(log, state, "-v")
    assert first.output == f"300 entries of {ORIGIN}; the first look, which trusts the key {OURS}.\n"

    laid(log, files_of(leaves(301)))
    assert watch(f"file://{log}", state, "-v").output == f"301 entries of {ORIGIN}; it had 300.\n"
    told = json.loads(watch(log, state, "--json").output)
    root = log_of(leaves(301)).checkpoint.root.hex()
    assert told == {"verdict": "verified", "origin": ORIGIN, "size": 301, "root": root, "sizeBefore": 301}


@pytest.mark.parametrize(
    ("size", "history", "code", "problem"),
    [
        (299, "", "ROLLED_BACK", "The log has 299 entries; it had 300: it was rolled back."),
        (300, "other", "HISTORY_DIFFERS", "Two different roots for the size 300."),
        (600, "other", "HISTORY_DIFFERS", "The 600 entries do not continue the 300 that were there"),
    ],
)
def test_a_log_that_did_not_only_grow_is_an_alarm_with_evidence(
    log: Path, state: Path, size: int, history: str, code: str, problem: str
) -> None:
    watch(log, state)
    before = state.read_bytes()
    laid(log, files_of(leaves(size, history)))

    alarm = watch(log, state)

    assert alarm.exit_code == 1
    assert problem in alarm.stderr
    assert alarm.stderr.count("\n") == 1
    assert alarm.stdout == ""
    assert state.read_bytes() == before
    (evidence,) = [path for path in state.parent.iterdir() if ".against-" in path.name]
    assert evidence.read_text() == str(log_of(leaves(size, history)).note)
    assert str(evidence) in alarm.stderr
    told = watch(log, state, "--json")
    assert (told.exit_code, json.loads(told.stdout)["code"]) == (1, code)
    assert json.loads(told.stdout)["verdict"] == "tampered"


def test_another_key_and_another_origin_are_alarms(log: Path, state: Path) -> None:
    watch(log, state)
    root = log_of(leaves(300)).checkpoint.root
    for note, problem in (
        (signed(300, root, key=Ed25519PrivateKey.generate()), "is not signed by"),
        (signed(300, root, origin=f"{ORIGIN}/2"), "this is another log"),
    ):
        (log / "checkpoint").write_text(str(note))
        alarm = watch(log, state)
        assert alarm.exit_code == 1
        assert problem in alarm.stderr


def test_a_key_that_is_given_must_have_signed_at_the_first_look(log: Path, state: Path) -> None:
    assert watch(log, state, "--vkey", STRANGER).exit_code == 1
    assert not state.exists()
    assert watch(log, state, "--vkey", OURS).exit_code == 0


def test_what_cannot_be_told_is_neither(log: Path, state: Path, tmp_path: Path) -> None:
    assert watch(tmp_path / "nowhere", state).exit_code == 2
    assert watch("http://127.0.0.1:1", state).exit_code == 2
    (log / "checkpoint").write_text("<html>We are moving</html>")
    assert watch(log, state).exit_code == 2
    assert not state.exists()

    laid(log, files_of(leaves(300)))
    watch(log, state)
    laid(log, files_of(leaves(600)))
    shutil.rmtree(log / "tile")
    told = watch(log, state, "--json")
    assert (told.exit_code, json.loads(told.stdout)["verdict"]) == (2, "undecidable")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": "anchorage-watch/2"}',
        '{"format": "anchorage-watch/1", "vkey": 1, "checkpoint": 2}',
        json.dumps({"format": "anchorage-watch/1", "vkey": STRANGER, "checkpoint": str(log_of(leaves(9)).note)}),
    ],
)
def test_a_state_that_nobody_wrote_is_not_believed(log: Path, state: Path, content: str) -> None:
    state.write_text(content)

    assert watch(log, state).exit_code == 2
    assert state.read_text() == content


@pytest.mark.parametrize(
    "words",
    [
        ["watch"],
        ["watch", "--url", "ftp://w.example", "--state", "s"],
        ["watch", "--url", "http://user@w.example", "--state", "s"],
        ["watch", "--url", "file://elsewhere/log", "--state", "s"],
        ["watch", "--url", ".", "--state", "s", "--vkey", "no key"],
        ["watch", "--url", ".", "--state", "s", "--colour"],
        ["verify", "--url", "ftp://w.example"],
        ["verify", "--url", ".", "--vkey", "no key"],
        ["verify", "--url", ".", "--trusted-checkpoint", "/nothing/there"],
        ["verify", "--vkey", OURS],
    ],
)
def test_wrong_words_end_with_64(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert audit(*words).exit_code == 64


def test_words_that_contradict_what_was_seen_end_with_64(log: Path, state: Path) -> None:
    watch(log, state)

    assert watch(log, state, "--vkey", STRANGER).exit_code == 64


def test_a_sound_log_is_verified(log: Path) -> None:
    said = audit("verify", "--url", log)
    assert (said.exit_code, said.stdout) == (0, f"verified: 300 entries of {ORIGIN}\n")
    assert "The key is the one that the log itself names" in said.stderr

    known = audit("verify", "--url", log, "--vkey", OURS, "--json")
    checkpoint = log_of(leaves(300)).checkpoint
    assert json.loads(known.stdout) == {
        "verdict": "verified",
        "origin": ORIGIN,
        "size": 300,
        "root": checkpoint.root.hex(),
        "vkey": OURS,
        "counts": {},
        "findings": [],
    }


def test_a_flaw_is_told_with_its_code(log: Path, tmp_path: Path) -> None:
    tile = log / "tile" / "0" / "000"
    tile.write_bytes(tile.read_bytes()[:-32])
    (tmp_path / "kept").write_text(str(log_of(leaves(300, "other")).note))

    said = audit("verify", "--url", log, "--trusted-checkpoint", tmp_path / "kept")
    assert (said.exit_code, said.stdout) == (1, f"tampered: 300 entries of {ORIGIN}\n")
    assert "TILE_DIFFERS  Tile 0 of level 0 is truncated after 8160 bytes." in said.stderr
    told = json.loads(audit("verify", "--url", log, "--trusted-checkpoint", tmp_path / "kept", "--json").stdout)
    assert told["counts"] == {"HISTORY_DIFFERS": 1, "TILE_DIFFERS": 1}


def test_a_log_that_another_key_signed_is_not_verified(log: Path) -> None:
    said = audit("verify", "--url", log, "--vkey", STRANGER, "--json")

    assert (said.exit_code, json.loads(said.stdout)["code"]) == (1, "CHECKPOINT_UNSIGNED")


def test_a_log_that_is_not_all_there_is_undecidable(log: Path) -> None:
    (log / "tile" / "entries" / "000").unlink()

    assert audit("verify", "--url", log).exit_code == 2
