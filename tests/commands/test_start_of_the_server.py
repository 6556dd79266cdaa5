"""`anchorage serve` where it cannot serve: a sentence for people, status 2 for programs, and nothing else.

Seen to fail with a port that was taken told by its traceback, with a data directory's error that did not name the
setting, and with a second server let in without the lock.
"""

import os
import socket
from pathlib import Path

import pytest

from app.settings import PREFIX, Settings
from tests.commands.running import anchorage
from tests.serving import Served, start

BAD = {
    "data_dir": "",
    "database_url": "postgres://user:hunter2@host:port/name",
    "host": "",
    "port": "http",
    "workers": "0",
    "public_url": "ca.example",
    "region": "a\nb",
    "node": "x" * 101,
    "introspection": "yes",
    "explorer": "perhaps",
    "log_format": "xml",
    "pool_size": "1",
    "max_body_bytes": "1G",
    "max_query_cost": "0",
    "max_query_depth": "101",
    "max_query_tokens": "9",
    "max_aliases": "none",
    "rate_per_minute": "-1",
    "max_connections": "9",
    "max_requests": "0",
    "drain_seconds": "301",
    "enrollment_days": "0",
    "trusted_proxies": "proxy.example",
    "notary": "perhaps",
    "log_origin": "a log",
    "log_key_file": "",
    "secrets_key_file": "",
    "bootstrap_uri": "https://bootstrap.example",
    "lwm2m_uri": "coaps://lwm2m.example/path",
    "bootstrap_server_ca": "",
    "lwm2m_server_ca": "",
    "checkpoint_file": "",
    "witnesses": "https://witness.example",
    "bridge_seconds": "3601",
    "unused_days": "0",
    "metrics": "public",
    "metrics_token": "hunter2",
}


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """Settings with which a server would start."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    data_dir = str(tmp_path / "data")
    return given | {f"{PREFIX}DATABASE_URL": database_url, f"{PREFIX}DATA_DIR": data_dir, f"{PREFIX}PORT": "0"}


async def test_every_bad_setting_is_named_on_a_line_of_its_own(environment: dict[str, str], tmp_path: Path) -> None:
    assert BAD.keys() == Settings.model_fields.keys()

    said = await anchorage(environment | {f"{PREFIX}{name.upper()}": value for name, value in BAD.items()}, "serve")

    assert (said.status, said.out) == (2, "")
    named = [line.split(" is ")[0] for line in said.err.splitlines()]
    assert named == [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    assert "hunter2" not in said.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PORT", "70000"),
        ("HOST", "256.256.256.256"),
        ("HOST", "192.0.2.1"),
        ("DATA_DIR", "/dev/null/data"),
        ("LWM2M_SERVER_CA", "/dev/null"),
    ],
)
async def test_one_bad_setting_stops_the_start(environment: dict[str, str], setting: str, value: str) -> None:
    said = await anchorage(environment | {f"{PREFIX}{setting}": value}, "serve")

    assert (said.status, said.out) == (2, "")
    sentence = said.err.splitlines()[-1]
    assert sentence.startswith(f"{PREFIX}{setting} is '{value}'")
    assert "Traceback" not in said.err
    assert "Error" not in said.err


async def test_a_port_in_use_is_told_in_a_sentence(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = await anchorage(environment, "serve", "--port", str(port))

    assert (said.status, said.out) == (2, "")
    sentence = said.err.splitlines()[-1]
    assert sentence.startswith(f"Port {port} of 127.0.0.1 is in use: set ANCHORAGE_PORT")
    assert "Traceback" not in said.err


async def test_a_second_server_is_welcome_on_postgresql_and_refused_on_sqlite(served: Served, tmp_path: Path) -> None:
    url = served.environment[f"{PREFIX}DATABASE_URL"]
    if url.startswith("postgres"):
        second = await start(url, tmp_path / "second")
        assert (await second.operate("{ viewer { scopes } }", key=served.admin_key))["viewer"]["scopes"]
        # It has nothing to make: the installation has its administrator.
        assert not list((tmp_path / "second").iterdir())
        await second.stop()
    else:
        said = await anchorage(served.environment | {f"{PREFIX}DATA_DIR": str(tmp_path / "second")}, "serve")
        assert (said.status, said.out) == (2, "")
        assert said.err.splitlines()[-1] == (
            f"Another server already serves {url.removeprefix('sqlite://')}. SQLite is for one server: for more, move"
            " to PostgreSQL (ANCHORAGE_DATABASE_URL=postgres://…)."
        )
        assert "Traceback" not in said.err
    assert (await served.operate("{ viewer { scopes } }"))["viewer"]["scopes"]
