"""A server that answers as much as it can: gateways and all others each have their room."""

import asyncio
from pathlib import Path

import pytest

from app.actor import Actor, Origin
from app.services.admissions import Admissions, Answer
from app.services.asked import Asked
from app.terms import ClientCertForm, Service
from tests.fleet import fleet
from tests.transport.gateway.conftest import Site
from tests.transport.http.running import Running, make_account, serving, settings_for


async def site_at(server: Running) -> Site:
    site = Site(server, await make_account(server.installation, "fleet"), {})
    site.keys[ClientCertForm.RFC9440] = await site.key()
    await site.upload(fleet().upload, service=Service.LWM2M)
    return site


async def test_who_asks_when_there_is_no_room_is_refused_with_a_reason(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, really = asyncio.Event(), asyncio.Event(), Admissions.ask

    async def slowly(self: Admissions, actor: Actor, asked: Asked, origin: Origin) -> Answer:
        begun.set()
        await may_end.wait()
        return await really(self, actor, asked, origin)

    monkeypatch.setattr(Admissions, "ask", slowly)
    async with serving(settings_for(migrated_url, tmp_path, max_requests=1)) as server:
        site = await site_at(server)
        first = asyncio.create_task(site.ask(fleet().d1))
        await begun.wait()
        refused, told = await site.ask(fleet().d1), await site.ask(fleet().d1, accept="application/json")
        bundle = await site.fetch()
        others = await server.client.get("/livez")
        may_end.set()
        answered = await first

    assert (refused.status_code, refused.content) == (403, b"")
    assert (refused.headers["x-trust-reason"], refused.headers["retry-after"]) == ("STATE_UNKNOWN", "1")
    assert (told.status_code, told.json()["reason"]) == (403, "STATE_UNKNOWN")
    assert (bundle.status_code, bundle.content, bundle.headers["retry-after"]) == (503, b"", "1")
    assert (others.status_code, answered.status_code) == (200, 200)


async def test_the_api_keeps_no_gateway_out(migrated_url: str, tmp_path: Path) -> None:
    async with serving(settings_for(migrated_url, tmp_path, max_requests=2)) as server:
        site = await site_at(server)
        slow = [asyncio.create_task(server.operate(operationName="Slow")) for _ in range(2)]
        # A server has no event for its client to wait for.
        while b"http_requests_running 2.0" not in server.parts.metrics.exposition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (await server.operate()).status_code == 503
        assert (await site.ask(fleet().d1)).status_code == 200
        await asyncio.gather(*slow)


async def test_json_that_is_not_acceptable_is_not_sent(trusting: Site) -> None:
    for accept, has_body in (
        ("application/json", True),
        ("text/html, Application/JSON;charset=utf-8;q=0.1", True),
        ("application/json;q=0", False),
        ("application/json; q=0.000", False),
        ("application/jsonlines", False),
        ("*/*", False),
    ):
        assert bool((await trusting.ask(fleet().x, accept=accept)).content) is has_body, accept
