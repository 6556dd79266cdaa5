"""What Anchorage answers who asks for a bundle, and what else may come from its address: only the former is used."""

import re
from dataclasses import dataclass, field

from app.http_client import Answer
from app.rules.bundle_formats import Format
from app.rules.bundle_reading import NotABundle, require_bundle

_NUMBER = re.compile(r"[0-9]{1,18}")
_TAG = re.compile(r"[!-~]{1,200}")


class Unusable(Exception):
    """Nothing newer is to be had from the answer; the message says why."""


@dataclass(frozen=True, slots=True)
class Offered:
    """The newest bundle as far as the server knows. `content` is empty where it is the one that the question named.

    `stale_seconds` says for how long the server could not read its database; 0 while it can.
    """

    tag: str
    version: int
    sequence: int
    stale_seconds: int
    content: bytes = field(repr=False)


def offered(answer: Answer, form: Format, *, named: str | None) -> Offered:
    """An answer, understood. `named` is the tag of the bundle that the question named, if it did. Raises Unusable."""
    is_same = answer.status == 304 and named is not None
    if answer.status != 200 and not is_same:
        reason = answer.headers.get("x-trust-reason", "no reason is given")
        raise Unusable(f"Anchorage answers {answer.status}: {reason}.")
    tag = named if is_same and named is not None else _header(answer, "ETag", _TAG)
    version, sequence = (int(_header(answer, name, _NUMBER)) for name in ("X-Trust-Version", "X-Trust-Sequence"))
    stale = int(_header(answer, "X-Trust-Stale-Seconds", _NUMBER, absent="0"))
    if is_same:
        return Offered(tag, version, sequence, stale, b"")
    try:
        require_bundle(answer.body, form)
    except NotABundle as wrong:
        raise Unusable(f"What was answered is no bundle: {wrong}") from None
    return Offered(tag, version, sequence, stale, answer.body)


def _header(answer: Answer, name: str, form: re.Pattern[str], absent: str = "") -> str:
    text = answer.headers.get(name.lower(), absent)
    if form.fullmatch(text) is None:
        raise Unusable(f"What was answered is not Anchorage's: its {name} is {text[:40]!r}.")
    return text
