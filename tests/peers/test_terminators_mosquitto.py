"""Mosquitto by itself, with a bundle, lets in whom Anchorage lets in."""

import pytest

from tests.peers.bundle_promises import BundlePromises
from tests.peers.bundle_setups import MOSQUITTO_BUNDLE

pytestmark = pytest.mark.once


class TestMosquittoBundle(BundlePromises):
    """The handshake is judged by itself."""

    example = MOSQUITTO_BUNDLE
