"""Whether bytes are canonical JSON (RFC 8785), decided at the speed of a parser wherever that can be done."""

from collections.abc import Iterable

import orjson
import rfc8785

from app.audit.states import Json

_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def canonical_object(text: bytes) -> Json | None:
    """The object that these bytes are the canonical spelling of; None if they are of none.

    orjson's compact and sorted output escapes texts as RFC 8785 3.2.2.2 asks, and differs from it in three things: how
    it writes floats, whole numbers past 2^53 - 1, and the order of names with characters past U+FFFF, which RFC 8785
    3.2.3 sorts by UTF-16 and orjson by UTF-8. Text that holds none of them is compared with that output; any other goes
    through a serialiser for every value, which takes twenty times as long.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict):
        return None
    canonical = _sorted(value) if _is_simple(text, value) else None
    if canonical is None:
        canonical = _in_full(value)
    return value if canonical == text else None


def _sorted(value: Json) -> bytes | None:
    try:
        return orjson.dumps(value, option=_SORTED)
    except orjson.JSONEncodeError:
        # A whole number past 2^53 - 1, or too many levels.
        return None


def _in_full(value: Json) -> bytes | None:
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError):
        # What nests so deeply was not written by this program, which could not.
        return None


def _is_simple(text: bytes, value: Json) -> bool:
    try:
        return not _has_float(value.values()) and (text.isascii() or _is_within_one_plane(text))
    except RecursionError:
        return False


def _has_float(values: Iterable[object]) -> bool:
    # Nearly every value is a text, so that is asked first, and by the type: this looks at all values of all entries.
    for value in values:
        if type(value) is str or value is None:
            continue
        if type(value) is dict:
            if _has_float(value.values()):
                return True
        elif type(value) is float or (type(value) is list and _has_float(value)):
            return True
    return False


def _is_within_one_plane(text: bytes) -> bool:
    """Whether no character is past U+FFFF: only these take two units of UTF-16.

    One that is written as an escape is none of canonical text, and differs from any output.
    """
    characters = text.decode()
    return len(characters.encode("utf-16-le")) == 2 * len(characters)
