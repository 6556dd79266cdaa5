#!/usr/bin/env python3
"""Refuses files that tie the project to one machine or one registry: an index's host, a path of somebody's machine.

And keys, certificates and databases, which are made where they are used and never kept beside the code.

Each machine has its own index and its own folders; the locks' hashes say what is accepted, wherever it comes from.
Looks at what git tracks or would track. Prints one line for each violation; exits 1 if there is one.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Put together from parts, so that this file does not hold what it refuses.
HOSTS = [
    "pypi" + r"\.org",
    "python" + r"hosted\.org",
    "npm" + r"js\.(?:org|com)",
    "yarn" + r"pkg\.com",
    "unp" + r"kg\.com",
]
HOSTS += ["js" + r"delivr\.net", "deb" + r"\.debian\.org", "npm" + r"mirror\.com"]
HOST = re.compile("|".join(HOSTS), re.IGNORECASE)
PATH = re.compile(r"(?<![\w.@~/-])/(?:work/|root/|home/\w|Users/\w|opt/(?:wheels|pypi))")

NEVER = (".key", ".pem", ".der", ".p12", ".pfx", ".db", ".db-wal", ".db-shm", ".sqlite")
"""How the names of files end that hold keys or data."""

# Files whose words are other people's.
NOT_OURS = {"LICENSE", "NOTICE"}

# A file's path, and why it must name what is refused elsewhere.
EXCEPTIONS: dict[str, str] = {}


def committed(root: Path) -> list[str]:
    """The paths that git tracks under `root`, or would if asked to add everything."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted(path for path in set(listed.split("\0")) if path and (root / path).is_file())


def violations(text: str) -> Iterator[tuple[int, str]]:
    """Each line of a text that names a host or a path, with what it names."""
    for number, line in enumerate(text.splitlines(), start=1):
        if host := HOST.search(line):
            yield number, f"names a registry's host ({host[0]})"
        if path := PATH.search(line):
            yield number, f"carries a path of one machine ({path[0]}...)"


def main(root: Path = ROOT) -> int:
    """Check every committed text under `root`; 0 when none is tied to a place."""
    found = 0
    for path in committed(root):
        if path in NOT_OURS or path in EXCEPTIONS:
            continue
        if path.endswith(NEVER):
            print(f"{path}: keys, certificates and databases are not committed")
            found += 1
        # Binary files are read as well: a host in one is as much a tie as in a text.
        for line, sentence in violations((root / path).read_text(encoding="utf-8", errors="replace")):
            print(f"{path}:{line}: {sentence}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
