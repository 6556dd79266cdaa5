"""Envoy lets in whom Anchorage lets in."""

import pytest

from tests.peers.bundle_promises import BundlePromises
from tests.peers.bundle_setups import ENVOY_BUNDLE
from tests.peers.terminator_promises import HttpPromises
from tests.peers.terminator_setups import ENVOY

pytestmark = pytest.mark.once


class TestEnvoy(HttpPromises):
    """Each request is asked about."""

    example = ENVOY


class TestEnvoyBundle(BundlePromises):
    """The handshake is judged by itself."""

    example = ENVOY_BUNDLE
