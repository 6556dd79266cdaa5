"""Identifiers: 32 hexadecimal digits that sort by the time of their making (RFC 9562 5.7, version 7)."""

import os
from datetime import datetime

from app.clock import to_micros

_RANDOM_BITS = 62
_VARIANT = 0b10 << _RANDOM_BITS
_LOW = (1 << _RANDOM_BITS) - 1


def new_id(at: datetime) -> str:
    """A UUIDv7 as 32 lower-case hexadecimal digits without hyphens.

    The first 12 digits are the milliseconds of `at`; 74 random bits keep ids of one millisecond apart.
    """
    milliseconds = to_micros(at) // 1000
    # One question to the system for all of it.
    random = int.from_bytes(os.urandom(10))
    high = (milliseconds << 16) | 0x7000 | (random >> _RANDOM_BITS & 0xFFF)
    return f"{(high << 64) | _VARIANT | (random & _LOW):032x}"


def is_id(text: str) -> bool:
    """Whether the text is 32 lower-case hexadecimal digits."""
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)
