"""Names from certificates as text that is safe to show, as they are chosen by strangers; and instants in sentences."""

import unicodedata
from datetime import UTC, datetime

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MESSAGE_LENGTH = 200


def escape(text: str) -> str:
    r"""Show what does not show itself as `\u{…}`: controls, direction marks, line separators, unassigned characters.

    A terminal escape, a NUL or a right-to-left override in a name then reaches neither a screen, nor a log, nor
    the database as itself.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape_character(character) for character in text)


def _escape_character(character: str) -> str:
    if unicodedata.category(character) in _HIDDEN:
        return f"\\u{{{ord(character):04X}}}"
    return character


def quote(text: str) -> str:
    """Show a name inside a sentence: escaped already, cut to 200 characters."""
    if len(text) > _MESSAGE_LENGTH:
        return f'"{text[:_MESSAGE_LENGTH]}…"'
    return f'"{text}"'


def moment(instant: datetime) -> str:
    """Show an instant inside a sentence, in UTC and to the second: a validity begins and ends within a day."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
