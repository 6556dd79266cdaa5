"""HAProxy, in HTTP mode and in front of Mosquitto, lets in whom Anchorage lets in."""

import asyncio
from contextlib import closing

import pytest

from app.services.devices import SuspendDevice
from app.store.gateways import gateways
from app.store.rows import CertificateRow
from app.terms import ClientCertForm, Status
from tests.fleet import Device, fleet
from tests.peers.behind import detour
from tests.peers.bundle_promises import HttpBundlePromises
from tests.peers.bundle_setups import HAPROXY_BUNDLE
from tests.peers.device_side import Http2Visit, Visit
from tests.peers.entrances import Entrance, entrance, eventually, is_applied, opened, watch
from tests.peers.terminator_promises import ForwardAuthPromises, HttpPromises
from tests.peers.terminator_setups import HAPROXY_HTTP, HAPROXY_TCP
from tests.peers.terminators import EFFECT_SECONDS, require
from tests.transport.gateway.conftest import Site

pytestmark = pytest.mark.once


class LengthPromises:
    """For the two that would pass on what comes after a body."""

    async def test_http_2_is_no_way_around_saying_how_long_a_body_is(self, entrance: Entrance) -> None:
        def asking() -> None:
            with closing(Http2Visit(entrance.port, entrance.credentials(fleet().d1))) as connection:
                connection.ask_in_pieces(b"What a device reports.", {"x-device-id": "dev_forged"})

        await asyncio.to_thread(asking)

        assert entrance.application.asked == []


class TestHaproxyHttp(HttpPromises, LengthPromises):
    """Each request is asked about."""

    example = HAPROXY_HTTP
    takes_pieces = False


class TestHaproxyTcp(ForwardAuthPromises):
    """Each connection is asked about, and open ones are cut."""

    example = HAPROXY_TCP

    async def test_the_open_connection_of_a_suspended_device_is_ended(self, entrance: Entrance, site: Site) -> None:
        """No CA and no bundle changes with it."""
        await asyncio.to_thread(watch, entrance)
        with closing(await entrance.visit(entrance.credentials(fleet().d1))) as connection:
            assert await asyncio.to_thread(connection.is_served)
            rows = await site.server.installation.database.reads.fetch("SELECT id FROM device")

            await site.perform(SuspendDevice(rows[0]["id"], "lost"))

            await eventually(lambda: _is_cut(connection), "the open connection is cut")
        assert not await entrance.lets_in(fleet().d1)

    async def test_who_is_let_in_while_the_connections_are_cut_does_not_stay(
        self, site: Site, record: CertificateRow
    ) -> None:
        """The answer was made before the blacklisting, and is still under way when all are cut for the first time."""
        key = site.keys[ClientCertForm.DER]
        async with (
            detour(site.server.port, b"x-trust-reason: TRUSTED") as (way, address),
            opened(entrance(HAPROXY_TCP, anchorage=address, key=key, change=_patient)) as made,
        ):
            await asyncio.to_thread(watch, made)
            device = made.credentials(fleet().d1)
            with closing(await made.visit(device)) as before:
                assert await asyncio.to_thread(before.is_served)
                way.holds.set()
                with closing(await made.visit(device)) as late:
                    coming = asyncio.create_task(asyncio.to_thread(late.is_served))
                    async with asyncio.timeout(EFFECT_SECONDS):
                        await way.waits.wait()

                    await site.set_status(record, Status.INACTIVE)
                    await eventually(lambda: _is_cut(before), "the open connection is cut")
                    way.goes_on.set()

                    assert await coming
                    await eventually(lambda: _is_cut(late), "the late one is cut as well")
            assert not await made.lets_in(device)

    async def test_what_the_watch_has_not_done_is_not_told_as_done(
        self, entrance: Entrance, site: Site, record: CertificateRow
    ) -> None:
        """HAProxy tells at each question what it enforces, and the watch under its own key what it has done."""

        async def applied() -> list[int]:
            await site.server.parts.gateways.flush()
            told = await gateways(site.server.installation.database.reads, site.account_id)
            return sorted(each.applied_version or 0 for each in told)

        assert await entrance.lets_in(fleet().d1)
        await asyncio.to_thread(watch, entrance, await site.key())
        of_haproxy, before = await applied()
        assert of_haproxy == before
        entrance.workshop.write("cut-connections", "#!/bin/sh\nexit 1\n")

        await site.set_status(record, Status.INACTIVE)
        assert not await entrance.lets_in(fleet().d1)

        await eventually(lambda: _has_failed(entrance), "the watch has tried")
        of_the_watch, of_haproxy = await applied()
        assert of_the_watch == before < of_haproxy

    async def test_a_reload_leaves_no_connection_that_nobody_can_end(self, entrance: Entrance) -> None:
        """The process that was there before goes on with its connections, and cut-connections cannot reach it."""
        before, *_ = entrance.workshop.processes
        with closing(await entrance.visit(entrance.credentials(fleet().d1))) as connection:
            assert await asyncio.to_thread(connection.is_served)

            configuration = entrance.workshop.folder / "haproxy.cfg"
            entrance.workshop.start("haproxy", "-db", "-f", configuration, "-sf", before.popen.pid)

            await eventually(lambda: _is_cut(connection), "the open connection is ended")
        assert await entrance.lets_in(fleet().d1)

    async def test_mosquittos_own_clients_publish_or_are_refused(self, entrance: Entrance) -> None:
        require("mosquitto_pub")

        async def published(device: Device) -> bool:
            file = entrance.workshop.credentials(device)
            words = f"mosquitto_pub -h localhost -p {entrance.port} -q 1 -t things -m here"
            command = (*words.split(), "--cafile", entrance.workshop.server, "--cert", file, "--key", file)
            return (await asyncio.to_thread(entrance.workshop.run, *command)).returncode == 0

        let_in = {name: await published(getattr(fleet(), name)) for name in ("d1", "d2", "dj", "x", "expired")}

        assert let_in == {"d1": True, "d2": True, "dj": False, "x": False, "expired": False}


async def _has_failed(entrance: Entrance) -> bool:
    """The watch has a newer version than the one that it has done something about."""
    return not is_applied(entrance.workshop, "watched.pem")


async def _is_cut(connection: Visit) -> bool:
    return not await asyncio.to_thread(connection.is_served)


def _patient(text: str) -> str:
    """An answer may take its time, so that a slow machine does not decide."""
    for shorter, longer in (("server 1500ms", "server 20s"), ("delay 5s", "delay 20s"), ("= 5000", "= 20000")):
        text = text.replace(shorter, longer)
    return text


class TestHaproxyBundle(HttpBundlePromises, LengthPromises):
    """The handshake is judged by itself."""

    example = HAPROXY_BUNDLE
    takes_pieces = False
    hands_on = ClientCertForm.DER
