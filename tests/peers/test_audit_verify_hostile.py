"""Whatever the bytes are, the verifier answers: no traceback, and no "verified" for what was changed."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scripts import audit_verify
from scripts.audit_verify import Given, Verification, as_json, told
from tests.peers.by_the_paper import compact, vkey
from tests.peers.clean_machine import SCRIPT
from tests.peers.exported import CERTIFICATE, export, lived, of_certificate, rewritten

pytestmark = pytest.mark.once

KEY = audit_verify.parse_key(vkey())
ALL = export(lived(), extra=True)
ONE = export(lived(), selection={"kind": "certificate", "id": CERTIFICATE}, withhold=of_certificate)
TIMED = export(lived(), selection={"kind": "time", "start": "2026-06-01T12:00:00.000000Z", "end": None})
FILES = [file.content for file in (ALL, ONE, TIMED)]

ENTRY = ALL.lines[0]


def verified(content: bytes) -> tuple[int, Verification]:
    """How the script ends for these bytes, in this process; both of its ways to speak are tried."""
    asked = Given("", {}, KEY, {}, json=False)
    try:
        verification = audit_verify.verify(io.BufferedReader(io.BytesIO(content)), asked)
    except audit_verify.UsageError:
        return audit_verify.USAGE, Verification({})
    told(verification, asked).encode("ascii")
    json.dumps(as_json(verification, asked)).encode("ascii")
    return verification.findings.status, verification


def span(content: bytes, before: bytes, after: bytes) -> range:
    """The places of what stands between two texts of the header."""
    start = content.index(before) + len(before)
    return range(start, content.index(after, start))


def not_evidence(content: bytes) -> set[int]:
    """The places of bytes that may say anything: what `NOT_EVIDENCE` lists."""
    spans = [
        span(content, b'"account_name":', b',"made_at"'),
        span(content, b'"made_at":', b',"software"'),
        span(content, b'"software":', b',"selection"'),
        span(content, b'"consistency":', b',"not_audited"'),
        span(content, b'"not_audited":', b"}\n"),
    ]
    if b'"kind":"time"' in content:
        spans.append(span(content, b'"start":', b"}"))
    return {place for one in spans for place in one}


FREE = [not_evidence(content) for content in FILES]


def test_the_files_are_right_before_they_are_spoilt() -> None:
    assert [verified(content)[0] for content in FILES] == [0, 0, 0]


def test_no_byte_of_evidence_can_be_changed() -> None:
    """Every single byte of a short file, one after another: flipped, taken out, or with a space after it."""
    content = export(lived(), first=9, consistency=()).content
    free = not_evidence(content)
    for place in range(len(content)):
        byte = content[place]
        other = [bytes([byte ^ 1]), bytes([byte ^ 0x20]), b"", bytes([byte, 0x20])][place % 4]
        if place not in free:
            status, _ = verified(content[:place] + other + content[place + 1 :])
            assert status != 0, (place, content[place - 20 : place + 20], other)


@st.composite
def mutations(draw: st.DrawFn) -> tuple[int, bytes]:
    """One of the files with some bytes of evidence replaced by others: which file, and what became of it."""
    which = draw(st.integers(0, len(FILES) - 1))
    content, free = FILES[which], FREE[which]
    start = draw(st.integers(0, len(content) - 1).filter(lambda place: place not in free))
    length = draw(st.integers(0, 3))
    length = 0 if free & set(range(start, start + length)) else length
    new = draw(
        st.binary(max_size=4) | st.sampled_from([b"\n", b'"', b"}", b"\\u0041", b"0", b"[[", b"NaN", b"1e9", b"\xff"])
    )
    return which, content[:start] + new + content[start + length :]


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(mutations())
def test_some_bytes_changed_are_never_verified(mutation: tuple[int, bytes]) -> None:
    which, content = mutation

    status, verification = verified(content)

    assert status in {0, 1, 2, 64}
    assert (status == 0) == (content == FILES[which]), verification.findings.counts


@settings(max_examples=500, deadline=None)
@given(
    st.binary()
    | st.lists(st.sampled_from([*FILES[0].splitlines(keepends=True), *FILES[1].splitlines(keepends=True)])).map(
        b"".join
    )
)
@example(b"")
@example(b"\n")
@example(b"\x1f\x8b")
@example(b'{"format":"anchorage-audit-export/1"')
@example(b'{"format":"anchorage-audit-export/1"}\n')
@example(b'{"format":"anchorage-audit-export/1"}\n{"end":{}}\n')
def test_any_bytes_have_an_answer(content: bytes) -> None:
    status, _ = verified(content)

    assert status != 0 or content in FILES


def header(**members: Any) -> bytes:
    """A file's header with other members."""
    return compact(ALL.header | members)


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


