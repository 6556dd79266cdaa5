"""Whether a body is canonical is decided quickly, and as a serialiser for every value decides it (RFC 8785)."""

import json
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as some

from app.audit.canonical import canonical_object

pytestmark = pytest.mark.once

# Past the basic plane and just before its end: UTF-16 orders them as code points do not.
NAMES = some.text(some.sampled_from('ab"\\\n\x7fé\ue000\uffff😀'), max_size=4)
NUMBERS = (
    some.integers(-(2**70), 2**70)
    | some.sampled_from([2**53 - 1, 2**53, -(2**53), 2**63, 2**64, 10**21, 10**16])
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.sampled_from([0.0, -0.0, 1.0, 1.5, 1e16, 1e21, 1e-5, 1e-6, 1e-7, 5e-324])
)
VALUES: some.SearchStrategy[Any] = some.recursive(
    some.none() | some.booleans() | NUMBERS | some.text(max_size=8) | NAMES,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(NAMES, inner, max_size=4),
)
OBJECTS = some.dictionaries(NAMES, VALUES, max_size=5)


def decided_in_full(text: bytes) -> bool:
    """What is asked here of every body, without a short cut."""
    try:
        value = orjson.loads(text)
        return isinstance(value, dict) and rfc8785.dumps(value) == text
    except (orjson.JSONDecodeError, rfc8785.CanonicalizationError):
        return False


def spellings(value: dict[str, Any]) -> list[bytes]:
    """The same object as several programs write it."""
    texts = [
        json.dumps(value, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(),
        json.dumps(value).encode(),
    ]
    try:
        texts += [orjson.dumps(value), orjson.dumps(value, option=orjson.OPT_SORT_KEYS), rfc8785.dumps(value)]
    except (orjson.JSONEncodeError, rfc8785.CanonicalizationError):
        # A number that one of them does not write.
        return texts
    return texts


@given(OBJECTS)
@example({"a": 1.0})
@example({"a": [{"b": [1e21]}]})
@example({"a": 2**53})
@example({"\ue000": 1, "😀": 2})
@example({"a": {"\ue000": 1, "😀": 2}})
@example({"a": [{"\uffff": 1, "😀": 2}]})
def test_every_spelling_is_decided_as_in_full(value: dict[str, Any]) -> None:
    for text in spellings(value):
        assert (canonical_object(text) is not None) == decided_in_full(text), text


@given(some.dictionaries(some.text("az_09", max_size=6), some.integers(-(2**53) + 1, 2**53 - 1) | some.text()))
def test_what_is_canonical_is_read(value: dict[str, Any]) -> None:
    assert canonical_object(rfc8785.dumps(value)) == value


@given(OBJECTS, some.integers(0), some.sampled_from(b'0123456789.eE+-",:{}[] \\u\x00\x80\xff'))
def test_one_other_byte_is_decided_as_in_full(value: dict[str, Any], place: int, byte: int) -> None:
    for text in spellings(value):
        spoilt = bytearray(text)
        spoilt[place % len(text)] = byte
        assert (canonical_object(bytes(spoilt)) is not None) == decided_in_full(bytes(spoilt)), bytes(spoilt)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"\\ud800":1}',
        b'{"a":"\\u00e9"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u000A"}',
        b'{"a":-0}',
        b'{"a":1.0}',
        b'{"a":1e21}',
        b'{"a":10000000000000000000000}',
        b'{"a":9007199254740992}',
        b'{"a":-9007199254740992}',
        b'{"a":NaN}',
        b'{"a":01}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'\xef\xbb\xbf{"a":1}',
        '{"\ue000":1,"😀":2}'.encode(),
        b"[1]",
        b'"a"',
        b"null",
        b"",
        b'{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
        b'{"a":' + b"[" * 1_010 + b"]" * 1_010 + b"}",
        b'{"a":' + b"[" * 1_010 + b"1.5" + b"]" * 1_010 + b"}",
    ],
)
def test_what_is_not_canonical_is_refused(text: bytes) -> None:
    assert canonical_object(text) is None


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b'{"a":1.5}',
        b'{"a":1e+21}',
        b'{"a":9007199254740991}',
        b'{"a":-9007199254740991}',
        b'{"a":"\\u0000\\b\\t\\n\\f\\r\\"\\\\/\x7f"}',
        '{"é":"€\u2028"}'.encode(),
        '{"😀":2,"\ue000":1}'.encode(),
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    ],
)
def test_what_is_canonical_is_taken(text: bytes) -> None:
    assert canonical_object(text) == orjson.loads(text)
