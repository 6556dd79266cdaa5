"""Enrollment, first to claim: how a device's identity is written, how long a claim holds, what a line of a file says.

The vendor's grammar of an identity is `^A-[A-Za-z0-9:]{95}$`: it admits letters that are no hexadecimal digits, and
colons anywhere. What an identity stands for is the SHA-256 of a bootstrap certificate, so here it is `A-` and 32 pairs
of hexadecimal digits with colons between them, in either case. It is stored as the 32 bytes, and shown in capitals: two
spellings of one identity are one.
"""

import csv
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique

from app.errors import InvalidInput
from app.rules import display

FINGERPRINT_BYTES = 32
LINE_BYTES = 4096
"""The longest line of a file, its end not counted."""

_KEPT_BYTES = LINE_BYTES + 1
"""Enough of a line to see that it is too long."""
_LONGEST_QUOTED = 120
"""An identity has 97 characters."""
_LONGEST_RUN = 20
_RUN_SHOWN = 8

_IDENTITY = re.compile(r"A-(?P<digits>[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31})")
# In an identity no more than two digits stand together, and in Base64 every character does.
_LONG_RUN = re.compile(rf"[A-Za-z0-9+/=_-]{{{_LONGEST_RUN + 1},}}")


@unique
class LineCode(StrEnum):
    """Why a line of a file was refused. A code is never reused."""

    LINE_TOO_LONG = "LINE_TOO_LONG"
    NOT_UTF8 = "NOT_UTF8"
    NOT_CSV = "NOT_CSV"
    INVALID_IDENTITY = "INVALID_IDENTITY"
    ALREADY_CLAIMED = "ALREADY_CLAIMED"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Line:
    """What a line says: a fingerprint, or why it says none. `text` is its first value, safe to show and to store."""

    number: int
    text: str
    fingerprint: bytes | None = None
    code: LineCode | None = None


def parse_identity(text: str, *, field: str = "identity") -> bytes:
    """The SHA-256 that an identity stands for.

    Raises InvalidInput.
    """
    found = _IDENTITY.fullmatch(text)
    if found is None:
        raise InvalidInput(
            "An enrollment identity is `A-` and the SHA-256 of the device's bootstrap certificate, as 32 pairs of"
            " hexadecimal digits with colons between them.",
            path=(field,),
        )
    return _bytes_of(found)


def render_identity(fingerprint: bytes) -> str:
    """The one spelling in which an identity is shown."""
    return f"A-{fingerprint.hex(':').upper()}"


def expiry(claimed_at: datetime, days: int | None) -> datetime | None:
    """When a claim ends that no device used; None for never."""
    return None if days is None else claimed_at + timedelta(days=days)


def holds(*, expires_at: datetime | None, used_at: datetime | None, at: datetime) -> bool:
    """Whether a claim counts at an instant: a device has used it, or its time is not over.

    At the very instant of its expiry it counts no more, and anybody may claim the identity.
    """
    return used_at is not None or expires_at is None or at < expires_at


class LineReader:
    """Reads a file's lines as its bytes come. It holds one line at most, and of a line that is too long its beginning.

    A line ends with CR LF, as in RFC 4180, with LF, or with CR alone, as some spreadsheets still write it. The first
    line is the file's heading and is ignored, blank lines are passed over, and both are counted.
    """

    def __init__(self) -> None:
        self._number = 0
        self._rest = b""
        self._after_cr = False

    def feed(self, data: bytes) -> list[Line]:
        """Some more of the file; answers the lines that are whole now."""
        *whole, rest = self._with_one_ending(data).split(b"\n")
        if not whole:
            self._rest = (self._rest + rest)[:_KEPT_BYTES]
            return []
        whole[0] = self._rest + whole[0]
        self._rest = rest[:_KEPT_BYTES]
        return [line for raw in whole if (line := self._next(raw)) is not None]

    def end(self) -> list[Line]:
        """There is no more: the last line needs no end."""
        rest, self._rest = self._rest, b""
        line = self._next(rest) if rest else None
        return [] if line is None else [line]

    def _with_one_ending(self, data: bytes) -> bytes:
        """The bytes with LF at the end of every line, also where a CR and its LF come apart."""
        if not data:
            return data
        goes_on = self._after_cr and data.startswith(b"\n")
        self._after_cr = data.endswith(b"\r")
        return data[goes_on:].replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _next(self, raw: bytes) -> Line | None:
        self._number += 1
        return None if self._number == 1 or not raw.strip() else read_line(self._number, raw)


def read_line(number: int, raw: bytes) -> Line:
    """A line of a file, without its end: only its first value counts, quoted or not as RFC 4180 has it.

    A value does not go on after the end of its line: no identity holds one, and a quotation mark that is never closed
    would take the rest of the file with it.
    """
    if len(raw) > LINE_BYTES:
        return Line(number, _shown(raw), code=LineCode.LINE_TOO_LONG)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return Line(number, _shown(raw), code=LineCode.NOT_UTF8)
    value = _first_value(text)
    if value is None:
        return Line(number, _shown(raw), code=LineCode.NOT_CSV)
    found = _IDENTITY.fullmatch(value)
    if found is None:
        return Line(number, quotable(value), code=LineCode.INVALID_IDENTITY)
    fingerprint = _bytes_of(found)
    return Line(number, render_identity(fingerprint), fingerprint)


def quotable(value: str) -> str:
    """What a report repeats of a wrong value: short, and nothing that could be a key which somebody sent by mistake."""
    text = _LONG_RUN.sub(lambda found: f"{found[0][:_RUN_SHOWN]}…", value[: _LONGEST_QUOTED + _LONGEST_RUN])
    shown = display.escape(text[:_LONGEST_QUOTED])
    return shown if len(text) <= _LONGEST_QUOTED else f"{shown}…"


def _bytes_of(found: re.Match[str]) -> bytes:
    return bytes.fromhex(found["digits"].replace(":", ""))


def _first_value(text: str) -> str | None:
    """The first value of a line, without blanks around it; None where the line is no CSV."""
    if '"' not in text:
        return text.partition(",")[0].strip()
    try:
        (values,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        return None
    return values[0].strip() if values else None


def _shown(raw: bytes) -> str:
    return quotable(raw[: 4 * _LONGEST_QUOTED].decode("utf-8", "replace"))
