"""A certificate that was signed with ECDSA has a twin, and its SHA-256 is known without anybody making it."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding

from app.rules.certificate import check_signature
from app.rules.identity import Identity, identity_of
from app.rules.signature import Answer
from tests.rules.authority import PrivateKey, make, rsa_key, twin_of

CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_the_twin_is_the_valid_certificate_that_anybody_makes_of_a_valid_one(curve: ec.EllipticCurve) -> None:
    issuer = make("I", key=ec.generate_private_key(curve))
    # Of several, as the two numbers of a signature take more octets or fewer.
    for serial in range(1, 33):
        device = make("D", issuer=issuer, serial=serial)
        twin = twin_of(device, curve)
        fingerprints = [hashlib.sha256(each.der).digest() for each in (device, twin)]

        assert check_signature(twin.parsed, issuer.parsed) is Answer.VALID
        assert twin.der != device.der
        assert identity_of(device.parsed, issuer.parsed) == Identity(*fingerprints)
        assert identity_of(twin.parsed, issuer.parsed) == Identity(*reversed(fingerprints))


KEYS = [rsa_key(), ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()]
KEYS += [mldsa.MLDSA44PrivateKey.generate(), mldsa.MLDSA65PrivateKey.generate(), mldsa.MLDSA87PrivateKey.generate()]
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


@pytest.mark.parametrize(("key", "pss"), [*((key, None) for key in KEYS), (rsa_key(), PSS)])
def test_no_other_algorithm_has_twins(key: PrivateKey, pss: padding.PSS | None) -> None:
    issuer = make("I", key=key)
    device = make("D", issuer=issuer, key=ec.generate_private_key(ec.SECP256R1()), pss=pss)

    assert identity_of(device.parsed, issuer.parsed) == Identity(device.parsed.fingerprint)
