"""`python -m scripts.benchmarks.bare PORT FILE`: answers every request with the file, on the program's own server."""

import sys
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send


def main(port: str, file: str) -> None:
    """Serve until told to stop."""
    answer = Path(file).read_bytes()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # noqa: S101  # lifespan is off
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    uvicorn.run(
        application,
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
