"""What is left of an entry's personal data: the disclosures that were not erased, held against their digests."""

from base64 import urlsafe_b64decode
from collections.abc import Collection, Iterable

import orjson

from app.audit.entry import digest


def disclosed(disclosures: Iterable[str], digests: Collection[str]) -> dict[str, str]:
    """Names and values of the disclosures whose digests the entry's body holds.

    `disclosures` are one subject's each, joined by tildes, as they are stored; `digests` is the body's `_sd`. What the
    body does not vouch for is left out: the disclosures lie beside the hashed bytes, not in them.
    """
    claims: dict[str, str] = {}
    for joined in disclosures:
        for disclosure in joined.split("~"):
            if digest(disclosure) in digests:
                _, name, value = orjson.loads(urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4)))
                claims[name] = value
    return claims
