"""Envoy lets in whom Anchorage lets in."""

import pytest

from tests.peers.terminator_promises import HttpPromises
from tests.peers.terminator_setups import ENVOY

pytestmark = pytest.mark.once


class TestEnvoy(HttpPromises):
    """Each request is asked about."""

    example = ENVOY
