"""Identifiers: 32 hexadecimal digits that sort by the time of their making (RFC 9562 5.7, version 7)."""

import os
from datetime import datetime, timedelta
from functools import lru_cache

from app.clock import EPOCH

_MILLISECOND = timedelta(milliseconds=1)
_AT_A_TIME = 64
_RANDOM_BYTES = 10

_tails: list[str] = []
"""Ends that no id has yet. To ask the system for each by itself takes longer than the rest of an id's making."""
# Two processes must not use the same ones.
os.register_at_fork(after_in_child=_tails.clear)


def new_id(at: datetime) -> str:
    """A UUIDv7 as 32 lower-case hexadecimal digits without hyphens.

    The first 12 digits are the milliseconds of `at`; 74 random bits keep ids of one millisecond apart.
    """
    try:
        tail = _tails.pop()
    except IndexError:
        tail, *more = _fresh_tails()
        _tails.extend(more)
    return f"{_head((at - EPOCH) // _MILLISECOND)}{tail}"


@lru_cache(maxsize=1)
def _head(milliseconds: int) -> str:
    """The first 12 digits, which the ids of one moment share."""
    return f"{milliseconds:012x}"


def _fresh_tails() -> list[str]:
    """The last 20 digits of ids: a 7 and three random ones, then the variant's two bits and 62 random ones."""
    random = os.urandom(_RANDOM_BYTES * _AT_A_TIME).hex()
    digits = _RANDOM_BYTES * 2
    drawn = [random[at : at + digits] for at in range(0, len(random), digits)]
    return [f"7{each[1:4]}{8 | int(each[4], 16) & 3:x}{each[5:]}" for each in drawn]


def is_id(text: str) -> bool:
    """Whether the text is 32 lower-case hexadecimal digits."""
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)
