"""The endpoint `/graphql`: GraphQL over HTTP, as its specification and the audits of `graphql-http` have it.

Why this is ours and not Strawberry's view: docs/adr/0010-graphql-endpoint.md.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from math import ceil
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry import Schema

from app.clock import Clock, system_clock
from app.errors import Refusal
from app.settings import Introspection
from app.transport.graphql.errors import RequestError, bad_request, from_refusal
from app.transport.graphql.execution import Executor
from app.transport.graphql.explorer import explorer_page
from app.transport.graphql.gate import Budget, Caller, Gate
from app.transport.graphql.limits import Limits
from app.transport.graphql.negotiation import MediaType, is_json, negotiate
from app.transport.graphql.operations import Operations, Ready, Transport, internal_error
from app.transport.graphql.requests import GraphQLRequest, from_address, from_body, read_body
from app.transport.graphql.sse import KEEP_ALIVE_SECONDS, EventStream
from app.transport.graphql.websocket import SocketLimits, Sockets

PATH = "/graphql"
_METHODS = "GET, HEAD, POST"
_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept", "X-Content-Type-Options": "nosniff"}


class GraphQLEndpoint:
    """One schema at one address, over HTTP, server-sent events and WebSockets.

    `explorer` is the page that a browser gets; None when it is switched off. `public_url` is where browsers find the
    server, if a proxy changes the Host: pages of that origin may open WebSockets as well.
    """

    def __init__(
        self,
        schema: Schema,
        gate: Gate,
        limits: Limits,
        explorer: Path | None,
        *,
        introspection: Introspection = Introspection.SIGNED_IN,
        public_url: str | None = None,
        socket_limits: SocketLimits | None = None,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        executor: Executor | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._gate = gate
        self._limits = limits
        self._explorer = explorer
        self._clock = clock
        self._keep_alive_seconds = keep_alive_seconds
        self._operations = Operations(schema, gate, limits, introspection, executor)
        self._closing = asyncio.Event()
        self._sockets = Sockets(
            self._operations, socket_limits or SocketLimits(), public_url=public_url, closing=self._closing
        )

    def routes(self) -> list[BaseRoute]:
        """The endpoint's routes, for the application's table."""
        return [Route(PATH, self), WebSocketRoute(PATH, self._sockets)]

    def close(self) -> None:
        """End every stream, so that the server can shut down; clients come back and go on after their last cursor."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = Request(scope, receive, send)
        media = negotiate(request.headers.get("accept"), html=request.method in {"GET", "HEAD"})
        response: ASGIApp
        try:
            response = await self._respond(request, media)
        except RequestError as error:
            response = _error_response(error, media)
        await response(scope, receive, send)

    async def _respond(self, request: Request, media: MediaType | None) -> ASGIApp:
        if request.method not in {"GET", "HEAD", "POST"}:
            raise bad_request("The method is not GET or POST.", status=405, headers={"Allow": _METHODS})
        if media is None:
            kinds = ", ".join(kind.value for kind in MediaType if kind is not MediaType.HTML)
            raise bad_request(f"The answer can be one of {kinds}.", status=406)
        if media is MediaType.HTML:
            return explorer_page(self._explorer)
        if request.method == "POST" and not is_json(request.headers.get("content-type")):
            raise bad_request("The body must be application/json in UTF-8.", status=415)
        if request.headers.get("content-encoding", "identity") != "identity":
            raise bad_request("The body must not be compressed.", status=415)
        caller = await self._admit(request)
        try:
            return await self._operate(request, media, caller)
        except RequestError:
            raise
        except Exception as bug:  # noqa: BLE001  # the outermost border: a bug is masked here, and logged
            raise internal_error(bug, caller.origin.request_id) from None

    async def _admit(self, request: Request) -> Caller:
        try:
            return await self._gate.admit(request, authorization=request.headers.get("authorization"))
        except Refusal as refusal:
            raise from_refusal(refusal) from None

    async def _operate(self, request: Request, media: MediaType, caller: Caller) -> ASGIApp:
        try:
            graphql_request = await self._read(request)
        except RequestError as error:
            await self._operations.refuse(caller, error)
        if media is MediaType.EVENTS:
            return await self._stream(request, graphql_request, caller)
        transport = Transport.POST if request.method == "POST" else Transport.GET
        ready = await self._operations.ready(caller, graphql_request, transport)
        return _json_response(await self._operations.answer(ready), media, headers=self._rate_headers(ready.budget))

    async def _read(self, request: Request) -> GraphQLRequest:
        if request.method == "POST":
            return from_body(await read_body(request, self._limits.body_bytes))
        return from_address(request.query_params)

    async def _stream(self, request: Request, graphql_request: GraphQLRequest, caller: Caller) -> ASGIApp:
        transport = Transport.POST_EVENTS if request.method == "POST" else Transport.GET_EVENTS
        results: AsyncGenerator[dict[str, Any]]
        try:
            ready = await self._operations.ready(caller, graphql_request, transport)
            results = self._events(ready)
        except RequestError as error:
            if error.is_http:
                raise
            results = _only({"errors": error.errors})

        async def still_welcome() -> bool:
            try:
                await self._admit(request)
            except RequestError:
                return False
            return True

        return EventStream(
            results,
            still_welcome=still_welcome,
            closing=self._closing,
            keep_alive_seconds=self._keep_alive_seconds,
        )

    async def _events(self, ready: Ready) -> AsyncGenerator[dict[str, Any]]:
        """The results of an operation; what goes wrong once the stream has begun is its last event."""
        try:
            async with aclosing(self._operations.results(ready)) as results:
                async for result in results:
                    yield result
        except RequestError as error:
            yield {"errors": error.errors}
        except Exception as bug:  # noqa: BLE001  # the outermost border, as in `_respond`
            yield {"errors": internal_error(bug, ready.caller.origin.request_id).errors}

    def _rate_headers(self, budget: Budget) -> dict[str, str]:
        # draft-ietf-httpapi-ratelimit-headers: what is left, and the seconds until all of it is back.
        seconds = max(0, ceil((budget.reset_at - self._clock()).total_seconds()))
        return {
            "RateLimit-Policy": f'"cost";q={budget.limit};w=60',
            "RateLimit": f'"cost";r={budget.remaining};t={seconds}',
        }


async def _only(response: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
    yield response


def _json_response(body: dict[str, Any], media: MediaType, *, status: int = 200, headers: dict[str, str]) -> Response:
    return Response(
        orjson.dumps(body), status, media_type=f"{media.value}; charset=utf-8", headers={**_HEADERS, **headers}
    )


def _error_response(error: RequestError, media: MediaType | None) -> Response:
    """Errors without data.

    GraphQL over HTTP 6.4: under application/json a document that is refused is answered with 200, as it always was;
    only the newer media type tells it from an answer by the status.
    """
    if media is not MediaType.GRAPHQL:
        media = MediaType.JSON
    status = error.status if error.is_http or media is MediaType.GRAPHQL else 200
    return _json_response({"errors": error.errors}, media, status=status, headers=error.headers)
