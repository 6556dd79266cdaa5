"""Certificates of at most 16 KiB that take as much memory as one can, when they are read."""

from collections.abc import Callable, Iterable
from typing import Any

from app.rules.certificate import MAX_DER_BYTES
from tests.rules.authority import Made, PrivateKey, extensions_of, make, rebuild, tlv

_COMMON_NAME = bytes.fromhex("0603550403")
_SHORT_OID = bytes.fromhex("06012a")
_ALTERNATIVE_NAME = bytes.fromhex("0603551d11")
_EXTENDED_KEY_USAGE = bytes.fromhex("0603551d25")
_NAME_CONSTRAINTS = bytes.fromhex("0603551d1e")
_WIDE = "\U0001f600".encode()
"""A text that holds it takes four bytes for each of its characters."""

Spoiled = dict[str, Any]
"""Fields of a certificate (`rebuild`)."""


def _attribute(value: bytes, oid: bytes = _COMMON_NAME) -> bytes:
    return tlv(0x30, oid, tlv(0x0C, value))


def _name(*values: bytes, oid: bytes = _COMMON_NAME) -> bytes:
    return tlv(0x30, *(tlv(0x31, _attribute(value, oid)) for value in values))


def _oid(number: int) -> bytes:
    return tlv(0x06, bytes((0x2A, 0x81 + number // 128, number % 128)))


def _extension(oid: bytes, *content: bytes) -> Spoiled:
    return {"extensions": extensions_of(tlv(0x30, oid, tlv(0x04, tlv(0x30, *content))))}


def _names(*names: bytes) -> Spoiled:
    return _extension(_ALTERNATIVE_NAME, *names)


def _letters(count: int) -> Iterable[bytes]:
    return (b"%c%c" % (97 + number % 26, 97 + number // 26 % 26) for number in range(count))


def _permitted(*names: bytes) -> Spoiled:
    return _extension(_NAME_CONSTRAINTS, tlv(0xA0, *(tlv(0x30, name) for name in names)))


def _network(octets: int, number: int) -> bytes:
    return tlv(0x87, number.to_bytes(octets, "big"), b"\xff" * octets)


def _set_of_five(count: int) -> Spoiled:
    five = tlv(0x31, *(_attribute(b"%c" % (97 + number)) for number in range(5)))
    return _names(tlv(0xA4, tlv(0x30, *[five] * count)))


HEAVY: dict[str, Callable[[], Spoiled]] = {
    "IPv4 addresses": lambda: _names(*(tlv(0x87, number.to_bytes(4, "big")) for number in range(2600))),
    "IPv6 addresses": lambda: _names(*(tlv(0x87, b"\xff" * 12, number.to_bytes(4, "big")) for number in range(850))),
    "host names": lambda: _names(*(tlv(0x82, letters) for letters in _letters(3900))),
    "mailboxes": lambda: _names(*(tlv(0x81, letters) for letters in _letters(3900))),
    "directory names": lambda: _names(*(tlv(0xA4, _name(letters)) for letters in _letters(700))),
    "empty directory names": lambda: _names(*[tlv(0xA4, tlv(0x30))] * 3900),
    "a deep name": lambda: _names(tlv(0xA4, _name(*_letters(1000)))),
    "a deep name of nothing": lambda: _names(tlv(0xA4, _name(*[b""] * 1500, oid=_SHORT_OID))),
    "sets of attributes": lambda: _set_of_five(240),
    "other names": lambda: _names(*(tlv(0xA0, _oid(number), tlv(0xA0, tlv(0x05))) for number in range(1300))),
    "a name that folds into more": lambda: _names(tlv(0xA4, _name("\ufdfa".encode() * 5000 + _WIDE))),
    "extensions": lambda: {"extensions": extensions_of(*(tlv(0x30, _oid(n), tlv(0x04)) for n in range(1500)))},
    "critical extensions": lambda: {
        "extensions": extensions_of(*(tlv(0x30, _oid(n), tlv(0x01, b"\xff"), tlv(0x04)) for n in range(1200)))
    },
    "purposes": lambda: _extension(_EXTENDED_KEY_USAGE, *map(_oid, range(3000))),
    "IPv4 networks": lambda: _permitted(*(_network(4, number) for number in range(1250))),
    "IPv6 networks": lambda: _permitted(*(_network(16, number) for number in range(400))),
    "a subject that shows itself escaped": lambda: {"subject": _name(b"\x01" * 15_000 + _WIDE)},
    "an issuer that shows itself escaped": lambda: {"issuer": _name(b"\x01" * 15_000 + _WIDE)},
    "a subject of many common names": lambda: {"subject": _name(*[b"\x01" * 200] * 64)},
    "a serial number": lambda: {"serial": tlv(0x02, b"\x01" * 15_000)},
}


def heavy(kind: str, issuer: Made | None = None, own: PrivateKey | None = None) -> Made:
    """A device's certificate, signed by itself unless somebody issues it; with this key, or one of its own."""
    good = make("device", issuer=issuer, is_ca=None, key_usage=None, key=own)
    made = rebuild(good, good.key if issuer is None else issuer.key, **HEAVY[kind]())
    assert len(made.der) <= MAX_DER_BYTES
    return made
