"""What a device is claimed by: the SHA-256 of its certificate, of which there may be two.

Where (r, s) is an ECDSA signature, (r, n - s) is one too, n being the order of the curve's group, and no key is needed
to make the one from the other (SEC 1 4.1.4). So every certificate that was signed with ECDSA has a twin, which says the
same and is as valid, and has another SHA-256. Whoever claims by a hash alone cannot know which of the two a device will
present; who claims the other one must not get the device from whoever claimed it first. No other algorithm that is
verified here has two signatures of one kind (RFC 8017 8.1 and 8.2, RFC 8032 5.1.7 and 5.2.7, FIPS 204 3.1).
"""

import hashlib
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from app.rules import der
from app.rules.certificate import ParsedCertificate


class Identity(NamedTuple):
    """The SHA-256 of a device's certificate, and that of its twin; None where it has none."""

    fingerprint: bytes
    twin: bytes | None = None


def identity_of(certificate: ParsedCertificate, issuer: ParsedCertificate) -> Identity:
    """What a certificate is claimed by that was signed with the issuer's key, as was verified."""
    key = issuer.key.usable
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return Identity(certificate.fingerprint)
    r, s = decode_dss_signature(certificate.signature)
    signature = der.encoded(der.BIT_STRING, b"\x00", encode_dss_signature(r, key.curve.group_order - s))
    _, algorithm, _ = der.children(certificate.der, der.read(certificate.der, 0))
    twin = der.encoded(der.SEQUENCE, certificate.tbs, algorithm.whole(certificate.der), signature)
    return Identity(certificate.fingerprint, hashlib.sha256(twin).digest())
