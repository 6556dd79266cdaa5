"""Nothing that is committed ties the project to one registry or one machine."""

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
