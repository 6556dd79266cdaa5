"""Go's own packages for its checksum database accept our log, its receipts and its growth, and refuse any flaw."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.audit.merkle import leaf_hash
from scripts import find_programs
from tests.peers.log_directory import SIZE, Consistency, LogFiles, signed
from tests.peers.log_promises import LogPromises, Verify

pytestmark = pytest.mark.once

PROGRAM = Path(__file__).parent / "go" / "main.go"
OLDER = (1, 2, 255, 256, 257, 300, 512, SIZE - 1, SIZE)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program."""
    environment = find_programs.go()
    if environment is None:
        pytest.fail(f"Missing: {find_programs.WITHOUT_GO}")
    binary = tmp_path_factory.mktemp("go") / "log"
    built = subprocess.run(
        ["go", "build", "-o", str(binary), str(PROGRAM)],  # noqa: S607  # the Go of PATH is the one that was looked for
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return binary


@pytest.fixture
def verify(program: Path) -> Verify:
    """The program."""

    def verify(vkey: str, *places: Path | str) -> list[dict[str, object]]:
        command = [str(program), vkey, *map(str, places)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return verify


class TestGo(LogPromises):
    """golang.org/x/mod/sumdb."""


def written(place: Path, proofs: dict[str, Consistency]) -> Iterator[Path]:
    """Consistency proofs as files."""
    for number, proof in enumerate(proofs.values()):
        file = place / f"{number}.consistency"
        file.write_text(json.dumps(proof), encoding="utf-8")
        yield file


def test_that_a_log_only_grew_is_verified(verify: Verify, log_files: LogFiles, tmp_path: Path) -> None:
    proofs = {f"from {old}": log_files.log.consistency(old, SIZE) for old in OLDER}

    assert verify(log_files.vkey, *written(tmp_path, proofs)) == [{"verified": 1}] * len(OLDER)


def test_that_a_log_only_grew_is_refused_where_it_was_rewritten(
    verify: Verify, log_files: LogFiles, tmp_path: Path
) -> None:
    log = log_files.log
    good = log.consistency(300, SIZE)
    hashes = good["hashes"]
    proofs: dict[str, Consistency] = {
        "another old root": good | {"old": signed(log, 300, leaf_hash(b"another"))},
        "another new root": good | {"new": signed(log, SIZE, leaf_hash(b"another"))},
        "another old size": good | {"old": log.note(299)},
        "a hash less": good | {"hashes": hashes[1:]},
        "a hash more": good | {"hashes": [*hashes, hashes[0]]},
        "another order": good | {"hashes": hashes[::-1]},
        "backwards": good | {"old": good["new"], "new": good["old"]},
        "no signature": good | {"old": log.note(300).split("—", maxsplit=1)[0]},
    }
    said = dict(zip(proofs, verify(log_files.vkey, *written(tmp_path, proofs)), strict=True))

    assert {flaw: answer for flaw, answer in said.items() if "refused" not in answer} == {}
