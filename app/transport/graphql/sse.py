"""Results as server-sent events: the "distinct connections" mode of the graphql-sse protocol.

Every operation is a request of its own. Its results are events named `next`, and `complete` ends it. A comment is sent
when nothing else was for a while, so that nothing between here and the client takes the stream for dead.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress

import orjson
from starlette.types import Receive, Scope, Send

from app.transport.graphql.operations import Response

KEEP_ALIVE_SECONDS = 12.0

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept"),
    # nginx would otherwise collect events into blocks.
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]
_COMPLETE = b"event: complete\ndata: \n\n"
_COMMENT = b":\n\n"


class EventStream:
    """An ASGI response that writes one event for each result, at the speed at which the client reads.

    `still_welcome` is asked with every comment; the stream ends when it answers False. `closing` ends all streams when
    the server shuts down: the client connects again, and goes on after the cursor that it saw last.
    """

    def __init__(
        self,
        results: AsyncGenerator[Response],
        *,
        still_welcome: Callable[[], Awaitable[bool]],
        closing: asyncio.Event,
        keep_alive_seconds: float,
    ) -> None:
        self._results = results
        self._still_welcome = still_welcome
        self._closing = closing
        self._keep_alive_seconds = keep_alive_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the results end, the client leaves, or the server closes."""
        del scope
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        tasks = {
            asyncio.create_task(self._write(send)),
            asyncio.create_task(_disconnected(receive)),
            asyncio.create_task(self._closing.wait()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        # A stream that ends without `complete` tells the client to come back.
        await send({"type": "http.response.body", "body": b""})

    async def _write(self, send: Send) -> None:
        # Some browsers hand the answer over only when its first bytes are there.
        await send({"type": "http.response.body", "body": _COMMENT, "more_body": True})
        async with aclosing(self._results) as results:
            waiting = asyncio.ensure_future(anext(results, None))
            try:
                while True:
                    await asyncio.wait({waiting}, timeout=self._keep_alive_seconds)
                    if not waiting.done():
                        if not await self._still_welcome():
                            return
                        await send({"type": "http.response.body", "body": _COMMENT, "more_body": True})
                        continue
                    response = waiting.result()
                    if response is None:
                        break
                    body = b"event: next\ndata: " + orjson.dumps(response) + b"\n\n"
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                    waiting = asyncio.ensure_future(anext(results, None))
            finally:
                waiting.cancel()
                with suppress(asyncio.CancelledError):
                    await waiting
        await send({"type": "http.response.body", "body": _COMPLETE, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
