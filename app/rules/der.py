"""Just enough DER to see a certificate's parts as the bytes they are, before any library decodes them.

Comparisons that decide about trust (issuer against subject, one key against another) are made on these bytes:
a decoded name that is encoded again need not be the same bytes.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
_VERSION = 0xA0
_CONSTRUCTED_OCTET_STRING = 0x24
_MULTI_BYTE_TAG = 0x1F
_INDEFINITE = 0x80
_SMALLEST = 2
"""Octets of an element without content."""
# RFC 8018 A (pkcs-5) and RFC 7292 C (pkcs-12PbeIds), as the start of an AlgorithmIdentifier.
_PASSWORD_BASED = (bytes.fromhex("06092a864886f70d0105"), bytes.fromhex("060a2a864886f70d010c01"))


class Element(NamedTuple):
    """One tag with its content: offsets into the bytes it was read from. `end` may lie past a truncated input."""

    tag: int
    start: int
    content: int
    end: int

    def whole(self, data: bytes) -> bytes:
        """Header and content."""
        return data[self.start : self.end]

    def inner(self, data: bytes) -> bytes:
        """The content alone."""
        return data[self.content : self.end]


def read(data: bytes, offset: int) -> Element:
    """The element that starts at `offset`.

    Raises ValueError for a header that is cut off, a tag of several bytes, or a length of indefinite form or of
    more than four octets: none occurs in a certificate (X.690 10.1).
    """
    if offset + 2 > len(data):
        raise ValueError("the input ends within a header")
    tag, first = data[offset], data[offset + 1]
    if tag & _MULTI_BYTE_TAG == _MULTI_BYTE_TAG:
        raise ValueError("a tag of several bytes")
    if first < _INDEFINITE:
        return Element(tag, offset, offset + 2, offset + 2 + first)
    octets = first - _INDEFINITE
    content = offset + 2 + octets
    if not 1 <= octets <= 4 or content > len(data):
        raise ValueError("a length that DER does not allow here")
    return Element(tag, offset, content, content + int.from_bytes(data[offset + 2 : content], "big"))


def apart(joined: bytes) -> Iterator[bytes]:
    """Elements that are joined end to end, each whole. Raises ValueError as `read` does, and where one is cut off."""
    at = 0
    while at < len(joined):
        element = read(joined, at)
        if element.end > len(joined):
            raise ValueError("the input ends within an element")
        yield element.whole(joined)
        at = element.end


def children(data: bytes, parent: Element) -> Iterator[Element]:
    """The elements inside `parent`, in order.

    Raises ValueError when one of them does not fit into it.
    """
    offset = parent.content
    while offset < parent.end:
        child = read(data, offset)
        if child.end > parent.end:
            raise ValueError("an element is longer than what holds it")
        yield child
        offset = child.end


def encoded(tag: int, *parts: bytes) -> bytes:
    """One element: its tag, its length in as few octets as it takes (X.690 10.1), and the parts, joined."""
    content = b"".join(parts)
    if len(content) < _INDEFINITE:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes((tag, _INDEFINITE | len(length))) + length + content


class CertificateParts(NamedTuple):
    """The fields of RFC 5280 4.1 as bytes. `version` and `serial` are decoded: 1 to 3 as people say, signed.

    `serial_octets` is the length of the encoded serial number.
    """

    version: int
    serial: int
    serial_octets: int
    inner_algorithm: bytes
    issuer: bytes
    subject: bytes
    spki: bytes
    outer_algorithm: bytes


def certificate_parts(der: bytes) -> CertificateParts:
    """Split one certificate.

    Raises ValueError when the bytes are not shaped like one, when something follows it, or when the signature is not
    whole octets.
    """
    certificate = read(der, 0)
    if certificate.tag != SEQUENCE or certificate.end != len(der):
        raise ValueError("not one SEQUENCE")
    tbs, outer, signature = children(der, certificate)
    # A signature is whole octets. Unused bits would let anybody turn one certificate into several that all verify.
    if signature.tag != BIT_STRING or signature.inner(der)[:1] != b"\x00":
        raise ValueError("the signature is not whole octets")
    fields = children(der, tbs)
    (first,) = islice(fields, 1)
    version = 1
    if first.tag == _VERSION:
        version = int.from_bytes(read(der, first.content).inner(der), "big") + 1
        (first,) = islice(fields, 1)
    if first.tag != INTEGER:
        raise ValueError("no serial number")
    serial = first.inner(der)
    inner, issuer, _, subject, spki = islice(fields, 5)
    return CertificateParts(
        version=version,
        serial=int.from_bytes(serial, "big", signed=True),
        serial_octets=len(serial),
        inner_algorithm=inner.whole(der),
        issuer=issuer.whole(der),
        subject=subject.whole(der),
        spki=spki.whole(der),
        outer_algorithm=outer.whole(der),
    )


def has_more_attributes(name: bytes, limit: int) -> bool:
    """Whether a name in DER has more attributes than this.

    Raises ValueError when it is not shaped like a name.
    """
    if len(name) <= limit * _SMALLEST:
        return False
    return sum(1 for rdn in children(name, read(name, 0)) for _ in children(name, rdn)) > limit


def begins_with_two_sequences(data: bytes) -> bool:
    """Whether the bytes begin as a certificate does, with a sequence in a sequence."""
    try:
        outer = read(data, 0)
        return outer.tag == SEQUENCE and read(data, outer.content).tag == SEQUENCE
    except ValueError:
        return False


def is_key_shaped(data: bytes) -> bool:
    """Whether the bytes begin like a private key in DER, or like a PKCS#12 file, which may hold one.

    SEQUENCE { INTEGER … } is PKCS#1, SEC 1, PKCS#8 and PKCS#12; SEQUENCE { SEQUENCE, OCTET STRING } is an
    encrypted PKCS#8 key, and so is what begins with the identifier of a password-based encryption.
    Two integers and nothing else are a public key or parameters, and no secret.
    Only the shape is asked, and only as much of it as is there: decoding costs seconds for a large RSA key.
    """
    if data[:2] == bytes((SEQUENCE, _INDEFINITE)):
        return data[2:3] == bytes((INTEGER,))
    try:
        outer = read(data, 0)
        first = read(data, outer.content)
        if outer.tag != SEQUENCE:
            return False
        if first.tag == INTEGER:
            return not _two_integers(data, outer, first)
        if first.tag == SEQUENCE and data[first.content :].startswith(_PASSWORD_BASED):
            return True
        return first.tag == SEQUENCE and data[first.end] in {OCTET_STRING, _CONSTRUCTED_OCTET_STRING}
    except (ValueError, IndexError):
        return False


def _two_integers(data: bytes, outer: Element, first: Element) -> bool:
    try:
        second = read(data, first.end)
    except ValueError:
        return False
    return second.tag == INTEGER and second.end == outer.end <= len(data)
