"""A bad setting stops the start with its name, what it held unless that is a secret, and what is allowed."""

from pathlib import Path

import pytest

from app.settings import BadSetting, Metrics, Settings, WitnessAddress, load

pytestmark = pytest.mark.once

BAD = [
    ("PORT", "http", "'http'", "integer"),
    ("PORT", "65536", "'65536'", "less than or equal to 65535"),
    ("PORT", "-1", "'-1'", "greater than or equal to 0"),
    ("DATA_DIR", "", "''", "a directory is allowed"),
    ("HOST", "", "''", "at least 1 character"),
    ("WORKERS", "0", "'0'", "greater than or equal to 1"),
    ("WORKERS", "65", "'65'", "less than or equal to 64"),
    ("PUBLIC_URL", "ca.example", "'ca.example'", "https://ca.example"),
    ("PUBLIC_URL", "https://ca.example/path", "'https://ca.example/path'", "without a path"),
    ("PUBLIC_URL", "ftp://ca.example", "'ftp://ca.example'", "without a path"),
    ("REGION", "a\nb", r"'a\nb'", "pattern"),
    ("NODE", "x" * 101, "xxx", "at most 100 characters"),
    ("INTROSPECTION", "yes", "'yes'", "'on', 'signed-in' or 'off'"),
    ("EXPLORER", "perhaps", "'perhaps'", "boolean"),
    ("LOG_FORMAT", "xml", "'xml'", "'console' or 'json'"),
    ("POOL_SIZE", "1", "'1'", "greater than or equal to 2"),
    ("POOL_SIZE", "201", "'201'", "less than or equal to 200"),
    ("MAX_BODY_BYTES", "1023", "'1023'", "greater than or equal to 1024"),
    ("MAX_BODY_BYTES", "1G", "'1G'", "integer"),
    ("MAX_QUERY_COST", "0", "'0'", "greater than or equal to 1"),
    ("MAX_QUERY_DEPTH", "101", "'101'", "less than or equal to 100"),
    ("MAX_QUERY_TOKENS", "9", "'9'", "greater than or equal to 10"),
    ("MAX_ALIASES", "0", "'0'", "greater than or equal to 1"),
    ("RATE_PER_MINUTE", "0", "'0'", "greater than or equal to 1"),
    ("MAX_CONNECTIONS", "9", "'9'", "greater than or equal to 10"),
    ("MAX_REQUESTS", "0", "'0'", "greater than or equal to 1"),
    ("DRAIN_SECONDS", "0", "'0'", "greater than or equal to 1"),
    ("DRAIN_SECONDS", "301", "'301'", "less than or equal to 300"),
    ("TRUSTED_PROXIES", "10.0.0.1/8", "'10.0.0.1/8'", "host bits"),
    ("TRUSTED_PROXIES", "proxy.example", "'proxy.example'", "10.0.0.0/8, ::1"),
    ("NOTARY", "perhaps", "'perhaps'", "boolean"),
    ("LOG_ORIGIN", "a log", "'a log'", "pattern"),
    ("LOG_ORIGIN", "a+log", "'a+log'", "pattern"),
    ("LOG_KEY_FILE", "", "''", "the path of a file"),
    ("CHECKPOINT_FILE", "", "''", "the path of a file"),
    ("SECRETS_KEY_FILE", "", "''", "the path of a file"),
    ("BOOTSTRAP_SERVER_CA", "", "''", "the path of a file"),
    ("LWM2M_SERVER_CA", "", "''", "the path of a file"),
    ("BOOTSTRAP_URI", "https://b.example", "'https://b.example'", "coaps://bootstrap.example:5684 is allowed"),
    ("BOOTSTRAP_URI", 'coaps://b.example"; x', "x'", "without a path or a query"),
    ("LWM2M_URI", "coaps://b.example?aid=x", "aid=x'", "without a path or a query"),
    ("WITNESSES", "https://witness.example", "witness.example'", "pairs of a verifier key and an address"),
    ("WITNESSES", "w+1a2b3c4d+BA== ftp://w", "ftp://w'", "pairs of a verifier key and an address"),
    ("WITNESSES", "w+1a2b3c4d+BA== https://user@w", "user@w'", "pairs of a verifier key and an address"),
    ("WITNESSES", "w+1a2b3c4d+BA== https://w?a=b", "a=b'", "pairs of a verifier key and an address"),
    ("WITNESSES", "w+1a2b3c4d+BA== https://[w", "[w'", "pairs of a verifier key and an address"),
    ("WITNESSES", "w+1a2b+BA== https://w", "w'", "witness.example+1a2b3c4d+BA… https://witness.example/submit"),
    ("WITNESSES", "w+1a2b3c4d+BA== https://a, w+5e6f7a8b+BB== https://b", "b'", "no two witnesses may have one name"),
    ("METRICS", "public", "'public'", "'loopback', 'on' or 'off'"),
]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` of the folder in which the tests run."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "held", "allowed"), BAD, ids=[f"{name}={value[:20]!r}" for name, value, *_ in BAD]
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, held: str, allowed: str) -> None:
    monkeypatch.setenv(f"ANCHORAGE_{name}", value)
    with pytest.raises(BadSetting) as bad:
        load()
    sentence = str(bad.value)
    assert sentence.startswith(f"ANCHORAGE_{name} is '")
    assert held in sentence
    assert allowed in sentence


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("DATABASE_URL", "mysql://user:hunter2@host/db", "postgres://user:password@host:5432/name"),
        ("DATABASE_URL", "postgres://user:hunter2@host:port/db", "postgres://user:password@host:5432/name"),
        ("DATABASE_URL", "hunter2", "sqlite://path/to/file"),
        ("METRICS_TOKEN", "hunter2", "at least 16"),
    ],
)
def test_a_bad_secret_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"ANCHORAGE_{name}", value)
    with pytest.raises(BadSetting) as bad:
        load()
    assert str(bad.value).startswith(f"ANCHORAGE_{name} is not allowed: ")
    assert allowed in str(bad.value)
    assert "hunter2" not in str(bad.value)


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANCHORAGE_PORT", "x")
    monkeypatch.setenv("ANCHORAGE_WORKERS", "x")
    with pytest.raises(BadSetting) as bad:
        load()
    assert [line.split()[0] for line in str(bad.value).splitlines()] == ["ANCHORAGE_PORT", "ANCHORAGE_WORKERS"]


def test_what_is_not_set_has_its_default() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert (settings.trusted_proxies, settings.metrics, settings.metrics_token) == ((), Metrics.LOOPBACK, None)
    assert settings.store_url == "sqlite://var/anchorage.db"


def test_good_values_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANCHORAGE_TRUSTED_PROXIES", "10.0.0.0/8, ::1,192.0.2.1")
    monkeypatch.setenv("ANCHORAGE_WITNESSES", "w+1a2b3c4d+BA== https://w/submit ,\n v+1a2b3c4d+BA+/ http://[::1]:80,")
    monkeypatch.setenv("ANCHORAGE_PUBLIC_URL", "https://ca.example/")
    monkeypatch.setenv("ANCHORAGE_METRICS_TOKEN", "a token of some length")
    settings = load()
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128", "192.0.2.1/32"]
    assert settings.witnesses == (
        WitnessAddress("w+1a2b3c4d+BA==", "https://w/submit"),
        WitnessAddress("v+1a2b3c4d+BA+/", "http://[::1]:80"),
    )
    assert settings.public_url == "https://ca.example"
    assert "some length" not in repr(settings)


def test_the_operators_paper_tells_of_every_setting() -> None:
    paper = (Path(__file__).resolve().parent.parent / "docs" / "operating.md").read_text()
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in paper] == []


def test_settings_that_are_printed_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANCHORAGE_DATABASE_URL", "postgres://user:hunter2@host/db")
    assert "hunter2" not in repr(Settings())
