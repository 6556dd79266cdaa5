"""A stand-in for the GraphQL endpoint that asks the gate as the real one does, and answers with what it learnt."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from app.errors import RateLimited, Refusal, Unauthenticated
from app.settings import Settings
from app.store.connection import Transaction
from app.transport.graphql.context import Context
from app.transport.graphql.gate import Gate

STATUS = {Unauthenticated.code: 401, RateLimited.code: 429}


class StubApi:
    """`POST /graphql` with `{"operationName": …, "cost": …}`; the operation's name says what happens."""

    def __init__(self, settings: Settings, gate: Gate, explorer: Path | None) -> None:
        self._gate = gate
        self._limit = settings.max_body_bytes
        self._explorer = explorer
        self._closing = asyncio.Event()

    def routes(self) -> list[BaseRoute]:
        """The endpoint, over HTTP and over a WebSocket."""
        return [
            Route("/graphql", self.post, methods=["POST"]),
            Route("/graphql", self.events, methods=["GET"]),
            WebSocketRoute("/graphql", self.socket),
        ]

    def close(self) -> None:
        """End the streams."""
        self._closing.set()

    async def post(self, request: Request) -> Response:
        """One operation."""
        try:
            caller = await self._gate.admit(request, authorization=request.headers.get("authorization"))
        except Refusal as refusal:
            return JSONResponse({"code": refusal.code}, STATUS[refusal.code])
        body = await self._body(request)
        if body is None:
            await self._gate.refuse("PAYLOAD_TOO_LARGE", caller)
            return JSONResponse({"code": "PAYLOAD_TOO_LARGE"}, 413)
        asked = json.loads(body or b"{}")
        try:
            self._gate.spend(caller, asked.get("cost", 1))
        except RateLimited as refusal:
            await self._gate.refuse(refusal.code, caller)
            return JSONResponse({"code": refusal.code}, 429, headers={"retry-after": str(refusal.retry_after_seconds)})
        context = self._gate.open(caller, asked.get("operationName"))
        assert isinstance(context, Context)
        await self._act(asked.get("operationName"), context)
        return JSONResponse(
            {
                "actor": context.actor.type.value,
                "id": context.actor.id,
                "address": context.origin.address,
                "request": context.origin.request_id,
                "trace": context.origin.traceparent,
            }
        )

    async def events(self, request: Request) -> Response:
        """A stream that ends when the server stops."""
        await self._gate.admit(request, authorization=request.headers.get("authorization"))

        async def stream() -> AsyncIterator[bytes]:
            yield b":\n\n"
            await self._closing.wait()
            yield b"event: complete\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def socket(self, socket: WebSocket) -> None:
        """Says who connected, then echoes."""
        await socket.accept()
        first = await socket.receive_json()
        try:
            caller = await self._gate.admit(socket, authorization=first.get("authorization"))
        except Refusal as refusal:
            await socket.close(4403, refusal.code)
            return
        await socket.send_json({"id": caller.actor.id, "request": caller.origin.request_id})
        async for text in socket.iter_text():
            await socket.send_text(text)

    async def _body(self, request: Request) -> bytes | None:
        """The body; None as soon as it is too large, without the rest of it."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._limit:
                return None
        return bytes(body)

    async def _act(self, operation: str | None, context: Context) -> None:
        match operation:
            case "Slow":
                await asyncio.sleep(1.0)
            case "Bug":
                secret = "a variable with ak_canary"
                raise ValueError(secret)
            case "Wedge":
                await context.services.database.write("wedged", _for_ever)


async def _for_ever(transaction: Transaction) -> None:
    del transaction
    await asyncio.Event().wait()
