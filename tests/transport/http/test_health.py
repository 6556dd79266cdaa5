"""What probes and Prometheus learn, and what they do not."""

import asyncio
import sqlite3
from pathlib import Path

import asyncpg
import httpx
import pytest
from starlette.requests import Request
from starlette.types import Scope

from app.settings import Metrics, Settings
from app.store.url import sqlite_path
from app.transport.health import Readiness, may_read_metrics
from tests.transport.http.conftest import Customer
from tests.transport.http.running import Running, make_account, serving, settings_for

CHECKS = {"database", "schema", "guards", "writing", "decisions", "disk", "notary", "draining"}
TOKEN = "a token of some length"


async def change_database(settings: Settings, statement: str) -> None:
    """What somebody with rights of their own does to the database."""
    path = sqlite_path(settings.store_url)
    if path is not None:
        with sqlite3.connect(path) as connection:
            connection.execute(statement)
        connection.close()
        return
    server = await asyncpg.connect(settings.store_url)
    await server.execute(statement)
    await server.close()


async def fresh_readiness(running: Running) -> httpx.Response:
    """What /readyz says once what it knew is too old."""
    running.parts.readiness.forget()
    return await running.client.get("/readyz")


async def test_a_fresh_server_is_alive_and_ready(running: Running) -> None:
    live = await running.client.get("/livez")
    ready = await running.client.get("/readyz")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "checks": dict.fromkeys(CHECKS, "ok")})


async def test_an_empty_database_is_migrated_at_the_start_and_that_is_recorded(
    database_url: str, tmp_path: Path
) -> None:
    async with serving(settings_for(database_url, tmp_path)) as running:
        assert (await running.client.get("/readyz")).status_code == 200
        rows = await running.installation.database.reads.fetch("SELECT action, actor_type FROM audit_entry")
    assert [(row["action"], row["actor_type"]) for row in rows] == [("installation.migrate", "system")]


async def test_a_guard_that_was_removed_is_noticed(running: Running, settings: Settings) -> None:
    drop = "DROP TRIGGER audit_entry_no_update"
    if sqlite_path(settings.store_url) is None:
        drop = "ALTER TABLE audit_entry DISABLE TRIGGER ALL"
    await change_database(settings, drop)
    answer = await fresh_readiness(running)
    assert answer.status_code == 503
    assert [name for name, state in answer.json()["checks"].items() if state == "failed"] == ["guards"]


async def test_a_schema_of_a_newer_program_is_noticed(running: Running, settings: Settings) -> None:
    await change_database(
        settings, "INSERT INTO schema_version (version, name, applied_at, sha256) VALUES (999, 'later', 0, 'x')"
    )
    answer = await fresh_readiness(running)
    assert (answer.status_code, answer.json()["checks"]["schema"]) == (503, "failed")


async def test_a_database_that_is_away_is_no_reason_to_be_killed(settings: Settings) -> None:
    async with serving(settings) as running:
        await running.installation.database.close()
        assert (await fresh_readiness(running)).status_code == 503
        assert (await running.client.get("/livez")).status_code == 200


async def test_many_probes_are_one_look(running: Running) -> None:
    looks = 0

    async def look() -> bool:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0.05)
        return True

    readiness = Readiness({"slow": look})
    await asyncio.gather(*(readiness.look() for _ in range(100)))
    assert looks == 1
    del running


async def test_metrics_count_requests_actions_and_streams(running: Running, customer: Customer) -> None:
    await running.operate(customer.key)
    await running.client.get("/nothing/here")
    async with running.client.stream("GET", "/graphql", headers={"accept": "text/event-stream"}) as stream:
        assert stream.status_code == 200
        text = (await running.client.get("/metrics")).text
    for line in (
        'anchorage_http_requests_total{method="POST",route="/graphql",status="200"} 1.0',
        'anchorage_http_requests_total{method="GET",route="none",status="404"} 1.0',
        'anchorage_http_request_duration_seconds_count{route="/graphql"} 1.0',
        'anchorage_actions_total{action="account.create",result="success"} 1.0',
        'anchorage_actions_total{action="api_key.create",result="success"} 1.0',
        'anchorage_open_streams{transport="sse"} 1.0',
        "anchorage_unit_of_work_oldest_wait_seconds 0.0",
    ):
        assert line in text
    assert "anchorage_build_info{" in text
    assert customer.key_id not in text
    assert customer.account_id not in text


