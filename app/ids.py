"""Identifiers: 32 hexadecimal digits that sort by the time of their making (RFC 9562 5.7, version 7)."""

import secrets
from datetime import datetime

from app.clock import to_micros

_RANDOM_BITS = 62
_VARIANT = 0b10 << _RANDOM_BITS


def new_id(at: datetime) -> str:
    """A UUIDv7 as 32 lower-case hexadecimal digits without hyphens.

    The first 12 digits are the milliseconds of `at`; 74 random bits keep ids of one millisecond apart.
    """
    milliseconds = to_micros(at) // 1000
    high = (milliseconds << 16) | 0x7000 | secrets.randbits(12)
    return f"{(high << 64) | _VARIANT | secrets.randbits(_RANDOM_BITS):032x}"


def is_id(text: str) -> bool:
    """Whether the text is 32 lower-case hexadecimal digits."""
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)
