#!/usr/bin/env python3
"""Builds `.venv` from the lock files and the portal from its sources, and does only what is missing.

Every step ends by writing a stamp, last and in one piece, that names what it was made from. A step whose stamp is
missing was interrupted: its result is thrown away and made anew, because a half-installed package looks installed.
Needs Python 3.11 and nothing beyond its standard library.
"""

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WEB = ROOT / "app" / "web"

LOCKS = {
    "runtime": ROOT / "requirements.lock",
    "dev": ROOT / "requirements-dev.lock",
    "node": ROOT / "requirements-node.lock",
    "postgres": ROOT / "requirements-postgres.lock",
}

_COMMAND = """\
#!{python}
import sys

from app.cli import main

sys.exit(main())
"""


class SetupFailed(Exception):
    """The machine lacks something; the sentence names it and the command that brings it."""


def say(sentence: str) -> None:
    """Tell the person who waits. On stderr, so that output meant for programs stays clean."""
    print(f"[setup] {sentence}", file=sys.stderr, flush=True)


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the checkout's lock: a second set-up waits, and then finds everything done.

    The kernel drops the lock when its last holder is gone. The tools that a set-up starts hold it too: one that is
    killed may leave its pip writing, and the next must wait for that as well.
    """
    directory = os.open(ROOT, os.O_RDONLY)
    os.set_inheritable(directory, True)  # noqa: FBT003 - the standard library takes it by position alone.
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is at work here; waiting for it.")
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def digest(*parts: bytes) -> str:
    """One hash over parts whose borders count."""
    result = hashlib.sha256()
    for part in parts:
        result.update(len(part).to_bytes(8, "big") + part)
    return result.hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Write a file that is either there completely or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def run(command: list[str], failure: str, *, cwd: Path = ROOT, path_first: Path | None = None) -> None:
    """Run one tool with its progress on stderr.

    Raises SetupFailed with `failure` when the tool does not end well.
    """
    environment = dict(os.environ)
    if path_first is not None:
        environment["PATH"] = f"{path_first}{os.pathsep}{environment.get('PATH', '')}"
    # `close_fds=False` hands on the lock and nothing else: Python's other descriptors are not inheritable.
    done = subprocess.run(command, cwd=cwd, env=environment, stdout=sys.stderr, close_fds=False, check=False)
    if done.returncode != 0:
        raise SetupFailed(failure)


def environment_key(lock: Path) -> str:
    """What an installed lock depends on: its text, and the place, which the first line of every command names."""
    return digest(lock.read_bytes(), str(ROOT).encode())


def environment_works() -> bool:
    """Whether `.venv` still has its interpreter, and that one still its packages.

    A system that is upgraded takes the interpreter away, or puts one there that looks for packages elsewhere.
    """
    python = VENV / "bin" / "python"
    try:
        return subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def ensure_packages(name: str) -> None:
    """Have everything that one lock names inside `.venv`, or raise SetupFailed."""
    stamp = VENV / "installed"
    keys = {each: environment_key(lock) for each, lock in LOCKS.items()}
    installed = set(stamp.read_text(encoding="utf-8").split()) if stamp.is_file() and environment_works() else set()
    if keys[name] in installed:
        return
    # A key that no lock has any more belongs to releases that are no longer wanted.
    if not installed or not installed <= set(keys.values()):
        installed = set()
        create_environment()
    stamp.unlink(missing_ok=True)
    install_lock(LOCKS[name])
    install_project()
    # The development lock holds everything that the runtime lock does, at the same releases.
    installed |= {keys[name]} | ({keys["runtime"]} if name == "dev" else set())
    write_whole(stamp, "\n".join(sorted(installed)) + "\n")


def create_environment() -> None:
    """Make an empty `.venv`, in place of whatever is there."""
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupFailed(
            f"Python {version} here cannot make virtual environments (its module ensurepip is missing). "
            f"It comes with:  apt-get install python{version}-venv"
        )
    say(f"Making .venv with Python {sys.version.split()[0]}")
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], "The virtual environment could not be made in .venv.")


def install_lock(lock: Path) -> None:
    """Install one lock. Nothing is resolved, nothing is compiled, and every file must have a locked hash."""
    say(f"Installing {lock.read_text(encoding='utf-8').count('==')} packages from {lock.name}")
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    run(
        [*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", str(lock)],
        f"The packages of {lock.name} could not be installed; pip says why above. "
        "It needs its package index: see `pip config list` for the one it is set to.",
    )


def install_project() -> None:
    """Make `import app` and the command `anchorage` work in `.venv`, straight from this checkout.

    No build: an editable install would fetch a build backend that no lock names.
    """
    (site_packages,) = (VENV / "lib").glob("python3*/site-packages")
    (site_packages / "anchorage.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    command = VENV / "bin" / "anchorage"
    command.write_text(_COMMAND.format(python=VENV / "bin" / "python"), encoding="utf-8")
    command.chmod(0o755)


def is_usable_node(version: str) -> bool:
    """Whether the web build's tools run on this Node.js: 20.19 or later of 20, or 22.13 or later."""
    numbers = re.fullmatch(r"v(\d+)\.(\d+)\..*", version.strip())
    if numbers is None:
        return False
    release = (int(numbers[1]), int(numbers[2]))
    return (20, 19) <= release < (21, 0) or release >= (22, 13)


