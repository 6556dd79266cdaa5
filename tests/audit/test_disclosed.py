"""Personal data are shown when the hashed bytes vouch for them, and when they are still there."""

from base64 import urlsafe_b64encode

import pytest

from app.audit.disclosed import disclosed
from app.audit.entry import digest

pytestmark = pytest.mark.once


def disclosure(name: str, value: str) -> str:
    return urlsafe_b64encode(f'["c2FsdA","{name}","{value}"]'.encode()).decode().rstrip("=")


NAME, ADDRESS = disclosure("actor.name", "Ada"), disclosure("client.address", "192.0.2.7")
DIGESTS = [digest(NAME), digest(ADDRESS)]


def test_what_the_body_vouches_for_is_shown() -> None:
    assert disclosed([f"{NAME}~{ADDRESS}"], DIGESTS) == {"actor.name": "Ada", "client.address": "192.0.2.7"}
    assert disclosed([NAME, ADDRESS], DIGESTS) == {"actor.name": "Ada", "client.address": "192.0.2.7"}


def test_what_was_erased_is_not_there() -> None:
    assert disclosed([ADDRESS], DIGESTS) == {"client.address": "192.0.2.7"}
    assert disclosed([], DIGESTS) == {}


def test_a_name_that_the_body_does_not_vouch_for_is_not_shown() -> None:
    assert disclosed([disclosure("actor.name", "Mallory"), ADDRESS], DIGESTS) == {"client.address": "192.0.2.7"}
