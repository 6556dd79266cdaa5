"""The small DER reader: exact about what it takes."""

import pytest

from app.rules.der import (
    begins_with_two_sequences,
    certificate_parts,
    children,
    has_more_attributes,
    is_key_shaped,
    read,
)
from tests.rules.authority import integer, make, tlv

ROOT = make("Root CA")


@pytest.mark.parametrize("length", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000])
def test_every_length_is_read(length: int) -> None:
    data = tlv(0x04, bytes(length)) + b"more"

    element = read(data, 0)

    assert element.tag == 0x04
    assert element.inner(data) == bytes(length)
    assert element.whole(data) == data[:-4]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x82\x01", b"\x30\x80\x00\x00", b"\x30\x85\x00\x00\x00\x00\x01\x00", b"\x1f\x01\x00"],
)
def test_a_header_that_der_does_not_know_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"header|length|tag"):
        read(data, 0)


def test_a_child_must_fit_into_its_parent() -> None:
    data = b"\x30\x03\x02\x05\x01" + bytes(9)

    with pytest.raises(ValueError, match="longer"):
        list(children(data, read(data, 0)))


@pytest.mark.parametrize(
    "data", [ROOT.der + b"\x00", ROOT.der[:-1], tlv(0x31, ROOT.der), tlv(0x30), tlv(0x30, tlv(0x30), tlv(0x30))]
)
def test_a_certificate_is_one_sequence_of_three(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the sentence is for developers
        certificate_parts(data)


def test_a_certificate_is_split_into_its_own_bytes() -> None:
    parts = certificate_parts(ROOT.der)

    assert parts.subject == parts.issuer == ROOT.certificate.subject.public_bytes()
    assert (parts.version, parts.serial, parts.serial_octets) == (3, 0x1234, 2)
    assert parts.inner_algorithm == parts.outer_algorithm


@pytest.mark.parametrize("attribute", [tlv(0x30), tlv(0x30, bytes(9))], ids=["of the smallest size", "of a usual size"])
@pytest.mark.parametrize("in_one_set", [True, False])
def test_the_attributes_of_a_name_are_counted(attribute: bytes, in_one_set: bool) -> None:
    def name(count: int) -> bytes:
        return tlv(0x30, tlv(0x31, *[attribute] * count) if in_one_set else tlv(0x31, attribute) * count)

    assert [has_more_attributes(name(count), 64) for count in (0, 1, 63, 64, 65, 200)] == [False] * 4 + [True] * 2


def test_a_long_name_whose_attribute_is_longer_than_its_set_is_no_name() -> None:
    last = tlv(0x31, tlv(0x30, bytes(9)))
    with pytest.raises(ValueError, match="longer"):
        has_more_attributes(tlv(0x30, last * 69, last.replace(b"\x30\x09", b"\x30\x0a")), 64)


SHAPES = [
    (tlv(0x30, integer(0), integer(5), integer(7)), True),
    (tlv(0x30, integer(0), tlv(0x30)), True),
    (tlv(0x30, integer(5), integer(7)), False),
    (tlv(0x30, integer(5), integer(7)) + b"\x00", False),
    (tlv(0x30, integer(5)), True),
    (b"\x30\x80\x02\x01\x03\x30\x80", True),
    (b"\x30\x80\x30\x80", False),
    (tlv(0x30, tlv(0x30), tlv(0x04)), True),
    (tlv(0x30, tlv(0x30), tlv(0x24)), True),
    (tlv(0x30, tlv(0x30), tlv(0x03)), False),
    (tlv(0x30, tlv(0x30)), False),
    (tlv(0x30, tlv(0x30, bytes.fromhex("06092a864886f70d01050d")))[:14], True),
    (tlv(0x31, integer(0), tlv(0x30)), False),
    (ROOT.der, False),
    (b"", False),
]


@pytest.mark.parametrize(("data", "expected"), SHAPES)
def test_a_key_is_told_by_its_shape(data: bytes, expected: bool) -> None:
    assert is_key_shaped(data) is expected


@pytest.mark.parametrize(
    ("data", "expected"), [(ROOT.der, True), (tlv(0x30, integer(1)), False), (b"\x31\x02\x30\x00", False), (b"", False)]
)
def test_a_certificate_begins_with_two_sequences(data: bytes, expected: bool) -> None:
    assert begins_with_two_sequences(data) is expected