def node_version(node: str) -> str:
    """What one Node.js says of itself; empty if it does not run."""
    try:
        return subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def ensure_node() -> Path:
    """The directory of a usable `node` and `npm`: the machine's own, else those that the package index has."""
    node, npm = shutil.which("node"), shutil.which("npm")
    # Debian packages npm apart from node, so one may be there without the other.
    if node and npm and is_usable_node(node_version(node)):
        return Path(node).parent
    if not (VENV / "bin" / "npm").exists():
        say("No Node.js 20.19 or later with npm on PATH; taking the one that requirements-node.lock names.")
    ensure_packages("node")
    return VENV / "bin"


def sources_key() -> str:
    """One hash of everything that the portal's build reads."""
    files = [ROOT / "schema.graphql"] if (ROOT / "schema.graphql").exists() else []
    for directory, folders, names in os.walk(WEB):
        folders[:] = sorted(set(folders) - {"node_modules", "dist"})
        files += [Path(directory, name) for name in sorted(names) if not name.endswith(".tsbuildinfo")]
    parts = [part for file in files for part in (str(file.relative_to(ROOT)).encode(), file.read_bytes())]
    return digest(*parts)


def npm(node: Path, arguments: list[str], failure: str) -> None:
    """Run npm in the portal's project, or raise SetupFailed."""
    run([str(node / "npm"), *arguments], failure, cwd=WEB, path_first=node)


def ensure_node_packages() -> Path:
    """Have the portal's packages in `app/web/node_modules`; answers the directory of `node`."""
    node = ensure_node()
    stamp = WEB / "node_modules" / ".installed"
    key = digest((WEB / "package-lock.json").read_bytes(), node_version(str(node / "node")).encode())
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != key:
        say("Installing the portal's packages (npm ci)")
        # Packages' own install scripts are not run: none of ours needs one.
        arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        npm(node, arguments, "The portal's packages could not be installed; npm says why above.")
        write_whole(stamp, key)
    return node


def ensure_web() -> None:
    """Have the portal built in `app/web/dist`."""
    node = ensure_node_packages()
    # The stamp lies beside the packages, not in dist, which is served and shipped as it is.
    stamp = WEB / "node_modules" / ".built"
    key = sources_key()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key and (WEB / "dist").is_dir():
        return
    say("Building the portal (npm run build)")
    stamp.unlink(missing_ok=True)
    npm(node, ["run", "build"], "The portal could not be built.")
    write_whole(stamp, key)


def check_web() -> None:
    """Check the portal's types and style with its own tools."""
    npm(ensure_node_packages(), ["run", "--silent", "check"], "The portal's sources do not pass their checks.")


def with_portal(step: Callable[[], object]) -> None:
    """Take a step of the portal's, where its sources are part of this copy."""
    if (WEB / "package.json").exists():
        step()
    else:
        say("There are no sources of the portal here (app/web); going on without it.")


PARTS = {
    "runtime": lambda: ensure_packages("runtime"),
    "dev": lambda: ensure_packages("dev"),
    "postgres": lambda: ensure_packages("postgres"),
    "web": lambda: with_portal(ensure_web),
    "check-web": lambda: with_portal(check_web),
}


def main(wanted: list[str]) -> int:
    """Set up the wanted parts, in order; 0 when all stand."""
    if unknown := [each for each in wanted if each not in PARTS]:
        say(f"Unknown: {', '.join(unknown)}. The parts are {', '.join(PARTS)}.")
        return 2
    try:
        with only_one():
            for part in wanted or ["runtime", "web"]:
                PARTS[part]()
    except SetupFailed as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("Interrupted. Run it again; it takes up what is missing.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
