"""HAProxy, in HTTP mode and in front of Mosquitto, lets in whom Anchorage lets in."""

import asyncio
from contextlib import closing

import pytest

from app.services.devices import SuspendDevice
from tests.fleet import Device, fleet
from tests.peers.bundle_promises import BundlePromises
from tests.peers.bundle_setups import HAPROXY_BUNDLE
from tests.peers.entrances import Entrance, eventually, watch
from tests.peers.terminator_promises import ForwardAuthPromises, HttpPromises
from tests.peers.terminator_setups import HAPROXY_HTTP, HAPROXY_TCP
from tests.peers.terminators import require
from tests.transport.gateway.conftest import Site

pytestmark = pytest.mark.once


class TestHaproxyHttp(HttpPromises):
    """Each request is asked about."""

    example = HAPROXY_HTTP


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

            async def is_refused() -> bool:
                return not await asyncio.to_thread(connection.is_served)

            await eventually(is_refused, "the open connection is cut")
        assert not await entrance.lets_in(fleet().d1)

    async def test_mosquittos_own_clients_publish_or_are_refused(self, entrance: Entrance) -> None:
        require("mosquitto_pub")

        async def published(device: Device) -> bool:
            file = entrance.workshop.credentials(device)
            words = f"mosquitto_pub -h localhost -p {entrance.port} -q 1 -t things -m here"
            command = (*words.split(), "--cafile", entrance.workshop.server, "--cert", file, "--key", file)
            return (await asyncio.to_thread(entrance.workshop.run, *command)).returncode == 0

        let_in = {name: await published(getattr(fleet(), name)) for name in ("d1", "d2", "dj", "x", "expired")}

        assert let_in == {"d1": True, "d2": True, "dj": False, "x": False, "expired": False}


class TestHaproxyBundle(BundlePromises):
    """The handshake is judged by itself."""

    example = HAPROXY_BUNDLE
