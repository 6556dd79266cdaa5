"""Data flows one way, rules are pure, and the contracts that say so catch what they should."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code as it is, in a place where it can be spoiled."""
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("web", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_data_flows_one_way() -> None:
    checked = lint_imports(ROOT)

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("services/planted.py", "import app.transport"),
        ("store/planted.py", "import app.services"),
        ("audit/planted.py", "import app.services"),
        ("rules/planted.py", "import app.store"),
        ("rules/planted.py", "import app.audit"),
        ("errors.py", "import app.rules"),
        ("planted.py", "import app.errors"),
    ],
)
def test_an_arrow_that_points_up_is_caught(copy: Path, module: str, statement: str) -> None:
    plant(copy / "app" / module, statement)

    checked = lint_imports(copy)

    assert checked.returncode == 1
    assert "Data flows one way BROKEN" in checked.stdout


@pytest.mark.parametrize("forbidden", ["tortoise", "starlette", "strawberry", "os", "time", "random"])
@pytest.mark.parametrize("module", ["rules/planted.py", "audit/events.py", "audit/entry.py", "audit/verify.py"])
def test_pure_code_that_looks_outside_is_caught(copy: Path, module: str, forbidden: str) -> None:
    plant(copy / "app" / module, f"import {forbidden}")

    checked = lint_imports(copy)

    assert checked.returncode == 1
    assert "Rules and the log's formats are pure BROKEN" in checked.stdout


def test_pure_code_that_looks_outside_through_another_module_is_caught(copy: Path) -> None:
    plant(copy / "app" / "findings.py", "import os")
    plant(copy / "app" / "rules" / "planted.py", "import app.findings")

    checked = lint_imports(copy)

    assert checked.returncode == 1
    assert "Rules and the log's formats are pure BROKEN" in checked.stdout


def plant(file: Path, statement: str) -> None:
    """Add one statement to a module, which is made if it is not there."""
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(f"{before}\n{statement}\n", encoding="utf-8")
