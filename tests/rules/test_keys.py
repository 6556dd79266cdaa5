"""Keys that nobody may vouch with, and that must cost nothing."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.findings import FindingCode
from tests.rules.authority import dh_spki, dsa_spki, make, rebuild

KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(("bits", "verifies"), [(512, True), (3072, True), (3073, False), (9941, False)])
def test_a_dsa_key_verifies_up_to_the_size_that_its_standard_has(bits: int, verifies: bool) -> None:
    read = rebuild(make(key=KEY), KEY, spki=dsa_spki(2**bits - 1, 2**256 - 189, 2, 4)).parsed

    assert (read.key_description, read.key.usable is not None) == (f"DSA {bits}", verifies)


def test_a_key_that_makes_no_signatures_is_not_loaded() -> None:
    """The library refuses a prime like this one, after a search that takes half a minute for a large one."""
    read = rebuild(make(key=KEY), KEY, spki=dh_spki(2**521 - 1)).parsed

    assert read.key.usable is None
    assert read.key.flaw is not None
    assert read.key.flaw[0] is FindingCode.KEY_TYPE_UNSUPPORTED
