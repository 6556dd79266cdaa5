"""PostgreSQL stops, or hangs, under a gateway's questions over HTTP, and is there again.

Devices come in from the last state until that is too old, are refused from then on, and come in again without anything
having been restarted but the database.

Seen to fail where answers did not say how old their state is, where the last state was used for ever, and where each
question waited for a hanging server by itself.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from app.store.migrate import migrate
from app.terms import ClientCertForm, Service
from tests.checks import check_log
from tests.fleet import fleet
from tests.store.cluster import Cluster
from tests.transport.gateway.conftest import Site
from tests.transport.http.running import make_account, serving, settings_for

BRIDGE_SECONDS = 5
WAIT_SECONDS = 60
"""The second where even the gateway's key cannot be checked any more."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL for one test, to stop."""
    with Cluster.running() as cluster:
        yield cluster


@pytest.fixture
async def site(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Site]:
    """A server on it, with an account that trusts the fleet's CA."""
    admin = await asyncpg.connect(cluster.url("postgres"))
    await admin.execute("CREATE DATABASE subject")
    await admin.close()
    await migrate(cluster.url("subject"))
    async with serving(settings_for(cluster.url("subject"), tmp_path, bridge_seconds=BRIDGE_SECONDS)) as running:
        site = Site(running, await make_account(running.installation, "fleet"), {})
        site.keys[ClientCertForm.RFC9440] = await site.key()
        await site.upload(fleet().upload, service=Service.LWM2M)
        yield site


async def ask_until(site: Site, reasons: set[str], heard: Counter[tuple[int, str, bool]]) -> None:
    """Ask until the answer has one of these reasons, and count the answers: status, reason, whether it is stale."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            answer = await site.ask(fleet().d1)
            reason = answer.headers["x-trust-reason"]
            heard[answer.status_code, reason, "x-trust-stale-seconds" in answer.headers] += 1
            if reason in reasons:
                return
            await asyncio.sleep(0.05)


async def test_devices_come_in_over_a_short_outage_and_not_over_a_long_one(cluster: Cluster, site: Site) -> None:
    heard = Counter[tuple[int, str, bool]]()
    await ask_until(site, {"TRUSTED"}, heard)
    assert set(heard) == {(200, "TRUSTED", False)}

    await asyncio.to_thread(cluster.stop)
    await ask_until(site, {"STATE_UNKNOWN"}, heard)
    assert heard[200, "TRUSTED", True]
    for _ in range(5):
        assert (await site.ask(fleet().d1)).status_code == 403

    await asyncio.to_thread(cluster.start)
    await ask_until(site, {"TRUSTED"}, heard)
    assert {status for status, reason, _ in heard if reason != "TRUSTED"} == {403}
    answer = await site.ask(fleet().d1)
    assert (answer.status_code, "x-trust-stale-seconds" in answer.headers) == (200, False)
    await site.server.parts.gateways.refused.flush(everything=True)
    await check_log(site.server.installation.database)


async def test_while_postgresql_hangs_gateways_are_answered_from_the_last_state(cluster: Cluster, site: Site) -> None:
    """A frozen host refuses no connection and answers nothing; terminators give up after two seconds, and refuse."""
    await ask_until(site, {"TRUSTED"}, Counter())
    with cluster.frozen():
        # Many who come together, and then those who come while it is known.
        answers = [await asyncio.gather(*(site.ask(fleet().d1) for _ in range(20))) for _ in range(3)]
    assert {
        (answer.status_code, answer.headers["x-trust-reason"], "x-trust-stale-seconds" in answer.headers)
        for answer in answers[1] + answers[2]
    } == {(200, "TRUSTED", True)}
    assert {answer.status_code for answer in answers[0]} == {200}

    heard = Counter[tuple[int, str, bool]]()
    async with asyncio.timeout(WAIT_SECONDS):
        while not heard[200, "TRUSTED", False]:
            await ask_until(site, {"TRUSTED"}, heard)
    assert set(heard) <= {(200, "TRUSTED", True), (200, "TRUSTED", False)}
