"""Files, functions and resolvers keep to the size guides, or a written reason says why not."""

from pathlib import Path

import pytest

from scripts import check_sizes


def planted(root: Path, path: str, text: str) -> str:
    """A tree with one file; answers that file's path as the check names it."""
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    return path


def function_of(lines: int, docstring: str = "") -> str:
    """A function of that many lines, its first line and its statements counted, its docstring not."""
    return "def f():\n" + docstring + "    pass\n" * (lines - 1)


def test_the_code_keeps_to_the_guides(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_sizes.main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(("lines", "verdict"), [(300, 0), (301, 1)])
@pytest.mark.parametrize("suffix", ["py", "tsx"])
def test_a_file_may_have_300_lines(tmp_path: Path, lines: int, verdict: int, suffix: str) -> None:
    planted(tmp_path, f"app/services/planted.{suffix}", "# line\n" * lines)

    assert check_sizes.main(tmp_path, {}) == verdict


@pytest.mark.parametrize(("lines", "verdict"), [(40, 0), (41, 1)])
@pytest.mark.parametrize("docstring", ["", '    """What it promises.\n\n    At length.\n    """\n'])
def test_a_function_may_have_40_lines_beside_its_docstring(
    tmp_path: Path, lines: int, verdict: int, docstring: str
) -> None:
    planted(tmp_path, "app/services/planted.py", function_of(lines, docstring))

    assert check_sizes.main(tmp_path, {}) == verdict


@pytest.mark.parametrize(("lines", "verdict"), [(5, 0), (6, 1)])
def test_a_resolver_may_have_5_lines(tmp_path: Path, lines: int, verdict: int) -> None:
    planted(tmp_path, "app/transport/graphql/queries.py", function_of(lines + 1))

    assert check_sizes.main(tmp_path, {}) == verdict


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "base", "manager"])
def test_a_module_says_what_it_is_about(tmp_path: Path, name: str) -> None:
    planted(tmp_path, f"app/{name}.py", "")

    assert check_sizes.main(tmp_path, {}) == 1


def test_an_exception_with_a_reason_holds_as_long_as_it_is_needed(tmp_path: Path) -> None:
    path = planted(tmp_path, "tests/planted.py", "# line\n" * 301)
    exceptions = {path: "one table that is read as one"}

    assert check_sizes.main(tmp_path, exceptions) == 0

    (tmp_path / path).write_text("# line\n", encoding="utf-8")

    assert check_sizes.main(tmp_path, exceptions) == 1