HOSTILE: dict[str, tuple[Callable[[], bytes], int]] = {
    "nested header": (lambda: header(not_audited=0)[:-2] + deep(100_000) + b"}", 1),
    "nested footer": (lambda: FILES[0].replace(b'"withheld":0', b'"withheld":' + deep(100_000)), 1),
    "nested disclosures": (
        lambda: FILES[0].replace(b'"disclosures":{', b'"disclosures":{"":' + deep(100_000) + b",", 1),
        1,
    ),
    "nested body": (
        lambda: b"\n".join([header(), ENTRY.partition(b'"body":')[0] + b'"body":' + deep(100_000) + b"}"]),
        1,
    ),
    "endless number": (lambda: header().replace(b'"first":1,', b'"first":1' + b"0" * 1_000_000 + b","), 1),
    "number with a point": (lambda: header().replace(b'"first":1,', b'"first":1.0,'), 1),
    "not a number": (lambda: header().replace(b'"first":1,', b'"first":NaN,'), 1),
    "infinite": (lambda: header().replace(b'"first":1,', b'"first":Infinity,'), 1),
    "true for one": (lambda: header().replace(b'"first":1,', b'"first":true,'), 1),
    "two members of one name": (lambda: header().replace(b'"first":1,', b'"first":2,"first":1,'), 1),
    "two headers' members": (lambda: header()[:-1] + b',"account":"' + b"0" * 32 + b'"}', 1),
    "broken UTF-8": (lambda: header().replace(b"Northwind", b"North\xffwind"), 1),
    "overlong UTF-8": (lambda: header().replace(b"Northwind", b"North\xc1\xb7ind"), 1),
    "half a surrogate pair": (lambda: header().replace(b"Northwind", b"\\ud800"), 1),
    "byte order mark": (lambda: b"\xef\xbb\xbf" + FILES[0], 64),
    "UTF-16": (lambda: FILES[0].decode().encode("utf-16"), 64),
    "line ends of another system": (lambda: FILES[0].replace(b"\n", b"\r\n"), 1),
    "spaces": (lambda: FILES[0].replace(b'"personal_data":true', b'"personal_data": true'), 1),
    "empty line": (lambda: FILES[0].replace(b"\n", b"\n\n", 1), 1),
    "terminal's escapes": (lambda: FILES[0].replace(b"log.example", b"\\u001b[2Jlog"), 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_have_an_answer(name: str) -> None:
    made, wanted = HOSTILE[name]
    content = made()

    status, _ = verified(content if content.endswith(b"\n") else content + b"\n")

    assert status == wanted
    assert content not in FILES


BODIES = {
    "a space": (b'{"_sd"', b'{ "_sd"', "BODY_NOT_CANONICAL"),
    "two members of one name": (b'"v":1}', b'"v":1,"v":1}', "BODY_NOT_CANONICAL"),
    "another order": (b'"v":1}', b'"v":1,"a":1}', "BODY_NOT_CANONICAL"),
    "a fraction": (b'"v":1}', b'"v":1.0}', "BODY_NOT_CANONICAL"),
    "half a character": (b'"reason":null', b'"reason":"\\ud800"', "BODY_NOT_CANONICAL"),
    "no UTF-8": (b'"reason":null', b'"reason":"\xff"', "BODY_NOT_CANONICAL"),
    "no object": (b'"v":1}', b'"v":1}]', "BODY_NOT_CANONICAL"),
    "a later format": (b'"v":1}', b'"v":2}', "BODY_FORMAT_UNKNOWN"),
    "true for one": (b'"v":1}', b'"v":true}', "BODY_FORMAT_UNKNOWN"),
    "another account": (b'"account":"0190a0', b'"account":"0190a1', "BODY_FIELDS_DIFFER"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_a_log_should_not_hold_is_told_though_it_is_signed(name: str) -> None:
    old, new, code = BODIES[name]

    status, verification = verified(export(rewritten(lived(), 5, old, new)).content)

    assert set(verification.findings.counts) == {code}
    assert status == (2 if code in audit_verify.NO_EVIDENCE else 1)
    assert verification.findings.kept[0].aseq == 5


@dataclass
class Endless(io.RawIOBase):
    """A file of one pattern, gigabytes long, of which nothing is kept."""

    head: bytes
    pattern: bytes
    left: int

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """See the library."""
        piece = self.head or self.pattern[: self.left]
        piece = piece[: len(buffer)]
        self.head = self.head[len(piece) :]
        self.left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


def test_an_endless_line_is_given_up() -> None:
    endless = Endless(header() + b"\n", b"x" * (1 << 20), 1 << 40)

    verification = audit_verify.verify(io.BufferedReader(endless), Given("", {}, KEY, {}, json=False))

    assert "LINE_TOO_LONG" in verification.findings.counts
    assert endless.left > 1 << 39


MEASURED = """
import io, json, resource, runpy, sys
main = runpy.run_path(sys.argv[1])["main"]
status = main(sys.argv[2:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(status)
"""


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    def peak(times: int) -> int:
        file = tmp_path / "export.jsonl"
        with file.open("wb") as written:
            written.write(header() + b"\n")
            for _ in range(times):
                written.write(b"\n".join(ALL.lines) + b"\n")
        command = [sys.executable, "-c", MEASURED, str(SCRIPT), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        return int(done.stdout.split()[-1])

    assert peak(3000) < peak(300) + 8192


def test_findings_are_counted_when_they_are_too_many_to_keep() -> None:
    content = header() + b"\n" + b"no entry\n" * 2000

    status, verification = verified(content)

    assert status == 1
    assert verification.findings.counts["LINE_MALFORMED"] == 2000
    assert len(verification.findings.kept) == audit_verify.FINDINGS_LIMIT
