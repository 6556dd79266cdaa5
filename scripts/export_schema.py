#!/usr/bin/env python3
"""Writes the GraphQL schema to `schema.graphql`; with `--check`, says whether that file is current, by its exit."""

import argparse
import difflib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "schema.graphql"


def main(arguments: list[str] | None = None) -> int:
    """Write or compare. Exits 1 where the file differs from the code, and shows how."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 unless the file is current")
    asked = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT))
    from app.transport.graphql.schema import as_text  # noqa: PLC0415  # found only now, wherever this is started from

    current = as_text()
    if not asked.check:
        FILE.write_text(current, encoding="utf-8")
        return 0
    stored = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    difference = difflib.unified_diff(
        stored.splitlines(), current.splitlines(), FILE.name, "the code", lineterm="", n=1
    )
    shown = "\n".join(difference)
    if shown:
        print(f"{shown}\n{FILE.name} is not current: run scripts/export_schema.py")
    return 1 if shown else 0


if __name__ == "__main__":
    sys.exit(main())
