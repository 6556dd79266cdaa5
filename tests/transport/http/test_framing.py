"""T7: a request that two parsers could read differently is refused, and never answered with success."""

import asyncio
import re

import pytest

from app.settings import Settings
from app.transport.guard import Bounds
from tests.transport.http.running import Running, serving

pytestmark = pytest.mark.once

GOOD = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
BODY = b'{"operationName":"A"}'
POST = b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /livez HTTP/1.1\r\nHost: smuggled\r\n\r\n"

MALFORMED = {
    "both lengths": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
    "both lengths, the other order": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX",
    "two lengths": POST + b"Content-Length: 21\r\nContent-Length: 22\r\n\r\n" + BODY,
    "two equal lengths": POST + b"Content-Length: 21\r\nContent-Length: 21\r\n\r\n" + BODY,
    "a list of lengths": POST + b"Content-Length: 21, 21\r\n\r\n" + BODY,
    "a signed length": POST + b"Content-Length: +21\r\n\r\n" + BODY,
    "a hexadecimal length": POST + b"Content-Length: 0x15\r\n\r\n" + BODY,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /graphql HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded header": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n folded\r\n\r\n",
    "a folded length": POST + b"Content-Length:\r\n 21\r\n\r\n" + BODY,
    "bare line feeds": b"GET /livez HTTP/1.1\nHost: a\n\n",
    "a bare line feed in the headers": b"GET /livez HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n",
    "a bare carriage return": b"GET /livez HTTP/1.1\r\nHost: a\rX-A: b\r\n\r\n",
    "a space before the colon": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n",
    "a length with a space before the colon": POST + b"Content-Length : 21\r\n\r\n" + BODY,
    "a NUL in a value": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n",
    "a NUL in a name": b"GET /livez HTTP/1.1\r\nHost: a\r\nX\x00A: b\r\n\r\n",
    "an empty name": b"GET /livez HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "no Host": b"GET /livez HTTP/1.1\r\nX-A: b\r\n\r\n",
    "two Hosts": b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two equal Hosts": b"GET /livez HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
    "two Authorizations": POST + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "a bad chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nAAAA\r\n0\r\n\r\n",
    "an endless chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
    "a version of another century": b"GET /livez HTTP/9.9\r\nHost: a\r\n\r\n",
    "no version": b"GET /livez\r\n\r\n",
    "an unknown method": b"FETCH /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target of no form": b"GET livez HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes in the target": b"GET /liv\xc3\xa9z HTTP/1.1\r\nHost: a\r\n\r\n",
    "the greeting of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


def statuses(answer: bytes) -> list[int]:
    """The status of each answer in what came back."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
async def test_an_ambiguous_request_gets_a_400_and_the_connection_is_closed(
    running: Running, request_bytes: bytes
) -> None:
    # What follows must never be taken for a request of its own.
    answer = await running.raw(request_bytes + SMUGGLED)
    assert statuses(answer) == [400]
    assert b"connection: close" in answer
    assert b"x-content-type-options: nosniff" in answer
    assert statuses(await running.raw(GOOD)) == [200]


async def test_what_follows_a_chunked_body_is_bounded_as_headers_are(running: Running) -> None:
    """They are headers as well, and small ones could be many."""
    trailers = b"".join(b"X-%d: a\r\n" % number for number in range(Bounds().header_count))
    answer = await running.raw(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + trailers + b"\r\n" + SMUGGLED)
    assert statuses(answer) == [431]


async def test_what_is_refused_unread_is_counted(running: Running) -> None:
    await running.raw(MALFORMED["two Hosts"])
    await running.raw(MALFORMED["two Authorizations"])
    await running.raw(MALFORMED["both lengths"])
    metrics = running.parts.metrics.exposition().decode()
    for reason in ("host", "authorization", "framing"):
        assert f'anchorage_http_malformed_total{{reason="{reason}"}} 1.0' in metrics


async def test_a_malformed_request_after_a_good_one_does_not_spoil_the_first(running: Running) -> None:
    answer = await running.raw(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" + MALFORMED["two Hosts"])
    assert statuses(answer) == [200]


async def test_pipelined_requests_are_answered_in_their_order(running: Running) -> None:
    slow = b'{"operationName":"Slow"}'
    request = POST + b"Content-Length: %d\r\n\r\n" % len(slow) + slow + b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n" + GOOD
    assert statuses(await running.raw(request)) == [200, 404, 200]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * (Bounds().head_bytes + 1) + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\n"
        + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 900) for n in range(80))
        + b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nX-" + b"a" * 300_000,
    ],
    ids=["one long value", "many headers", "many long headers", "a key of a megabyte", "a name without an end"],
)
async def test_headers_are_bounded(running: Running, request_bytes: bytes) -> None:
    assert statuses(await running.raw(request_bytes)) == [431]


async def test_a_target_is_bounded(running: Running) -> None:
    request = b"GET /" + b"a" * (Bounds().head_bytes + 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    assert statuses(await running.raw(request)) in ([414], [431])


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_an_ordinary_request_is_answered(running: Running, version: bytes) -> None:
    answer = await running.raw(b"GET /livez HTTP/%s\r\nHost: a\r\nConnection: close\r\n\r\n" % version)
    assert statuses(answer) == [200]
    assert b"\r\nserver:" not in answer.lower()


@pytest.mark.parametrize("expectation", [b"100-continue", b"100-Continue"])
async def test_who_waits_for_leave_to_send_a_body_gets_it(running: Running, expectation: bytes) -> None:
    """RFC 9110 10.1.1: curl waits a second for it, and others for ever."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        async with asyncio.timeout(20):
            writer.write(POST + b"Content-Length: %d\r\nExpect: %b\r\n\r\n" % (len(BODY), expectation))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(BODY)
            assert statuses(await reader.readuntil(b"\r\n\r\n")) == [200]
    finally:
        writer.close()


async def test_an_offer_of_http_2_is_ignored(running: Running) -> None:
    # Java's client sends this with its first request to any http address.
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    body = b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    assert statuses(await running.raw(POST + offer + body)) == [200]
    assert statuses(await running.raw(b"GET /livez HTTP/1.1\r\nHost: a\r\n" + offer + b"\r\n")) == [200]


async def test_the_idlest_connection_makes_room_for_a_new_one(settings: Settings) -> None:
    async with serving(settings, bounds=Bounds(connections=20)) as running:
        held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(40)]
        try:
            assert statuses(await running.raw(GOOD)) == [200]
            assert await asyncio.wait_for(held[0][0].read(), 10) == b""
        finally:
            for _, writer in held:
                writer.close()
