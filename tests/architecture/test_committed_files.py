"""Nothing that is committed ties the project to one registry or one machine, or belongs beside no code."""

import subprocess
from pathlib import Path

import pytest

from scripts import check_committed


def test_no_committed_file_names_a_registry_or_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_committed.main() == 0, capsys.readouterr().out


# Joined here, so that this file does not carry what it refuses.
@pytest.mark.parametrize(
    "parts",
    [
        ("--index-url https://py", "pi.org/simple"),
        ('"resolved": "https://registry.npm', 'js.org/react/-/react-19.0.0.tgz"'),
        ("see /ho", "me/someone/anchorage"),
        ("cd '/wo", "rk/anchorage'"),
    ],
)
def test_a_registry_or_a_machine_is_caught(parts: tuple[str, str]) -> None:
    assert len(list(check_committed.violations("".join(parts)))) == 1


@pytest.mark.parametrize("line", ["https://example.com/home/page", "app/work/queue.py", "/v3/trusted-certificates"])
def test_addresses_and_relative_paths_are_not_places(line: str) -> None:
    assert list(check_committed.violations(line)) == []


@pytest.mark.parametrize("name", ["q.key", "fleet/ca.pem", "anchorage.db-wal"])
def test_a_key_or_a_database_is_caught(tmp_path: Path, name: str) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)  # noqa: S607  # whichever git there is
    (tmp_path / "kept.txt").write_text("kept", encoding="utf-8")
    assert check_committed.main(tmp_path) == 0
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"")
    assert check_committed.main(tmp_path) == 1
