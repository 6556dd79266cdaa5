"""nginx lets in whom Anchorage lets in."""

import pytest

from app.terms import ClientCertForm
from tests.peers.bundle_promises import HttpBundlePromises
from tests.peers.bundle_setups import NGINX_BUNDLE
from tests.peers.terminator_promises import HttpPromises
from tests.peers.terminator_setups import NGINX

pytestmark = pytest.mark.once


class TestNginx(HttpPromises):
    """Each request is asked about."""

    example = NGINX
    to_websockets = 200  # by HTTP, as if the device had not asked for one


class TestNginxBundle(HttpBundlePromises):
    """The handshake is judged by itself."""

    example = NGINX_BUNDLE
    hands_on = ClientCertForm.PEM
