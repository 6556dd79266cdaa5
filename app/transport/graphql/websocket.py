"""Queries and subscriptions over a WebSocket, with the sub-protocol graphql-transport-ws.

A client that reads slowly slows its own operations down and nothing else: an operation asks for its next result when
the last one was taken by the connection, so no more than one result of each waits in memory. Mutations are refused
(`operations.py` says why). The caller is looked up for every operation, and again now and then while one runs: a key
that was revoked ends its sockets.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.errors import Refusal
from app.transport.graphql.errors import Code, RequestError, formatted
from app.transport.graphql.gate import Caller
from app.transport.graphql.operations import Operations, Transport, internal_error
from app.transport.graphql.requests import GraphQLRequest
from app.transport.graphql.websocket_messages import (
    ACK,
    PONG,
    SUBPROTOCOL,
    CloseCode,
    Closing,
    Complete,
    ConnectionInit,
    Ping,
    Subscribe,
    complete_message,
    error_message,
    next_message,
    read,
)


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """How many there may be, how large, and for how long."""

    sockets: int = 1_000
    """Of this process; a quarter of them may belong to callers who have not shown a key."""
    operations: int = 50
    """Of one socket, at a time."""
    frame_characters: int = 64 * 1024
    """The server is told the same of bytes, and closes with 1009 before the frame is read."""
    init_seconds: float = 10.0
    look_again_seconds: float = 30.0


class Sockets:
    """The endpoint's WebSockets: lets them in, counts them, and closes them when the server does."""

    def __init__(
        self, operations: Operations, limits: SocketLimits, *, public_url: str | None, closing: asyncio.Event
    ) -> None:
        self.operations = operations
        self.limits = limits
        self.closing = closing
        self._public_origin = _origin(public_url) if public_url else None
        self._open = 0
        self._strange = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, from its handshake to its end."""
        websocket = WebSocket(scope, receive, send)
        await websocket.receive()
        if not self._is_our_page(websocket):
            # Before it is accepted, a close is answered as 403: another site's page may not use a person's session.
            await websocket.close()
            return
        if self._open >= self.limits.sockets or self._strange >= self.limits.sockets // 4:
            await _turn_away(websocket)
            return
        self._open += 1
        self._strange += 1
        conversation = _Conversation(self, websocket)
        try:
            await conversation.run()
        finally:
            self._open -= 1
            self._strange -= conversation.is_strange

    def introduced(self) -> None:
        """A socket's caller has shown a key."""
        self._strange -= 1

    def _is_our_page(self, websocket: WebSocket) -> bool:
        origins = websocket.headers.getlist("origin")
        if not origins:
            return True  # No browser.
        origin = _origin(origins[0])
        host = websocket.headers.get("host", "").lower()
        return len(origins) == 1 and origin is not None and (origin[1] == host or origin == self._public_origin)


async def _turn_away(websocket: WebSocket) -> None:
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        response = PlainTextResponse("Too many connections.\n", 503, headers={"Retry-After": "10"})
        await websocket.send_denial_response(response)
    else:
        await websocket.close()


