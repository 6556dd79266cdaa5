"""Caddy lets in whom Anchorage lets in."""

import pytest

from app.terms import ClientCertForm
from tests.peers.bundle_promises import HttpBundlePromises
from tests.peers.bundle_setups import CADDY_BUNDLE
from tests.peers.terminator_promises import HttpPromises
from tests.peers.terminator_setups import CADDY

pytestmark = pytest.mark.once


class TestCaddy(HttpPromises):
    """Each request is asked about."""

    example = CADDY


class TestCaddyBundle(HttpBundlePromises):
    """The handshake is judged by itself."""

    example = CADDY_BUNDLE
    hands_on = ClientCertForm.DER
