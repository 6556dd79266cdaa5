"""The set-up: run again it does nothing, interrupted it starts anew, and two at once do the work of one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import setup_environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose locks ask for nothing, so that only the set-up itself is at work."""
    return checkout_in(tmp_path)


@pytest.fixture(scope="module")
def set_up_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that is set up. Every test that takes it leaves it set up: making one takes seconds."""
    checkout = checkout_in(tmp_path_factory.mktemp("set-up"))
    assert "Making .venv" in set_up(checkout, "runtime")
    return checkout


def checkout_in(folder: Path) -> Path:
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup_environment.py", folder / "scripts")
    for lock in setup_environment.LOCKS.values():
        (folder / lock.name).write_text(f"# {lock.stem}\n", encoding="utf-8")
    return folder


def start(checkout: Path, *parts: str) -> subprocess.Popen[str]:
    script = checkout / "scripts" / "setup_environment.py"
    return subprocess.Popen([sys.executable, script, *parts], stderr=subprocess.PIPE, text=True)


def set_up(checkout: Path, *parts: str) -> str:
    """Run the set-up to its good end; answers what it said."""
    process = start(checkout, *parts)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return said


def test_a_second_run_does_nothing(set_up_checkout: Path) -> None:
    assert set_up(set_up_checkout, "runtime") == ""


def test_the_tools_are_added_to_what_stands_and_serve_for_both(set_up_checkout: Path) -> None:
    assert "Making .venv" not in set_up(set_up_checkout, "dev")
    assert set_up(set_up_checkout, "runtime", "dev") == ""


def test_an_interrupted_run_starts_anew(set_up_checkout: Path) -> None:
    half_installed = set_up_checkout / ".venv" / "half-installed"
    half_installed.touch()
    # What an interruption leaves: the stamp goes before the first package and comes after the last.
    (set_up_checkout / ".venv" / "installed").unlink()

    assert "Making .venv" in set_up(set_up_checkout, "runtime")
    assert not half_installed.exists()


def test_a_changed_lock_starts_anew(set_up_checkout: Path) -> None:
    (set_up_checkout / "requirements.lock").write_text("# changed\n", encoding="utf-8")

    assert "Making .venv" in set_up(set_up_checkout, "runtime")


def test_an_environment_without_its_interpreter_is_made_anew(set_up_checkout: Path) -> None:
    (set_up_checkout / ".venv" / "bin" / "python").unlink()

    assert "Making .venv" in set_up(set_up_checkout, "runtime")


def test_a_failed_installation_is_not_taken_for_a_good_one(checkout: Path) -> None:
    # No hash: pip refuses it before it asks any index.
    (checkout / "requirements.lock").write_text("unhashed==1.0\n", encoding="utf-8")
    process = start(checkout, "runtime")
    _, said = process.communicate()

    assert process.returncode == 1
    assert "could not be installed" in said
    assert not (checkout / ".venv" / "installed").exists()


def test_two_at_once_do_the_work_of_one(checkout: Path) -> None:
    processes = [start(checkout, "runtime") for _ in range(2)]
    said = [process.communicate()[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], said
    assert sum("Making .venv" in each for each in said) == 1


def test_an_unknown_part_is_named(checkout: Path) -> None:
    process = start(checkout, "everything")
    _, said = process.communicate()

    assert process.returncode == 2
    assert "everything" in said


@pytest.mark.parametrize(
    ("version", "usable"),
    [
        ("v18.20.4", False),
        ("v20.18.9", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.12.0", False),
        ("v22.13.0", True),
        ("v24.19.0\n", True),
        ("", False),
    ],
)
def test_the_machine_s_node_is_used_if_the_build_runs_on_it(version: str, usable: bool) -> None:
    assert setup_environment.is_usable_node(version) is usable
