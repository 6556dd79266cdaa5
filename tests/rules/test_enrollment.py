"""What an identity is, how long a claim holds, and what a line of a file says."""

import random
from datetime import timedelta

import pytest

from app.errors import InvalidInput
from app.rules.enrollment import (
    LINE_BYTES,
    Line,
    LineCode,
    LineReader,
    expiry,
    holds,
    parse_identity,
    quotable,
    read_line,
    render_identity,
)
from tests.rules.authority import AT

FINGERPRINT = bytes(range(0xA0, 0xC0))
IDENTITY = "A-" + ":".join(f"{byte:02X}" for byte in FINGERPRINT)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize("spelled", [IDENTITY, f"A-{IDENTITY[2:].lower()}", IDENTITY.replace("AF", "aF")])
def test_an_identity_is_read_in_either_case_and_shown_in_capitals(spelled: str) -> None:
    assert parse_identity(spelled) == FINGERPRINT
    assert render_identity(parse_identity(spelled)) == IDENTITY


@pytest.mark.parametrize(
    "flaw",
    [
        "",
        "A-",
        IDENTITY[:-1],
        f"{IDENTITY}0",
        f"{IDENTITY}\n",
        f" {IDENTITY}",
        IDENTITY.replace("A-", "a-"),
        IDENTITY.replace("A-", "B-"),
        IDENTITY.replace(":", "-"),
        # The vendor's grammar admits these three: 95 letters, digits and colons.
        IDENTITY.replace("A1", "G1"),
        "A-" + "0" * 95,
        "A-" + ":" * 95,
        IDENTITY.replace("A1", "\uff11\uff11"),
        IDENTITY.replace("A1", "A\x00"),
    ],
)
def test_what_is_no_fingerprint_is_no_identity(flaw: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_identity(flaw)
    assert refused.value.path == ("identity",)


def test_a_claim_holds_until_the_instant_of_its_expiry() -> None:
    ends = expiry(AT, 30)
    assert ends == AT + timedelta(days=30)

    assert holds(expires_at=ends, used_at=None, at=ends - MICROSECOND)
    assert not holds(expires_at=ends, used_at=None, at=ends)
    assert not holds(expires_at=ends, used_at=None, at=ends + MICROSECOND)


def test_a_claim_that_a_device_used_or_that_has_no_end_holds_for_ever() -> None:
    assert expiry(AT, None) is None
    later = AT + timedelta(days=36_500)
    assert holds(expires_at=None, used_at=None, at=later)
    assert holds(expires_at=AT + MICROSECOND, used_at=AT, at=later)


@pytest.mark.parametrize(
    "raw",
    [
        IDENTITY,
        f"{IDENTITY},",
        f"{IDENTITY},a comment,another",
        f'"{IDENTITY}"',
        f'"{IDENTITY}","a ""quoted"" comment, with a comma"',
        f" {IDENTITY} ,x",
        f"{IDENTITY},é",
    ],
)
def test_the_first_value_of_a_line_counts(raw: str) -> None:
    assert read_line(7, raw.encode()) == Line(7, IDENTITY, FINGERPRINT)


@pytest.mark.parametrize(
    ("raw", "code", "text"),
    [
        (b"x" * (LINE_BYTES + 1), LineCode.LINE_TOO_LONG, "xxxxxxxx…"),
        (b"\xff" + IDENTITY.encode(), LineCode.NOT_UTF8, "�" + IDENTITY),
        (f'"{IDENTITY}'.encode(), LineCode.NOT_CSV, f'"{IDENTITY}'),
        (f'"{IDENTITY}"x'.encode(), LineCode.NOT_CSV, f'"{IDENTITY}"x'),
        (b",", LineCode.INVALID_IDENTITY, ""),
        (f"comment,{IDENTITY}".encode(), LineCode.INVALID_IDENTITY, "comment"),
        (IDENTITY.replace("A1", "G1").encode(), LineCode.INVALID_IDENTITY, IDENTITY.replace("A1", "G1")),
        (b"=cmd|' /C calc'!A0", LineCode.INVALID_IDENTITY, "=cmd|' /C calc'!A0"),
        (IDENTITY.encode() + b"\x00", LineCode.INVALID_IDENTITY, IDENTITY + "\\u{0000}"),
        ("\u202eA-".encode(), LineCode.INVALID_IDENTITY, "\\u{202E}A-"),
    ],
)
def test_a_wrong_line_says_why_and_what_stood_there(raw: bytes, code: LineCode, text: str) -> None:
    assert read_line(3, raw) == Line(3, text, None, code)


def test_a_line_of_exactly_the_limit_is_read() -> None:
    raw = f"{IDENTITY},".encode().ljust(LINE_BYTES, b"x")
    assert read_line(2, raw).fingerprint == FINGERPRINT


def test_no_report_repeats_what_could_be_a_key() -> None:
    secret = "MC4CAQAwBQYDK2VwBCIEIB5h0pHg1v9tK8s2m3QwZ7yX4n6d"  # of the shape of one, and none
    assert quotable(secret) == "MC4CAQAw…"
    assert quotable(f"key: {secret}") == "key: MC4CAQAw…"
    assert quotable("é" * 200) == "é" * 120 + "…"


FILE = f"""heading\r
{IDENTITY},one\r
\r
   \t
"{IDENTITY.lower()}"
{"y" * 9_000}
{IDENTITY}""".encode()
WANTED = [
    (2, FINGERPRINT, None),
    (5, None, LineCode.INVALID_IDENTITY),
    (6, None, LineCode.LINE_TOO_LONG),
    (7, FINGERPRINT, None),
]


@pytest.mark.parametrize("file", [FILE, FILE.replace(b"\r", b""), FILE.replace(b"\r", b"").replace(b"\n", b"\r")])
def test_a_file_is_read_alike_however_its_lines_end_and_it_is_cut(file: bytes) -> None:
    chance = random.Random(20261130)  # noqa: S311  # where to cut is no secret
    for longest in (1, 3, 50, 5_000, len(file)):
        reader, found, at = LineReader(), list[Line](), 0
        while at < len(file):
            size = chance.randint(1, longest)
            found += reader.feed(file[at : at + size])
            found += reader.feed(b"")
            at += size
        found += reader.end()
        assert [(line.number, line.fingerprint, line.code) for line in found] == WANTED, longest


@pytest.mark.parametrize("data", [b"", b"heading", b"heading\n", b"heading\r", b"\n", b"\n\n  \n", IDENTITY.encode()])
def test_a_file_without_lines_after_the_first_has_none(data: bytes) -> None:
    reader = LineReader()
    assert [*reader.feed(data), *reader.end()] == []


def test_a_line_without_an_end_takes_no_more_room_than_a_line_may() -> None:
    reader = LineReader()
    reader.feed(b"heading\n")
    for _ in range(64):
        assert reader.feed(b"z" * 65_536) == []
    assert [(line.number, line.code) for line in reader.feed(b"\n")] == [(2, LineCode.LINE_TOO_LONG)]
