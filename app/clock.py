"""The time, as an argument: rules and commands are given an instant and never ask for one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import orjson

Clock = Callable[[], datetime]
"""Answers the present instant, aware and in UTC."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def system_clock() -> datetime:
    """The machine's clock, in UTC, to the microsecond."""
    return datetime.now(UTC)


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970 in UTC: how every instant is stored, the same on both engines.

    Exact for every year that a certificate can name, 9999 included, because it subtracts and never adds.
    """
    return (instant - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The instant that `to_micros` stored.

    Raises OverflowError past the year 9999.
    """
    return EPOCH + timedelta(microseconds=micros)


def to_text(instant: datetime) -> str:
    """RFC 3339 in UTC with six decimals and a `Z`: the only spelling of time in the audit log."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    # A third of isoformat's time, and every entry holds several instants. It leaves out the decimals of a full second.
    text = orjson.dumps(utc, option=orjson.OPT_UTC_Z)[1:-1].decode("ascii")
    return text if text[-8] == "." else f"{text[:-1]}.000000Z"


def from_text(text: str) -> datetime:
    """The instant that `to_text` wrote.

    Raises ValueError for any other spelling.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
