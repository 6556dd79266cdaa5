#!/usr/bin/env python3
"""Refuses what the import contracts cannot see: state changed past the door, and rules that ask for the time.

Prints one line for each violation; exits 1 if there is one.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

UNSAFE_FUNCTIONS = {
    "in_transaction": "a cancellation while it enters locks SQLite for ever and leaks PostgreSQL's connections",
    "atomic": "it is in_transaction as a decorator",
}
UNSAFE_METHODS = {
    "bulk_create": "cancelled on SQLite, it leaves later acknowledged writes in an open transaction",
    "select_for_update": "SQLite drops it without a word",
}
DELETE = "deleting a row that has vanished succeeds: delete by a statement whose count of rows is checked"
CLOCKS = {"now", "utcnow", "today"}
CLOCK = "a rule is given the time; it never asks for it"

# The rules, and the part of the audit code that must be checkable by a stranger from the bytes alone.
_PURE_AUDIT = ("events", "entry", "merkle", "checkpoint", "verify", "examine", "canonical", "replay")
PURE = ("app/rules/", *(f"app/audit/{name}.py" for name in _PURE_AUDIT))


def violations(tree: ast.AST, path: str) -> Iterator[tuple[int, str]]:
    """Each violation in one module, as its line and what is wrong. `path` is relative to the root, with slashes."""
    for node in ast.walk(tree):
        if not path.startswith("app/store/"):
            yield from _unsafe_imports(node)
            yield from _unsafe_calls(node)
        if path.startswith(PURE):
            yield from _clock_reads(node)


def _unsafe_imports(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tortoise":
        for name in node.names:
            if name.name in UNSAFE_FUNCTIONS:
                yield node.lineno, f"{name.name} outside app/store: {UNSAFE_FUNCTIONS[name.name]}"


def _unsafe_calls(node: ast.AST) -> Iterator[tuple[int, str]]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    method = node.func.attr
    if reason := (UNSAFE_FUNCTIONS | UNSAFE_METHODS).get(method):
        yield node.lineno, f"{method} outside app/store: {reason}"
    # Other libraries' delete() names what it deletes; the one of a row or a query takes at most a connection.
    if method == "delete" and not node.args and {keyword.arg for keyword in node.keywords} <= {"using_db"}:
        yield node.lineno, f"delete() outside app/store: {DELETE}"


def _clock_reads(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
        yield node.lineno, f"{node.func.attr}() in pure code: {CLOCK}"


def main(root: Path = ROOT) -> int:
    """Check every module of `app` under `root`; 0 when there is no violation."""
    found = 0
    for file in sorted((root / "app").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        if path.startswith("app/web/"):
            continue
        for line, sentence in violations(ast.parse(file.read_bytes(), path), path):
            print(f"{path}:{line}: {sentence}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
