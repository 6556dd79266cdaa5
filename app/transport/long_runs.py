"""What a request says of itself is kept, in entries and log lines, without what could be a key in the wrong place."""

import re

# A line of PEM has 64 characters (RFC 7468 2), and the shortest private key in Base64 (Ed25519, PKCS #8) as many. `%`:
# an address holds some of them as their numbers.
_LONG_RUN = re.compile(r"(?:[A-Za-z0-9+/=_-]|%[0-9A-Fa-f]{2}){64,}")
_ELIDED = "..."


def without_long_runs(text: str) -> str:
    """The text, with dots for every run of 64 or more characters of Base64."""
    return _LONG_RUN.sub(_ELIDED, text)
