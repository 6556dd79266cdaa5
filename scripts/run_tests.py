#!/usr/bin/env python3
"""Runs pytest for each engine and closes with one line that counts all runs.

One process knows one engine (Tortoise keeps insert statements across dialects), hence a run for each, and where all
tests are asked for, two: those that mostly wait for other programs have a run of their own. They share nothing and so
run at once; what the others say is shown when the first has ended. On PostgreSQL is left out what cannot differ: the
folders in ONCE and the tests marked `once`. What the tests need from the machine is looked for first; what cannot be
had is said loudly at the end, and fails the run where CI is set.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from scripts import find_programs

ROOT = Path(__file__).resolve().parent.parent

# Folders whose tests open no database.
ONCE = ("tests/architecture", "tests/rules", "tests/scripts")
# Folders whose tests mostly wait for programs that they start.
WAITING = ("tests/browser", "tests/commands", "tests/crash", "tests/peers")
BROWSER_TESTS = "tests/browser"
GO_TESTS = "tests/peers/test_log_go.py"
GCC_TESTS = "tests/peers/test_credentials_file.py"

# pytest's exit codes: all passed, some failed, none was selected. Any other means that it could not go on.
PASSED, FAILED, NONE_SELECTED = 0, 1, 5


class Planned(NamedTuple):
    """A run: its engine, pytest's arguments, and the environment."""

    engine: str
    arguments: list[str]
    environment: dict[str, str]


def say(sentence: str) -> None:
    """Tell the person who waits, in order with what pytest prints."""
    print(f"[test] {sentence}", flush=True)


class Run:
    """One run of pytest, which begins at once. Its report and what it says lie in a `folder` of its own."""

    def __init__(self, planned: Planned, folder: Path, *, measured: bool, shown: bool) -> None:
        engine, arguments, environment = planned
        self.engine = engine
        self.report, self.said = folder / "report.xml", folder / "said.txt"
        coverage = ["coverage", "run", "-m"] if measured else []
        command = [sys.executable, "-m", *coverage, "pytest", f"--junitxml={self.report}", *arguments]
        environment = environment | {"ANCHORAGE_TEST_ENGINE": engine}
        with self.said.open("wb") as said:
            output = None if shown else said
            # Whoever interrupts the run interrupts both: they are of one terminal.
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)

    def end(self) -> int:
        """Wait for it, and show what was not shown yet; answers pytest's exit code."""
        say(f"The tests on {self.engine}")
        code = self.process.wait()
        sys.stdout.write(self.said.read_text(encoding="utf-8", errors="replace"))
        sys.stdout.flush()
        return code


def count(report: Path) -> Counter[str]:
    """How many tests of one run passed, failed and were skipped. A run without a report counts as one failure."""
    if not report.exists():
        return Counter(failed=1)
    total: Counter[str] = Counter()
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - pytest has just written it.
        numbers = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
        total["failed"] += numbers["failures"] + numbers["errors"]
        total["skipped"] += numbers["skipped"]
        total["passed"] += numbers["tests"] - numbers["failures"] - numbers["errors"] - numbers["skipped"]
    return total


def runs(lacks: list[str], arguments: list[str]) -> list[Planned]:
    """The runs to make for the caller's arguments. What the machine lacks is added to `lacks`."""
    environment = dict(os.environ)
    # Hundreds of times the program is started by the tests: it need not be compiled each time.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    leave_out = []
    if (ROOT / BROWSER_TESTS).exists():
        if chromium := find_programs.chromium():
            environment["ANCHORAGE_TEST_CHROMIUM"] = chromium
        else:
            leave_out = [f"--ignore={BROWSER_TESTS}"]
            lacks.append(find_programs.WITHOUT_CHROMIUM)
    if (ROOT / GO_TESTS).exists() and find_programs.go() is None:
        leave_out.append(f"--ignore={GO_TESTS}")
        lacks.append(find_programs.WITHOUT_GO)
    if (ROOT / GCC_TESTS).exists() and find_programs.gcc() is None:
        leave_out.append(f"--ignore={GCC_TESTS}")
        lacks.append(find_programs.WITHOUT_GCC)
    parts = [arguments]
    if not arguments:
        others = [f"--ignore={folder}" for folder in WAITING]
        waiting = [folder for folder in WAITING if (ROOT / folder).exists()]
        parts = [others, waiting]
    planned = [Planned("sqlite", leave_out + part, environment) for part in parts]
    if postgres := find_programs.postgres():
        once = [*(f"--ignore={folder}" for folder in ONCE), "-m", "not once"]
        planned += [Planned("postgres", leave_out + once + part, environment | postgres) for part in parts]
    else:
        lacks.append(find_programs.WITHOUT_POSTGRES)
    return planned


def show_coverage() -> None:
    """Join what the runs have measured and print it."""
    for action in (["combine", "--quiet"], ["report"]):
        subprocess.run([sys.executable, "-m", "coverage", *action], cwd=ROOT, check=False)


def main(arguments: list[str]) -> int:
    """All runs; 0 when every test passed and, in CI, none had to be left out."""
    measured = not arguments
    lacks: list[str] = []
    total: Counter[str] = Counter()
    codes = []
    if measured:
        subprocess.run([sys.executable, "-m", "coverage", "erase"], cwd=ROOT, check=False)
    with tempfile.TemporaryDirectory(prefix="anchorage-test-") as reports:
        begun: list[Run] = []
        for number, planned in enumerate(runs(lacks, arguments)):
            folder = Path(reports) / str(number)
            folder.mkdir()
            begun.append(Run(planned, folder, measured=measured, shown=not begun))
        for run in begun:
            codes.append(run.end())
            total += count(run.report)
    if measured:
        show_coverage()
    for lack in lacks:
        say(f"NOT TESTED: {lack}")
    # One run may have nothing to do; all having nothing is a mistake in the arguments.
    bad = [code for code in codes if code not in (PASSED, NONE_SELECTED)]
    if not bad and PASSED not in codes:
        bad = [NONE_SELECTED]
    if lacks and os.environ.get("CI"):
        total["failed"] += len(lacks)
        bad.append(FAILED)
    print(f"tests: {total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped", flush=True)
    return bad[0] if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
