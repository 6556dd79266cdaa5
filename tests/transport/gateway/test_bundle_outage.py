"""The database goes away under gateways that fetch their bundles, and say what they have applied."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.clock import system_clock
from app.installation import opened
from app.rules import pem
from app.services.certificates import UploadCertificate
from app.services.submission import Submission
from app.store.database import Role
from app.store.gateways import gateways
from app.terms import ClientCertForm, Service, Usage
from tests.checks import check_log
from tests.fleet import ca, fleet
from tests.services.gateways import BRIDGE_SECONDS, HeldClock
from tests.services.going_away import GoingAway
from tests.transport.gateway.conftest import Site
from tests.transport.http.running import make_account, serving, settings_for


@dataclass(frozen=True, slots=True)
class Outage:
    """A server whose database may go away. It has answered the gateway, at `version`; its clock stands."""

    site: Site
    database: GoingAway
    monotonic: HeldClock
    version: int


@pytest.fixture
async def outage(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Outage]:
    """The database is there, and the account trusts I."""
    database, monotonic = GoingAway.of(migrated_url), HeldClock()
    monkeypatch.setattr("app.installation.open_database", lambda *_, **__: database)
    monkeypatch.setattr("app.transport.gateway.gateways.monotonic", monotonic)
    async with serving(settings_for(migrated_url, tmp_path, bridge_seconds=BRIDGE_SECONDS)) as running:
        monkeypatch.undo()
        site = Site(running, await make_account(running.installation, "fleet"), {})
        site.keys[ClientCertForm.RFC9440] = await site.key()
        await site.upload(fleet().upload, service=Service.LWM2M)
        first = await site.fetch()
        assert (first.status_code, "x-trust-stale-seconds" in first.headers) == (200, False)
        yield Outage(site, database, monotonic, int(first.headers["x-trust-version"]))
        database.is_away = False
        await running.parts.gateways.flush(everything=True)
        await check_log(database)


async def test_within_the_bridge_a_bundle_says_how_old_it_is(outage: Outage) -> None:
    before = await outage.site.fetch()
    outage.database.is_away = True
    outage.monotonic.now += 20

    stale = await outage.site.fetch()
    same = await outage.site.fetch(if_none_match=stale.headers["etag"])

    assert (stale.status_code, stale.content, stale.headers["x-trust-stale-seconds"]) == (200, before.content, "20")
    assert (same.status_code, same.headers["x-trust-stale-seconds"]) == (304, "20")


async def test_after_the_bridge_there_is_no_bundle_and_nothing_to_be_applied(outage: Outage) -> None:
    outage.database.is_away = True
    outage.monotonic.now += BRIDGE_SECONDS + 1

    answers = [await outage.site.fetch(), await outage.site.applied(outage.version)]

    assert [answer.status_code for answer in answers] == [503, 503]
    outage.database.is_away = False
    assert (await outage.site.fetch()).status_code == 200
    assert (await outage.site.applied(outage.version)).status_code == 204


async def test_within_the_bridge_what_is_applied_is_noted_once_the_database_is_back(outage: Outage) -> None:
    outage.database.is_away = True
    outage.monotonic.now += 20

    noted, unknown = await outage.site.applied(outage.version), await outage.site.applied(outage.version + 1)

    assert (noted.status_code, unknown.status_code) == (204, 503)
    outage.database.is_away = False
    await outage.site.server.parts.gateways.flush()
    assert await applied(outage) == [outage.version]


async def test_a_version_that_another_process_has_made_is_looked_up_at_once(outage: Outage) -> None:
    """A gateway may fetch its bundle from one process and tell another, which believes its own state for a second."""
    settings = outage.site.server.installation.settings
    async with opened(settings, role=Role.BESIDE) as other:
        submission = Submission.of(pem.encode([ca("Another").der]), at=system_clock())
        command = UploadCertificate("another", None, submission, Usage.THIRD_PARTY_CA, Service.LWM2M)
        await other.door.perform(outage.site.operator, command, other.origin("test"))

    assert (await outage.site.applied(outage.version + 1)).status_code == 204

    assert await applied(outage) == [outage.version + 1]


async def applied(outage: Outage) -> list[int | None]:
    rows = await gateways(outage.database.reads, outage.site.account_id)
    return [row.applied_version for row in rows]