def asked(settings: Settings, peer: str, host: str, **headers: str) -> bool:
    """Whether this request may read the metrics."""
    given = [(b"host", host.encode()), *((name.encode(), value.encode()) for name, value in headers.items())]
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": (peer, 1),
        "root_path": "",
        "path": "/metrics",
        "query_string": b"",
        "headers": given,
    }
    return may_read_metrics(Request(scope), settings)


def test_metrics_are_for_this_machine_unless_the_operator_says_more(tmp_path: Path) -> None:
    default = settings_for("sqlite://x.db", tmp_path)
    assert asked(default, "127.0.0.1", "localhost:8000")
    assert asked(default, "::1", "[::1]:8000")
    assert not asked(default, "192.0.2.1", "localhost")
    # A proxy on the same machine passes on the name that its client asked for, or says for whom it asks.
    assert not asked(default, "127.0.0.1", "ca.example")
    assert not asked(default, "127.0.0.1", "localhost", **{"x-forwarded-for": "192.0.2.1"})
    assert not asked(default, "127.0.0.1", "localhost", forwarded="for=192.0.2.1")
    assert asked(settings_for("sqlite://x.db", tmp_path, metrics=Metrics.ON), "192.0.2.1", "ca.example")
    assert not asked(settings_for("sqlite://x.db", tmp_path, metrics=Metrics.OFF), "127.0.0.1", "localhost")


def test_a_metrics_token_is_needed_by_everybody_and_is_enough(tmp_path: Path) -> None:
    with_token = settings_for("sqlite://x.db", tmp_path, metrics_token=TOKEN)
    assert asked(with_token, "192.0.2.1", "ca.example", authorization=f"Bearer {TOKEN}")
    assert not asked(with_token, "127.0.0.1", "localhost")
    assert not asked(with_token, "127.0.0.1", "localhost", authorization=f"Bearer {TOKEN}x")
    off = settings_for("sqlite://x.db", tmp_path, metrics_token=TOKEN, metrics=Metrics.OFF)
    assert not asked(off, "127.0.0.1", "localhost", authorization=f"Bearer {TOKEN}")


async def test_metrics_that_may_not_be_read_are_not_there(migrated_url: str, tmp_path: Path) -> None:
    async with serving(settings_for(migrated_url, tmp_path, metrics=Metrics.OFF)) as running:
        assert (await running.client.get("/metrics")).status_code == 404


async def test_too_many_requests_at_once_are_sent_away_and_probes_are_not(migrated_url: str, tmp_path: Path) -> None:
    async with serving(settings_for(migrated_url, tmp_path, max_requests=5)) as running:
        slow = [asyncio.create_task(running.operate(operationName="Slow")) for _ in range(5)]
        # A server has no event for its client to wait for.
        while b"http_requests_running 5.0" not in running.parts.metrics.exposition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        refused = await running.operate()
        probes = [(await running.client.get(path)).status_code for path in ("/livez", "/readyz")]
        answered = [(await one).status_code for one in slow]
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert probes == [200, 200]
    assert answered == [200] * 5


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/graphql", "/none"])
async def test_every_answer_has_the_headers_of_an_api(running: Running, path: str) -> None:
    headers = (await running.client.post(path, content=b"{}")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert "strict-transport-security" not in headers


async def test_https_is_insisted_on_where_the_public_address_is_https(migrated_url: str, tmp_path: Path) -> None:
    async with serving(settings_for(migrated_url, tmp_path, public_url="https://ca.example")) as running:
        headers = (await running.client.get("/livez")).headers
    assert headers["strict-transport-security"] == "max-age=31536000"


async def test_a_refused_act_is_counted_as_refused(running: Running) -> None:
    await make_account(running.installation, "twice")
    with pytest.raises(Exception, match="name"):
        await make_account(running.installation, "twice")
    text = running.parts.metrics.exposition().decode()
    assert 'anchorage_actions_total{action="account.create",result="refused"} 1.0' in text
