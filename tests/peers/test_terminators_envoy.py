"""Envoy lets in whom Anchorage lets in."""

from urllib.parse import quote

import pytest
from cryptography import x509

from app.rules import pem
from app.store.rows import CertificateRow
from app.terms import ClientCertForm
from tests.fleet import DAY, DEVICE_USAGE, NOW, Device, fleet
from tests.peers.bundle_promises import HttpBundlePromises
from tests.peers.bundle_setups import ENVOY_BUNDLE
from tests.peers.entrances import entrance, opened
from tests.peers.request_promises import BoundedRequestPromises
from tests.peers.terminator_promises import HttpPromises
from tests.peers.terminator_setups import ENVOY
from tests.rules.authority import make
from tests.transport.gateway.conftest import Site

pytestmark = pytest.mark.once


class TestEnvoy(HttpPromises, BoundedRequestPromises):
    """Each request is asked about."""

    example = ENVOY
    to_websockets = 403
    believes_any_server = True

    async def test_a_stranger_with_a_certificate_in_its_names_stays_out_even_where_they_are_handed_on(
        self, site: Site, record: CertificateRow
    ) -> None:
        del record
        known = quote(pem.encode([fleet().d1.made.der]), safe="")
        names = (f'spiffe://a;Cert="{known}";Chain="{known}"', f'spiffe://a,Cert="{known}"')
        key, anchorage = site.keys[ClientCertForm.XFCC], f"127.0.0.1:{site.server.port}"
        async with opened(entrance(ENVOY, anchorage=anchorage, key=key, change=_with_uri)) as made:
            assert await made.lets_in(fleet().d1)
            assert [await made.lets_in(_stranger(name)) for name in names] == [False, False]


def _with_uri(text: str) -> str:
    return text.replace("chain: true }", "chain: true, uri: true }")


def _stranger(name: str) -> Device:
    """It signs itself, and has what it likes for a name."""
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)])
    return Device(
        make(
            "stranger",
            is_ca=None,
            key_usage=DEVICE_USAGE,
            extensions=[(names, False)],
            not_before=NOW - DAY,
            not_after=NOW + 365 * DAY,
        )
    )


class TestEnvoyBundle(HttpBundlePromises):
    """The handshake is judged by itself."""

    example = ENVOY_BUNDLE
    hands_on = ClientCertForm.XFCC
