"""A trust anchor that vouches for nobody.

Some terminators keep the old file when a new one is empty, so that blacklisting the last CA would change nothing: every
bundle therefore holds an anchor for which nothing can ever be signed. Nobody has to believe that a key was thrown away,
for there never was one: the public key is a point of P-256 whose x coordinate is the SHA-256 of a sentence, and to find
its private key is to solve the discrete logarithm. Its signature, which no verifier asks of an anchor, is none either.
"""

import hashlib
from functools import cache
from itertools import count

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.rules.certificate import ParsedCertificate, parse
from app.rules.der import encoded

SENTENCE = b"Anchorage: this anchor vouches for nobody, "
NAME = "Anchorage placeholder (vouches for nobody)"

_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_COMMON_NAME = bytes.fromhex("0603550403")
# basicConstraints: a CA, and none below it. keyUsage: keyCertSign. Both critical.
_EXTENSIONS = bytes.fromhex("a323302130120603551d130101ff040830060101ff020100300b0603551d0f040403020204")
# RFC 5280 4.1.2.5: UTCTime to the year 2049, GeneralizedTime from then on.
_VALIDITY = ((0x17, b"000101000000Z"), (0x18, b"99991231235959Z"))


@cache
def placeholder() -> ParsedCertificate:
    """The anchor, the same one in every process."""
    name = encoded(0x30, encoded(0x31, encoded(0x30, _COMMON_NAME, encoded(0x0C, NAME.encode()))))
    validity = encoded(0x30, *(encoded(tag, instant) for tag, instant in _VALIDITY))
    version, serial = bytes.fromhex("a003020102"), bytes.fromhex("020101")
    body = encoded(0x30, version, serial, _ECDSA_SHA256, name, validity, name, _key(), _EXTENSIONS)
    no_signature = encoded(0x03, b"\x00", encoded(0x30, bytes.fromhex("020101020101")))
    return parse(encoded(0x30, body, _ECDSA_SHA256, no_signature))


def _key() -> bytes:
    for number in count():
        x = hashlib.sha256(SENTENCE + str(number).encode()).digest()
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x02" + x)
        except ValueError:
            continue  # every other number is no x coordinate of a point
        return point.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raise AssertionError("unreachable")
