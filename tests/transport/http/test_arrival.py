"""What a request may say of itself, and what of that is believed."""

import re
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from starlette.types import Scope

from app.transport.arrival import AGENT_LIMIT, WITHHELD, Arrival, arrive
from tests.transport.http.running import Running

pytestmark = pytest.mark.once

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:f::/48"))


def arrived(*headers: tuple[str, str], peer: str | None = "192.0.2.1", trusted: bool = False) -> Arrival:
    """A request with these headers."""
    scope: Scope = {
        "type": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": None if peer is None else (peer, 50_000),
    }
    return arrive(scope, PROXIES if trusted else (), NOW)


@pytest.mark.parametrize("request_id", ["abcd1234", "01a20dfbde6e7e7c867f8f47feb54127", "a.b-c_d:1", "x" * 128])
def test_a_sane_request_id_is_kept(request_id: str) -> None:
    assert arrived(("x-request-id", request_id)).request_id == request_id


@pytest.mark.parametrize(
    "request_id", ["", "short", "x" * 129, "a b c d e f", "a\tb1234567", '"; DROP TABLE', "-abcdefgh"]
)
def test_any_other_request_id_is_replaced(request_id: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", arrived(("x-request-id", request_id)).request_id)


@pytest.mark.parametrize(
    "trace",
    [
        TRACE.upper(),
        TRACE + "-00",
        TRACE.replace("00-", "ff-", 1),
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
        "nonsense",
    ],
)
def test_only_a_valid_traceparent_is_kept(trace: str) -> None:
    assert arrived(("traceparent", TRACE)).traceparent == TRACE
    assert arrived(("traceparent", trace)).traceparent is None


def test_a_user_agent_is_shortened_and_printable() -> None:
    assert arrived(("user-agent", "curl/8.0\x1b[31m")).agent == "curl/8.0?[31m"
    assert arrived(("user-agent", "x y " * 10_000)).agent == "x y " * (AGENT_LIMIT // 4)
    assert arrived().agent is None


def test_what_could_be_a_key_or_a_line_of_one_is_not_kept() -> None:
    line = "q" * 64
    assert arrived(("user-agent", f"curl/8.0 {line} ({line[:63]})")).agent == f"curl/8.0 ... ({line[:63]})"
    assert arrived(("user-agent", "-----BEGIN PRIVATE KEY----- MC4CAQAw")).agent == WITHHELD
    assert arrived(("x-request-id", line)).request_id == line
    key = "MC4CAQAwBQYDK2VwBCIEI" + "A" * 43
    assert arrived(("x-request-id", key)).request_id != key


def test_nobody_is_believed_about_another_address_unless_named() -> None:
    forwarded = ("x-forwarded-for", "203.0.113.9")
    assert arrived(forwarded, peer="10.0.0.1").address == "10.0.0.1"
    assert arrived(forwarded, peer="192.0.2.1", trusted=True).address == "192.0.2.1"
    assert arrived(forwarded, peer="10.0.0.1", trusted=True).address == "203.0.113.9"
    assert arrived(forwarded, peer=None, trusted=True).address is None


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("198.51.100.66, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("203.0.113.9, nonsense", "10.0.0.1"),
        ("nonsense, 10.0.0.2", "10.0.0.2"),
        ("", "10.0.0.1"),
    ],
)
def test_the_nearest_address_that_is_no_proxy_counts(forwarded: str, address: str) -> None:
    assert arrived(("x-forwarded-for", forwarded), peer="10.0.0.1", trusted=True).address == address


def test_the_lines_of_a_repeated_header_are_read_from_the_last() -> None:
    lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "10.0.0.2")]
    assert arrived(*lines, peer="10.0.0.1", trusted=True).address == "203.0.113.9"


async def test_an_answer_and_an_entry_carry_the_request_s_id_and_origin(running: Running) -> None:
    headers = {"x-request-id": "my-request-1", "traceparent": TRACE, "authorization": "Bearer wrong"}
    answer = await running.client.post("/graphql", json={}, headers=headers)
    assert answer.headers["x-request-id"] == "my-request-1"
    (entry,) = await running.entries("UNAUTHENTICATED")
    assert entry["request"] == {"id": "my-request-1", "operation": None, "path": None, "traceparent": TRACE}
    assert "127.0.0.1" not in str(entry)
