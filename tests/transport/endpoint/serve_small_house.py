"""Serve the small house on a free port of this machine, for other people's clients: its first line names the port."""

import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from app.settings import Introspection
from app.transport.graphql.limits import Limits
from app.transport.graphql.view import GraphQLEndpoint
from tests.transport.endpoint.small_house import SmallGate
from tests.transport.endpoint.small_schema import SCHEMA


def main() -> None:
    """Serve until the process is told to end."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    endpoint = GraphQLEndpoint(SCHEMA, SmallGate(), Limits(), Path("explorer.html"), introspection=Introspection.ON)
    config = uvicorn.Config(
        Starlette(routes=endpoint.routes()), log_level="warning", ws_max_size=65536, timeout_graceful_shutdown=5
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
