"""Who calls: from the Authorization header, or the field of that name in a WebSocket's first message, to an actor."""

import re
from datetime import datetime

from app.actor import ANONYMOUS, Actor
from app.errors import Unauthenticated
from app.services import keys
from app.store.connection import Connection

# RFC 9110 11.1: the scheme's case does not matter; RFC 6750 2.1: what a token may consist of.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
PRESENTED_LIMIT = 500


def bearer(authorization: str) -> str:
    """The token that the header carries.

    Raises Unauthenticated for another scheme, no token, or more than one.
    """
    match = _BEARER.fullmatch(authorization.strip(" ")) if len(authorization) <= PRESENTED_LIMIT else None
    if match is None:
        raise Unauthenticated("Send the API key as `Authorization: Bearer ak_…`, or no such header.")
    return match[1]


async def sign_in(connection: Connection, authorization: str | None, at: datetime) -> Actor:
    """The actor behind a header: a stranger where there is none.

    Raises Unauthenticated for a header that is not a valid key: a caller who means to be somebody is never nobody.
    """
    if authorization is None:
        return ANONYMOUS
    return await keys.authenticate(connection, bearer(authorization), at)
