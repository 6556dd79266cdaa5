"""Texts that people write: names, descriptions, reasons."""

import unicodedata
from collections.abc import Callable

from app.errors import InvalidInput, PrivateKeyPresent
from app.rules.pem import looks_like_private_key

NAME_LIMIT = 100
DESCRIPTION_LIMIT = 500
REASON_LIMIT = 500
IDEMPOTENCY_KEY_LIMIT = 100

# Control, format, surrogate, private-use and unassigned characters, and line and paragraph separators: what a reader
# cannot see, or what shows a text in another order than it is stored.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LAYOUT = frozenset("\n\r\t")


def require_name(text: str, *, field: str = "name") -> str:
    """A name as it is stored: normalised (NFC), without blanks around it.

    Raises InvalidInput unless 1 to 100 visible characters are left, PrivateKeyPresent where it looks like a key.
    """
    name = _require_text(text, field=field, limit=NAME_LIMIT, allowed=frozenset())
    if not name:
        raise InvalidInput(f"A {field} has 1 to {NAME_LIMIT} characters; this one is empty.", path=(field,))
    return name


def require_description(text: str | None) -> str | None:
    """A description as it is stored; None where nothing visible is left of it.

    Raises InvalidInput over 500 characters or with invisible ones, PrivateKeyPresent where it looks like a key.
    """
    if text is None:
        return None
    return _require_text(text, field="description", limit=DESCRIPTION_LIMIT, allowed=_LAYOUT) or None


def require_reason(text: str | None) -> str | None:
    """A reason as it is stored; the bounds of a description hold."""
    if text is None:
        return None
    return _require_text(text, field="reason", limit=REASON_LIMIT, allowed=_LAYOUT) or None


def require_idempotency_key(text: str) -> str:
    """An idempotency key, unchanged.

    Raises InvalidInput unless it is 1 to 100 visible characters without blanks around them.
    """
    key = _require_text(text, field="idempotencyKey", limit=IDEMPOTENCY_KEY_LIMIT, allowed=frozenset())
    if not key or key != text:
        raise InvalidInput(
            f"An idempotency key has 1 to {IDEMPOTENCY_KEY_LIMIT} characters and no blanks around them.",
            path=("idempotencyKey",),
        )
    return key


def quotable_name(text: str | None) -> str | None:
    """The name where a refusal may quote it in the log, else None: what was refused is not kept."""
    return _quotable(text, require_name)


def quotable_reason(text: str | None) -> str | None:
    """The reason where a refusal may quote it in the log, else None."""
    return _quotable(text, require_reason)


def _quotable(text: str | None, require: Callable[[str], str | None]) -> str | None:
    try:
        return None if text is None else require(text)
    except (InvalidInput, PrivateKeyPresent):
        return None


def _require_text(text: str, *, field: str, limit: int, allowed: frozenset[str]) -> str:
    if looks_like_private_key(text):
        raise PrivateKeyPresent(
            f"The {field} holds what looks like a private key. It was dropped; treat that key as compromised.",
            path=(field,),
        )
    if len(text) > limit * 4:
        raise InvalidInput(f"A {field} has at most {limit} characters; this one has {len(text)}.", path=(field,))
    # What Python calls printable holds none of them.
    for place, character in enumerate("" if text.isprintable() else text):
        if unicodedata.category(character) in _UNSEEN and character not in allowed:
            raise InvalidInput(
                f"Character {place + 1} of the {field} is U+{ord(character):04X}, which cannot be shown: leave it out.",
                path=(field,),
            )
    stored = unicodedata.normalize("NFC", text).strip()
    if len(stored) > limit:
        raise InvalidInput(f"A {field} has at most {limit} characters; this one has {len(stored)}.", path=(field,))
    return stored
