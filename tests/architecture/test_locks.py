"""What is installed is locked: every package with its hashes, and nothing says where it must come from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = {
    "runtime": "requirements.lock",
    "dev": "requirements-dev.lock",
    "node": "requirements-node.lock",
    "postgres": "requirements-postgres.lock",
}
# A package may be locked twice, for two Pythons or two systems; its marker tells them apart.
ENTRY = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+?)(?: ; (?P<marker>[^\\]+?))? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def entries(name: str) -> dict[str, list[tuple[str, int]]]:
    """Each package of one lock, with its releases and how many hashes each has.

    A line that is neither a package, a hash nor a comment fails: it could be an option that names a place.
    """
    found: dict[str, list[tuple[str, int]]] = {}
    package = ""
    for line in (ROOT / LOCKS[name]).read_text(encoding="utf-8").splitlines():
        if entry := ENTRY.match(line):
            package = entry["name"]
            found.setdefault(package, []).append((entry["version"], 0))
        elif HASH.match(line):
            version, hashes = found[package][-1]
            found[package][-1] = (version, hashes + 1)
        else:
            assert line.strip().startswith("#"), f"not expected in a lock: {line!r}"
    return found


def asked_for(name: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = project["project"]["dependencies"] if name in {"runtime", "dev"} else []
    group = project["dependency-groups"].get(name, [])
    return [Requirement(line) for line in [*runtime, *group]]


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name: str) -> None:
    locked = entries(name)

    assert locked
    assert {package for package, releases in locked.items() if not all(hashes for _, hashes in releases)} == set()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place(name: str) -> None:
    text = (ROOT / LOCKS[name]).read_text(encoding="utf-8")

    assert re.findall(r"://|--index|--extra-index|--find-links|--trusted-host", text) == []


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_answers_what_the_project_asks_for(name: str) -> None:
    locked = entries(name)

    for requirement in asked_for(name):
        releases = locked.get(canonicalize_name(requirement.name), [])
        assert releases, f"{requirement.name} is not locked: run scripts/lock"
        for version, _ in releases:
            assert requirement.specifier.contains(version), f"{requirement} has {version} locked: run scripts/lock"


def test_tests_run_on_the_releases_that_are_shipped() -> None:
    runtime, dev = entries("runtime"), entries("dev")

    assert {package: dev.get(package) for package in runtime} == runtime
