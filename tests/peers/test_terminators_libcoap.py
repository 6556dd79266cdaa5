"""libcoap, with either library for DTLS and a bundle, lets in whom Anchorage lets in."""

import asyncio
import re

import pytest

from app.store.rows import CertificateRow
from tests.fleet import Device, fleet
from tests.peers.bundle_promises import BundlePromises
from tests.peers.bundle_setups import LIBCOAP_GNUTLS, LIBCOAP_OPENSSL
from tests.peers.entrances import Entrance, bundled, opened
from tests.peers.terminators import require
from tests.transport.gateway.conftest import Site

pytestmark = pytest.mark.once


class LibcoapPromises(BundlePromises):
    """More tests, with libcoap's own client. The one with GnuTLS alone presents what stands above the certificate."""

    async def test_libcoaps_own_client_is_answered_or_refused(self, entrance: Entrance) -> None:
        require("coap-client-gnutls")

        async def is_answered(device: Device) -> bool:
            file = entrance.workshop.credentials(device)
            words = ("coap-client-gnutls", "-B", "2", "-c", file, "-j", file, f"coaps://127.0.0.1:{entrance.port}/")
            return b"You are in." in (await asyncio.to_thread(entrance.workshop.run, *words)).stdout

        answered = {name: await is_answered(getattr(fleet(), name)) for name in ("d1", "d2", "dj")}

        assert answered == {"d1": True, "d2": True, "dj": False}

    async def test_the_packages_example_server_lets_in_whoever_signs_himself(
        self, site: Site, record: CertificateRow
    ) -> None:
        """Why there is a server of our own."""
        del record
        library = self.example.name.removeprefix("libcoap-")
        require(f"coap-server-{library}")

        def change(text: str) -> str:
            """The same files, and the port without DTLS below the one with it."""
            return re.sub(
                r"exec \S+/server (\S+) (\d+) (\S+) (\S+)",
                rf"exec coap-server-{library} -A \1 -p $((\2 - 1)) -c \3 -R \4",
                text,
            )

        key, anchorage = next(iter(site.keys.values())), f"127.0.0.1:{site.server.port}"
        async with opened(bundled(self.example, anchorage=anchorage, key=key, change=change)) as made:
            let_in = {name: await made.lets_in(getattr(fleet(), name)) for name in ("d1", "dj", "x", "expired")}

        assert let_in == {"d1": True, "dj": False, "x": True, "expired": True}


class TestLibcoapWithOpenssl(LibcoapPromises):
    """The handshake is judged by itself."""

    example = LIBCOAP_OPENSSL


class TestLibcoapWithGnutls(LibcoapPromises):
    """The handshake is judged by itself."""

    example = LIBCOAP_GNUTLS
