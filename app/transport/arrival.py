"""A request as it arrived: from where, under which id, and what became known of it on its way.

It stands in the request's scope, never in a ContextVar: one of those leaked from one pipelined request to the next.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.actor import Actor, Origin
from app.ids import new_id
from app.rules.pem import looks_like_private_key
from app.settings import Network
from app.transport.graphql.gate import Budget
from app.transport.long_runs import without_long_runs

KEY = "anchorage.arrival"
AGENT_LIMIT = 200
WITHHELD = "withheld"
"""Stands for an agent that holds what looks like a private key."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,127}")
# W3C Trace Context 3.2: version 00, and neither id all zeros.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(slots=True)
class Arrival:
    """One HTTP request, or one WebSocket from its handshake to its end."""

    request_id: str
    address: str | None
    agent: str | None
    traceparent: str | None
    actor: Actor | None = None
    operation: str | None = None
    budget: Budget | None = None

    @property
    def origin(self) -> Origin:
        """What an entry says of it."""
        return Origin(request_id=self.request_id, traceparent=self.traceparent, address=self.address, agent=self.agent)


def arrive(scope: Scope, trusted: Sequence[Network], now: datetime) -> Arrival:
    """Read what a request says of itself, note it in its scope, and answer it."""
    headers = Headers(scope=scope)
    asked = headers.get("x-request-id", "")
    trace = headers.get("traceparent", "")
    agent = headers.get("user-agent")
    arrival = Arrival(
        request_id=asked if _REQUEST_ID.fullmatch(asked) and not looks_like_private_key(asked) else new_id(now),
        address=_client(scope, headers, trusted),
        agent=None if agent is None else _agent(agent),
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else None,
    )
    scope[KEY] = arrival
    return arrival


def _agent(text: str) -> str:
    if looks_like_private_key(text):
        return WITHHELD
    return _UNPRINTABLE.sub("?", without_long_runs(text)[:AGENT_LIMIT])


def arrival_of(connection: HTTPConnection) -> Arrival:
    """The arrival of a request that came through the reception."""
    found = connection.scope[KEY]
    assert isinstance(found, Arrival)  # noqa: S101  # a scope is a dict of anything
    return found


def _client(scope: Scope, headers: Headers, trusted: Sequence[Network]) -> str | None:
    """The client's address: the peer's, or what the proxies that are trusted say, read from the nearest outwards."""
    peer = scope.get("client")
    address = None if peer is None else _address(peer[0])
    if address is None or not _among(address, trusted):
        return None if address is None else str(address)
    for hop in _hops(headers):
        told = _address(hop)
        if told is None:
            break
        address = told
        if not _among(told, trusted):
            break
    return str(address)


def _hops(headers: Headers) -> Iterator[str]:
    for line in reversed(headers.getlist("x-forwarded-for")):
        yield from (hop.strip() for hop in reversed(line.split(",")))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    bare = text.partition("%")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _among(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
