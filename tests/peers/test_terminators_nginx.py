"""nginx lets in whom Anchorage lets in."""

import pytest

from tests.peers.terminator_promises import HttpPromises
from tests.peers.terminator_setups import NGINX

pytestmark = pytest.mark.once


class TestNginx(HttpPromises):
    """Each request is asked about."""

    example = NGINX