def _origin(url: str) -> tuple[str, str] | None:
    """Scheme and host of a web origin (RFC 6454); None for an opaque one, and for what is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc.lower()) if parts.scheme in {"http", "https"} and parts.netloc else None


_SIDES = 3
"""The tasks of a socket that are not operations."""


class _Conversation:
    """One socket."""

    def __init__(self, sockets: Sockets, websocket: WebSocket) -> None:
        self._sockets = sockets
        self._limits = sockets.limits
        self._operations = sockets.operations
        self._websocket = websocket
        self._authorization: str | None = websocket.headers.get("authorization")
        self._initialised = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_strange = True

    async def run(self) -> None:
        """Talk until one side has had enough."""
        if SUBPROTOCOL not in self._websocket.scope["subprotocols"]:
            await self._websocket.accept()
            await self._websocket.close(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
            return
        await self._websocket.accept(SUBPROTOCOL)
        for side in (self._listen(), self._watch(), self._close_with_the_server()):
            self._start(side)
        try:
            await self._ended
        except WebSocketDisconnect:
            await self._stop()
        except Closing as closing:
            await self._stop()
            await self._close(closing)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _close(self, closing: Closing) -> None:
        try:
            await self._websocket.close(closing.code, closing.reason)
        except (WebSocketDisconnect, RuntimeError):
            return  # The client, or the server itself, was quicker.

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._ended.done():
            self._ended.set_exception(error)

    async def _listen(self) -> None:
        while True:
            match read(await self._frame()):
                case ConnectionInit(authorization):
                    await self._initialise(authorization)
                case Subscribe(operation_id, request):
                    await self._subscribe(operation_id, request)
                case Complete(operation_id):
                    task = self._running.pop(operation_id, None)
                    if task is not None:
                        task.cancel()
                case Ping():
                    await self._websocket.send_text(PONG)
                case _:
                    pass  # A pong that nobody asked for keeps the connection alive.

    async def _frame(self) -> str:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None:
            raise Closing(CloseCode.BAD_REQUEST, "The message is not text.")
        if len(text) > self._limits.frame_characters:
            raise Closing(CloseCode.MESSAGE_TOO_BIG, f"A message may have {self._limits.frame_characters} bytes.")
        return str(text)

    async def _initialise(self, authorization: str | None) -> None:
        if self._initialised.is_set():
            raise Closing(CloseCode.TOO_MANY_INITIALISATION_REQUESTS, "Too many initialisation requests")
        if authorization is not None:
            self._authorization = authorization
        caller = await self._admit()
        if not caller.is_anonymous:
            self.is_strange = False
            self._sockets.introduced()
        self._initialised.set()
        await self._websocket.send_text(ACK)

    async def _admit(self) -> Caller:
        try:
            return await self._operations.gate.admit(self._websocket, authorization=self._authorization)
        except Refusal as refusal:
            raise Closing(CloseCode.FORBIDDEN, refusal.message[:100]) from None

    async def _watch(self) -> None:
        """Close a socket that is not initialised in time, or whose caller is no longer welcome."""
        try:
            async with asyncio.timeout(self._limits.init_seconds):
                await self._initialised.wait()
        except TimeoutError:
            raise Closing(CloseCode.CONNECTION_INITIALISATION_TIMEOUT, "Connection initialisation timeout") from None
        while True:
            await asyncio.sleep(self._limits.look_again_seconds)
            await self._admit()

    async def _close_with_the_server(self) -> None:
        await self._sockets.closing.wait()
        raise Closing(CloseCode.SERVICE_RESTART, "Service restart")

    async def _subscribe(self, operation_id: str, request: GraphQLRequest) -> None:
        if not self._initialised.is_set():
            raise Closing(CloseCode.UNAUTHORIZED, "Unauthorized")
        if operation_id in self._running:
            raise Closing(CloseCode.SUBSCRIBER_ALREADY_EXISTS, f"Subscriber for {operation_id[:64]} already exists")
        # Those that are being cancelled count. The answer is sent from here, so that no more is read until it is.
        if len(self._tasks) - _SIDES >= self._limits.operations:
            sentence = f"A socket may have {self._limits.operations} operations at a time."
            error = formatted(sentence, Code.BAD_REQUEST, reason="TOO_MANY_OPERATIONS", limit=self._limits.operations)
            await self._websocket.send_text(error_message(operation_id, [error]))
            return
        self._running[operation_id] = self._start(self._operate(operation_id, request))

    async def _operate(self, operation_id: str, request: GraphQLRequest) -> None:
        try:
            await self._send_results(operation_id, request)
        except RequestError as error:
            last = error_message(operation_id, error.errors)
        else:
            last = complete_message(operation_id)
        # The client may use the id again as soon as it has read this: nothing is awaited between the two.
        await self._websocket.send_text(last)
        self._running.pop(operation_id, None)

    async def _send_results(self, operation_id: str, request: GraphQLRequest) -> None:
        caller = await self._admit()
        try:
            ready = await self._operations.ready(caller, request, Transport.WEB_SOCKET)
            async with aclosing(self._operations.results(ready)) as results:
                async for result in results:
                    await self._websocket.send_text(next_message(operation_id, result))
        except (RequestError, WebSocketDisconnect):
            raise
        except Exception as bug:  # noqa: BLE001  # the outermost border: a bug is masked here, and logged
            raise internal_error(bug, caller.origin.request_id) from None
