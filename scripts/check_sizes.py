#!/usr/bin/env python3
"""Holds the code to the size guides: a file 300 lines, a function 40, a resolver 5; no module without a subject.

A function's size is its lines without its docstring; a resolver's is the lines of its body. An exception stands in
EXCEPTIONS with its reason, and goes when it is no longer needed. Prints one line for each violation; exits 1 if any.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FILE_LINES = 300
FUNCTION_LINES = 40
RESOLVER_LINES = 5
RESOLVERS = {f"app/transport/graphql/{name}.py" for name in ("queries", "mutations", "subscriptions")}
NAMES_WITHOUT_SUBJECT = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
SUFFIXES = {".py", ".ts", ".tsx"}
NOT_OURS = {"node_modules", "dist", "__pycache__"}

# A file's path, or `path:function`, and why it is better as it is.
EXCEPTIONS: dict[str, str] = {
    "scripts/audit_verify.py": "an auditor carries one file to a machine without anything, and reads all of it there",
}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def sources(root: Path) -> Iterator[Path]:
    """Every source file under the folders that people write, sorted."""
    for folder in ("app", "scripts", "tests"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in SUFFIXES and not NOT_OURS & set(file.relative_to(root).parts):
                yield file


def body_without_docstring(function: FunctionNode) -> list[ast.stmt]:
    """A function's statements; empty when there is only a docstring."""
    return function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body


def function_lines(function: FunctionNode) -> int:
    """The lines of one function from its name to its end, its docstring left out."""
    last = function.end_lineno or function.lineno
    if ast.get_docstring(function, clean=False) is None:
        return last - function.lineno + 1
    docstring = function.body[0]
    return last - function.lineno + 1 - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def resolver_lines(function: FunctionNode) -> int:
    """The lines of one function's body, its docstring left out."""
    body = body_without_docstring(function)
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1 if body else 0


def too_large(root: Path, file: Path) -> Iterator[tuple[str, str]]:
    """What one file exceeds, as the name that an exception would carry, and a sentence."""
    path = file.relative_to(root).as_posix()
    text = file.read_text(encoding="utf-8")
    if (lines := text.count("\n")) > FILE_LINES:
        yield path, f"the file has {lines} lines; {FILE_LINES} is the guide"
    if file.stem in NAMES_WITHOUT_SUBJECT:
        yield path, f"a module called {file.stem} does not say what it is about"
    if file.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text, path)):
        if not isinstance(node, FunctionNode):
            continue
        if (lines := function_lines(node)) > FUNCTION_LINES:
            yield f"{path}:{node.name}", f"the function has {lines} lines; {FUNCTION_LINES} is the guide"
        if path in RESOLVERS and (lines := resolver_lines(node)) > RESOLVER_LINES:
            yield f"{path}:{node.name}", f"the resolver has {lines} lines; {RESOLVER_LINES} is the guide"


def main(root: Path = ROOT, exceptions: dict[str, str] = EXCEPTIONS) -> int:
    """Check every source under `root`; 0 when all keep to the guides or have a reason not to."""
    found = {name: sentence for file in sources(root) for name, sentence in too_large(root, file)}
    broken = [f"{name}: {sentence}" for name, sentence in found.items() if name not in exceptions]
    broken += [f"{name}: has an exception that it no longer needs" for name in exceptions if name not in found]
    for line in broken:
        print(line)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
