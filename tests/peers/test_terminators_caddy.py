"""Caddy lets in whom Anchorage lets in."""

import pytest

from tests.peers.terminator_promises import HttpPromises
from tests.peers.terminator_setups import CADDY

pytestmark = pytest.mark.once


class TestCaddy(HttpPromises):
    """Each request is asked about."""

    example = CADDY
