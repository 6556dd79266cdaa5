"""What the scalars write and accept, and that nothing they refuse comes back in a message."""

from datetime import UTC, datetime

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from app.transport.graphql import scalars

pytestmark = pytest.mark.once

INSTANTS = [
    ("2026-11-23T22:48:00Z", datetime(2026, 11, 23, 22, 48, tzinfo=UTC)),
    ("2026-11-23t22:48:00z", datetime(2026, 11, 23, 22, 48, tzinfo=UTC)),
    ("2026-11-23T22:48:00.5Z", datetime(2026, 11, 23, 22, 48, 0, 500_000, tzinfo=UTC)),
    ("2026-11-23T22:48:00.123456789Z", datetime(2026, 11, 23, 22, 48, 0, 123_456, tzinfo=UTC)),
    ("2026-11-24T00:18:00+01:30", datetime(2026, 11, 23, 22, 48, tzinfo=UTC)),
    ("2026-11-23T22:48:00+00:00", datetime(2026, 11, 23, 22, 48, tzinfo=UTC)),
    ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ("9999-12-31T23:59:59.999Z", datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
]
NO_INSTANTS = [
    "",
    "2026-11-23",
    "2026-11-23T22:48:00",
    "2026-11-23 22:48:00Z",
    "2026-11-23T22:48Z",
    "2026-11-23T22:48:00-00:00",
    "2026-11-23T22:48:00.Z",
    "2026-11-23T22:48:00.1234567890Z",
    "2026-02-29T00:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T22:48:60Z",
    "2026-11-23T22:48:00+24:00",
    "9999-12-31T23:59:59-01:00",
    "0001-01-01T00:00:00+01:00",
    "\u0662026-11-23T22:48:00Z",
    1764000000,
    None,
    True,
]


@pytest.mark.parametrize(("text", "expected"), INSTANTS)
def test_an_instant_of_any_offset_is_read_in_utc(text: str, expected: datetime) -> None:
    read = scalars.read_instant(text)
    assert read == expected
    assert read.tzinfo is UTC


@pytest.mark.parametrize("wrong", NO_INSTANTS)
def test_what_is_no_instant_is_refused(wrong: object) -> None:
    with pytest.raises(GraphQLError):
        scalars.read_instant(wrong)


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_written_as_its_specification_says(instant: datetime) -> None:
    text = scalars.write_instant(instant)
    assert len(text) == len("2026-11-23T22:48:00.123Z")
    assert scalars.read_instant(text) == instant.replace(microsecond=instant.microsecond // 1000 * 1000)


DIGEST = "00ff" * 16


@pytest.mark.parametrize("text", [DIGEST, DIGEST.upper(), ":".join(["00", "FF"] * 16), ":".join(["00", "ff"] * 16)])
def test_a_digest_is_read_as_tools_print_it(text: str) -> None:
    assert scalars.read_sha256(text).hex() == DIGEST


@pytest.mark.parametrize(
    "wrong", ["", DIGEST[1:], DIGEST + "00", "x" + DIGEST[1:], "0:" + DIGEST[1:], ":" + DIGEST, 5, None]
)
def test_what_is_no_digest_is_refused(wrong: object) -> None:
    with pytest.raises(GraphQLError):
        scalars.read_sha256(wrong)


@given(st.binary(max_size=300))
def test_base64_is_read_as_it_is_written_also_with_line_breaks(data: bytes) -> None:
    text = scalars.write_base64(data)
    assert scalars.read_base64(text) == data
    lines = "\r\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    assert scalars.read_base64(lines) == data


@pytest.mark.parametrize("text", ["not base64", "QQ", "QQ=", "QQ==QQ==", "-_-_", "\u00e9", "\ud800"])
def test_what_is_no_base64_comes_through_to_be_refused_as_a_certificate(text: str) -> None:
    assert scalars.read_base64(text) == text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("value", [0, -5, 2**53 - 1, 1 - 2**53])
def test_a_safe_int_is_exact_in_javascript(value: int) -> None:
    assert scalars.read_safe_int(value) == value


@pytest.mark.parametrize("wrong", [2**53, -(2**53), 1.0, True, "5", None])
def test_what_is_no_safe_int_is_refused(wrong: object) -> None:
    with pytest.raises(GraphQLError):
        scalars.read_safe_int(wrong)


@pytest.mark.parametrize("read", [scalars.read_instant, scalars.read_sha256])
def test_a_refused_value_is_not_quoted(read: object) -> None:
    assert callable(read)
    with pytest.raises(GraphQLError) as caught:
        read("-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE" not in caught.value.message
