"""The program calls nobody but whom its operator named: one HTTP client, and the few places that use it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CLIENTS = {"http.client", "urllib.request", "urllib3", "httpx", "aiohttp", "requests", "ftplib", "smtplib", "telnetlib"}
CALLS = {"open_connection", "create_connection", "open_unix_connection", "urlopen"}
OURS = "app.http_client"
ALLOWED = {
    "app/commands/gateway.py": "names what is wrong with an address that was typed",
    "app/commands/syncing.py": "fetches bundles from the address that was typed, beside a terminator",
    "app/commands/bundle_answer.py": "understands what was answered there",
    "app/commands/audit_log.py": "names what is wrong with an address that was typed",
    "app/commands/log_files.py": "reads the log at the address that was typed, to verify or to watch it",
    "app/services/witnesses.py": "shows checkpoints to the witnesses of ANCHORAGE_WITNESSES",
}
THE_CLIENT = "app/http_client.py"


def ways_out(tree: ast.AST) -> Iterator[str]:
    """What a module imports or calls that reaches other hosts, the database's drivers left aside."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if _reaches_out(name.name))
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            named = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
            yield from (name for name in named if _reaches_out(name))
        elif isinstance(node, ast.Attribute) and node.attr in CALLS:
            yield node.attr


def _reaches_out(name: str) -> bool:
    return any(name == client or name.startswith(f"{client}.") for client in (*CLIENTS, OURS))


def test_only_named_places_reach_other_hosts() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): set(ways_out(ast.parse(path.read_bytes())))
        for path in (ROOT / "app").rglob("*.py")
    }
    reaching = {path: names for path, names in found.items() if names}

    assert reaching.pop(THE_CLIENT) == {"open_connection"}
    assert set(reaching) == set(ALLOWED)
    assert all(name.startswith(OURS) for names in reaching.values() for name in names)


@pytest.mark.parametrize(
    "statement",
    [
        "import httpx",
        "from urllib import request",
        "from urllib.request import urlopen",
        "import http.client as client",
        "from app import http_client",
        "from app.http_client import HttpClient",
        "asyncio.open_connection('host', 80)",
    ],
)
def test_a_way_out_is_seen(statement: str) -> None:
    assert list(ways_out(ast.parse(statement)))
