"""T7: clients that are slow on purpose are let go, and nobody else waits for them."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from app.transport.guard import Bounds
from tests.transport.http.running import Running, serving
from tests.transport.http.test_framing import POST, statuses

pytestmark = pytest.mark.once

BOUNDS = Bounds(head_seconds=1.5, body_seconds=1.5)
SLOW_CLIENTS = 300
PAUSE_SECONDS = 0.3
PATIENCE_SECONDS = 30
"""Only so that a test that would never end does end."""


@pytest.fixture
async def impatient(settings: Settings) -> AsyncIterator[Running]:
    """A server whose deadlines are shorter than a test."""
    async with serving(settings, bounds=BOUNDS) as running:
        yield running


async def drip(running: Running, start: bytes, drop: bytes) -> bytes:
    """Send the start, then a little now and then for ever; answers with what came back when the server had enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    answer = asyncio.create_task(reader.read())
    try:
        writer.write(start)
        while not answer.done():
            await asyncio.wait({answer}, timeout=PAUSE_SECONDS)
            writer.write(drop)
        return await answer
    finally:
        writer.close()


async def probe_until(running: Running, done: asyncio.Future[list[bytes]]) -> set[tuple[str, int]]:
    """What the probes answered while something else went on."""
    seen = set()
    while not done.done():
        for path in ("/livez", "/readyz"):
            seen.add((path, (await running.client.get(path)).status_code))
        await asyncio.sleep(0.1)
    return seen


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"X-A: b\r\n"),
        (b"", b"\r\n"),
        (b"G", b""),
        (POST + b"Content-Length: 1000\r\n\r\n", b" "),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["headers", "line feeds", "silence", "a body", "a body in chunks"],
)
async def test_300_slow_clients_are_all_let_go_while_probes_succeed(
    impatient: Running, start: bytes, drop: bytes
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        slow = asyncio.gather(*(drip(impatient, start, drop) for _ in range(SLOW_CLIENTS)))
        probes = await probe_until(impatient, slow)
        answers = await slow
    assert probes == {("/livez", 200), ("/readyz", 200)}
    assert {status for answer in answers for status in statuses(answer)} == {408}
    assert 'anchorage_http_malformed_total{reason="slow' in impatient.parts.metrics.exposition().decode()


async def test_a_line_feed_now_and_then_does_not_hold_a_connection_that_was_used(impatient: Running) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await drip(impatient, b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n")
    assert statuses(answer) == [200, 408]


async def test_a_slow_answer_is_no_slow_client(settings: Settings) -> None:
    async with serving(settings, bounds=Bounds(head_seconds=0.2, body_seconds=0.2)) as running:
        answer = await running.operate(operationName="Slow")
    assert answer.status_code == 200


async def test_a_chunked_body_that_never_ends_is_cut_at_the_limit(running: Running) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    sent = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while sent < 64 and not reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001  # what has come so far
            writer.write(chunk)
            await writer.drain()
            sent += 1
            await asyncio.sleep(0)
        answer = await reader.readuntil(b"}")
    writer.close()
    assert statuses(answer) == [413]
    assert [entry["action"] for entry in await running.entries("PAYLOAD_TOO_LARGE")] == ["request.refused"]


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 3 * 1024 * 1024])
async def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_read(running: Running, size: int) -> None:
    too_large = await running.client.post("/graphql", content=b" " * size)
    assert too_large.status_code == 413
    asked = json.dumps({"operationName": "A"}).encode()
    at_limit = await running.client.post("/graphql", content=asked + b" " * (1024 * 1024 - len(asked)))
    assert at_limit.status_code == 200
