"""libcoap, with either library for DTLS and a bundle, lets in whom Anchorage lets in."""

import asyncio

import pytest

from tests.fleet import Device, fleet
from tests.peers.bundle_promises import BundlePromises
from tests.peers.bundle_setups import LIBCOAP_GNUTLS, LIBCOAP_OPENSSL
from tests.peers.entrances import Entrance
from tests.peers.terminators import require

pytestmark = pytest.mark.once


class LibcoapPromises(BundlePromises):
    """More tests, with libcoap's own client. The one with GnuTLS alone presents what stands above the certificate."""

    async def test_libcoaps_own_client_is_answered_or_refused(self, entrance: Entrance) -> None:
        require("coap-client-gnutls")

        async def is_answered(device: Device) -> bool:
            file = entrance.workshop.credentials(device)
            words = ("coap-client-gnutls", "-B", "2", "-c", file, "-j", file, f"coaps://127.0.0.1:{entrance.tls_port}/")
            return b"libcoap" in (await asyncio.to_thread(entrance.workshop.run, *words)).stdout

        answered = {name: await is_answered(getattr(fleet(), name)) for name in ("d1", "d2", "dj")}

        assert answered == {"d1": True, "d2": True, "dj": False}


class TestLibcoapWithOpenssl(LibcoapPromises):
    """The handshake is judged by itself."""

    example = LIBCOAP_OPENSSL


class TestLibcoapWithGnutls(LibcoapPromises):
    """The handshake is judged by itself."""

    example = LIBCOAP_GNUTLS
