"""A client of graphql-transport-ws that says exactly what a test wants."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.transport.endpoint.small_house import ServedHouse

SUBPROTOCOL = Subprotocol("graphql-transport-ws")


class Talk:
    """A client that says exactly what a test wants."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, message: object) -> None:
        """Send a message as JSON, or a text as it is."""
        await self.connection.send(message if isinstance(message, str) else json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.connection.recv(), 10))
        return message

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server closes, whatever it says before."""
        await asyncio.wait_for(self.connection.wait_closed(), 10)
        code, reason = self.connection.close_code, self.connection.close_reason
        assert code is not None
        assert reason is not None
        return code, reason

    async def subscribe(self, operation_id: str, query: str, **more: object) -> None:
        """Begin an operation."""
        await self.say({"type": "subscribe", "id": operation_id, "payload": {"query": query, **more}})


@asynccontextmanager
async def talk(house: ServedHouse, *, init: object = None, **headers: str) -> AsyncIterator[Talk]:
    """A connection; with `init` as its first payload, unless that is False."""
    async with connect(
        house.ws_url,
        subprotocols=[SUBPROTOCOL],
        additional_headers=headers,
        compression=None,
        proxy=None,
    ) as connection:
        talking = Talk(connection)
        if init is not False:
            await talking.say({"type": "connection_init", "payload": init})
            assert await talking.hear() == {"type": "connection_ack"}
        yield talking
