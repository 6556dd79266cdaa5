"""The audit log as the API tells it: pages by cursor, tried again where the server or the network is at fault."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from aiohttp import ClientError
from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportError, TransportQueryError, TransportServerError

from app.audit.api_source import ApiEvent
from app.clock import to_text

PAGE = 100
TRIES = 6
FIRST_PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 30
PASSING = frozenset({"RATE_LIMITED", "STORE_UNAVAILABLE", "AUDIT_UNAVAILABLE", "OUTCOME_UNKNOWN"})
"""Codes of errors that go away by themselves."""
PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})

_EVENT = """
    id sequence occurredAt action outcome code
    actor { kind displayName }
    targetId targetName reason
    changes { field before after }
    requestId hash previousHash canonicalJson
"""
_PAGE = f"""
query AuditReport($start: DateTime, $end: DateTime, $first: Int!, $after: String) {{
  auditEvents(filterBy: {{occurred: {{start: $start, end: $end}}}}, direction: ASC, first: $first, after: $after) {{
    edges {{ cursor node {{ {_EVENT} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
_STANDING = """
query AuditReportStanding {
  viewer { account { id displayName } }
  auditEvents(direction: DESC, first: 1) { edges { node { sequence } } }
  auditCheckpoint { signedNote verifierKey }
}
"""


class Unanswered(Exception):
    """The API refused, or could not be reached after every try; the message says which. It never holds the key."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose log it is and how long; and its newest checkpoint with the key that signed it, None before the first."""

    account: str
    last: int
    note: str | None
    vkey: str | None


@dataclass(frozen=True, slots=True, repr=False)
class AuditApi:
    """One account's log, as one key may see it."""

    session: AsyncClientSession

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, key: str) -> AsyncIterator[Self]:
        """A session with the server at this address."""
        address = url.rstrip("/")
        transport = AIOHTTPTransport(
            url=address if address.endswith("/graphql") else f"{address}/graphql",
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_SECONDS,
        )
        async with Client(transport=transport, fetch_schema_from_transport=False) as session:
            yield cls(session)

    async def standing(self) -> "Standing":
        """The account as a reader knows it, where its log ends with this question, and the newest checkpoint."""
        answer = await self._ask(_STANDING, {}, "AuditReportStanding")
        account, signed = answer["viewer"]["account"], answer["auditCheckpoint"]
        edges = answer["auditEvents"]["edges"]
        return Standing(
            account=f"{account['displayName']} ({account['id']})",
            last=edges[0]["node"]["sequence"] if edges else 0,
            note=None if signed is None else signed["signedNote"],
            vkey=None if signed is None else signed["verifierKey"],
        )

    async def events(self, start: datetime | None, end: datetime | None, *, last: int) -> AsyncIterator[ApiEvent]:
        """The entries of a range, oldest first, up to number `last`: reading makes entries too, and has to end."""
        after: str | None = None
        while True:
            given = {
                "start": None if start is None else to_text(start),
                "end": None if end is None else to_text(end),
                "first": PAGE,
                "after": after,
            }
            events = (await self._ask(_PAGE, given, "AuditReport"))["auditEvents"]
            for edge in events["edges"]:
                if edge["node"]["sequence"] > last:
                    return
                yield ApiEvent.of(edge["node"])
            after = events["pageInfo"]["endCursor"]
            if not events["pageInfo"]["hasNextPage"]:
                return

    async def _ask(self, document: str, given: Mapping[str, Any], name: str) -> dict[str, Any]:
        pause = FIRST_PAUSE_SECONDS
        for left in reversed(range(TRIES)):
            request = GraphQLRequest(document, variable_values=dict(given), operation_name=name)
            try:
                answer = await self.session.execute(request)
            except (TransportError, ClientError, TimeoutError) as error:
                if not left or not _passes(error):
                    raise Unanswered(_words(error)) from error
            else:
                return dict(answer)
            await asyncio.sleep(pause)
            pause *= 2
        raise AssertionError("the last try answers or raises")


def _passes(error: Exception) -> bool:
    if isinstance(error, TransportQueryError):
        return bool(_codes(error) & PASSING)
    return error.code in PASSING_STATUS if isinstance(error, TransportServerError) else True


def _codes(error: TransportQueryError) -> set[str]:
    return {str((one.get("extensions") or {}).get("code")) for one in error.errors or []}


def _words(error: Exception) -> str:
    if isinstance(error, TransportQueryError):
        told = [f"{(one.get('extensions') or {}).get('code')}: {one.get('message')}" for one in error.errors or []]
        return f"The API refused. {' '.join(told)}"
    return f"The API cannot be reached: {type(error).__name__}: {error}"
