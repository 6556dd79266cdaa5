#!/usr/bin/env python3
"""Verifies an exported audit log with nothing but this file and Python 3.8 or later.

    python3 audit_verify.py EXPORT.jsonl [--trusted-checkpoint FILE] [--vkey VKEY|FILE] [--disclosure D] [--json]

It shares no code with the program that wrote the export, installs nothing and asks nobody: docs/log-format.md is all
that it was written from. `-` reads standard input, and a file may be packed with gzip. Memory does not grow with the
length of the log.

Standard output begins with one line: the verdict, with what is proven, or the first broken entry and why. The exit
status is 0 for verified, 1 for tampering, 2 for what cannot be told, 64 for words or files that are not what they
should be.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import sys
import zlib
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERIFIED, TAMPERED, UNDECIDABLE, USAGE = 0, 1, 2, 64
VERDICTS = {VERIFIED: "verified", TAMPERED: "TAMPERED", UNDECIDABLE: "UNDECIDABLE", USAGE: "USAGE"}

CHUNK_BYTES = 1 << 20
LINE_LIMIT_BYTES = 4 << 20
"""An entry has a body of at most 16 KiB; the longest lines are a footer's, with receipts of many signatures."""

FINDINGS_LIMIT = 1_000
"""How many findings are kept in full; the rest are counted."""

NO_EVIDENCE = {
    "LOG_FORMAT_UNKNOWN",
    "BODY_FORMAT_UNKNOWN",
    "FILE_INCOMPLETE",
    "FILE_UNREADABLE",
    "CHECKPOINT_ABSENT",
    "KEY_ABSENT",
    "CONSISTENCY_UNPROVEN",
    "LOG_BEGAN_ANEW",
    "CHANGES_UNKNOWN",
    "DISCLOSURE_NOT_HELD",
}
"""Findings that leave the question open. Every other one is tampering."""

NOT_EVIDENCE = {
    "account_name, made_at, software, not_audited": "the header's words for people; no hash or signature covers them",
    "selection.start, selection.end": "what was asked for; proven are the numbers of the entries, and that the first"
    " and the last one lie within",
    "consistency": "used only for the size of a trusted checkpoint that is given",
    "signatures of other keys": "a checkpoint may be signed by witnesses too; only the log's key is looked at",
    "gzip": "of the packing only the unpacked bytes count",
}
"""What a file may say without any proof of it, and why."""


WARNING = "The key is the file's own: give the one that you know with --vkey, or a checkpoint that you kept."


class Broken(Exception):
    """Something that is not as it must be: a stable code and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UsageError(Exception):
    """Words or files that this program was given and cannot work with."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and where: the line counts from 1, the entry's number is that of its stream."""

    code: str
    message: str
    line: int | None = None
    stream: str | None = None
    aseq: int | None = None

    def __str__(self) -> str:
        places = [] if self.aseq is None else [f"entry {self.aseq} of stream {self.stream}"]
        places += [] if self.line is None else [f"line {self.line}"]
        return f"{', '.join(places) or 'the file'}: {self.code}: {self.message}"


@dataclass
class Findings:
    """Collects findings: the first in full, all by number."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    first: Finding | None = None

    def add(self, finding: Finding) -> None:
        """Note one. The first is the first broken entry, else the first tampering, else the first of all."""
        self.counts[finding.code] += 1
        if len(self.kept) < FINDINGS_LIMIT:
            self.kept.append(finding)
        if self.first is None or _weight(finding) > _weight(self.first):
            self.first = finding

    @property
    def status(self) -> int:
        """Tampering decides over what cannot be told."""
        if set(self.counts) - NO_EVIDENCE:
            return TAMPERED
        return UNDECIDABLE if self.counts else VERIFIED


def _weight(finding: Finding) -> tuple[bool, bool]:
    return (finding.code not in NO_EVIDENCE, finding.aseq is not None)


def shown(text: object) -> str:
    """Somebody else's text, safe to print: quoted, in ASCII, and not endless."""
    quoted = json.dumps(text if isinstance(text, str) else str(text))
    return quoted if len(quoted) <= 200 else f"{quoted[:200]}..."


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no number of this format")


def _integer(digits: str) -> int:
    # Turning a million digits into a number takes minutes, and no number of ours has more than 16.
    if len(digits) > 20:
        _refuse(digits)
    return int(digits)


_JSON = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse, parse_int=_integer)
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def compact_json(line: bytes) -> Any:  # noqa: ANN401 - what it holds is looked at by whoever asked
    """What a line of compact JSON says: no spaces, each text in its shortest spelling, no name twice, no fractions.

    Raises ValueError for everything else, RecursionError for what is too deep.
    """
    value = _JSON.decode(line.decode("utf-8"))
    # A second member of one name is lost when it is read, and missing when it is written again.
    if _COMPACT.encode(value).encode("utf-8") != line:
        raise ValueError("it is not in the compact form")
    return value


def canonical_json(body: bytes) -> dict[str, Any]:
    """What a body says, if it is canonical JSON (RFC 8785) with ASCII names and without fractions.

    For such values sorting by code points is sorting by UTF-16, and Python's escapes are those of the RFC.

    Raises ValueError for everything else, RecursionError for what is too deep.
    """
    value = _JSON.decode(body.decode("utf-8"))
    if not isinstance(value, dict) or _CANONICAL.encode(value).encode("utf-8") != body:
        raise ValueError("it is not canonical")
    return value


def base64(text: str, length: int | None = None) -> bytes:
    """The bytes of a text in standard Base64 with padding (RFC 4648 4), in its one spelling.

    Raises ValueError.
    """
    try:
        decoded = b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise ValueError(f"{shown(text)} is not Base64") from None
    if b64encode(decoded).decode() != text or (length is not None and len(decoded) != length):
        raise ValueError(f"{shown(text)} is not Base64 of the right length and spelling")
    return decoded


def digest_of(disclosure: str) -> str:
    """The digest of a disclosure as it stands in `_sd` (RFC 9901 4.2.3).

    Raises ValueError for what is not ASCII.
    """
    return urlsafe_b64encode(hashlib.sha256(disclosure.encode("ascii")).digest()).rstrip(b"=").decode()


def claim_of(disclosure: str) -> tuple[str, str]:
    """The name and the value that a disclosure discloses.

    Raises ValueError or RecursionError.
    """
    packed = urlsafe_b64decode(disclosure.encode("ascii") + b"=" * (-len(disclosure) % 4))
    if urlsafe_b64encode(packed).rstrip(b"=").decode() != disclosure:
        raise ValueError("it is not Base64url without padding")
    parts = _JSON.decode(packed.decode("utf-8"))
    if not (isinstance(parts, list) and len(parts) == 3 and all(isinstance(part, str) for part in parts)):
        raise ValueError("it does not hold a salt, a name and a value")
    return parts[1], parts[2]


# Ed25519 (RFC 8032), for verification alone: nothing here is secret, so nothing need take the same time.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


class Point(NamedTuple):
    """A point of the curve in extended homogeneous coordinates (RFC 8032 5.1.4)."""

    x: int
    y: int
    z: int
    t: int


NEUTRAL = Point(0, 1, 1, 0)


def add(one: Point, other: Point) -> Point:
    """The sum (RFC 8032 5.1.4): complete, so it also doubles."""
    a = (one.y - one.x) * (other.y - other.x) % P
    b = (one.y + one.x) * (other.y + other.x) % P
    c = 2 * one.t * other.t * D % P
    d = 2 * one.z * other.z % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return Point(e * f % P, g * h % P, f * g % P, e * h % P)


def decode_point(encoded: bytes) -> Point | None:
    """The point of 32 bytes (RFC 8032 5.1.3); None for bytes that encode none, or not in the one way there is."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if len(encoded) != 32 or y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * ROOT_OF_MINUS_ONE % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return Point(x, y, 1, x * y % P)


def encode_point(point: Point) -> bytes:
    """The 32 bytes of a point (RFC 8032 5.1.2)."""
    inverse = pow(point.z, -1, P)
    x, y = point.x * inverse % P, point.y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or NEUTRAL


def is_usable_key(public_key: bytes) -> bool:
    """Whether 32 bytes are a point that can be anyone's key.

    One of the eight points of small order is not: under it a signature is easily made that fits every text.
    """
    point = decode_point(public_key)
    for _ in range(3):
        point = point and add(point, point)
    return point is not None and encode_point(point) != encode_point(NEUTRAL)


@lru_cache(maxsize=64)
def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature is right (RFC 8032 5.1.7, without the cofactor, as OpenSSL does it).

    R is compared as bytes, so that it has one encoding; S must be below the order of the group. An answer is kept: many
    receipts may name one checkpoint.
    """
    if len(signature) != 64 or not is_usable_key(public_key):
        return False
    key = decode_point(public_key)
    s = int.from_bytes(signature[32:], "little")
    if key is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    minus = Point(P - key.x, key.y, 1, P - key.t)
    both = add(_BASE, minus)
    # [S]B - [k]A in one go: each step doubles, then adds B, -A or their sum, as the two bits say.
    found = NEUTRAL
    for at in range(max(s.bit_length(), k.bit_length()) - 1, -1, -1):
        found = add(found, found)
        bits = (s >> at & 1, k >> at & 1)
        if any(bits):
            found = add(found, both if all(bits) else _BASE if bits[0] else minus)
    return encode_point(found) == signature[:32]


EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry_hash: str) -> bytes:
    """The hash of the leaf that stands for an entry, whose hash is given in hexadecimal."""
    return hashlib.sha256(b'\x00{"entry":"sha256:%b","v":1}' % entry_hash.encode("ascii")).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its halves."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_through(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162 2.1.3.2); None for one of a wrong length."""
    if not 0 <= index < size:
        return None
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


def is_consistent(first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a consistency proof shows that the second tree continues the first (RFC 9162 2.1.4.2).

    `first` is less than `second`, and more than 0.
    """
    hashes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = hashes[0]
    for c in hashes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and (fr, sr) == (first_root, second_root)


NAME = re.compile(r"[^\s+]+")
NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
GENERATION = re.compile(r"/[1-9][0-9]*\Z")
SIGNATURES_LIMIT = 100


class Key(NamedTuple):
    """A public key, the name that it signs under, and its id (hexadecimal)."""

    name: str
    id: str
    public: bytes

    def __str__(self) -> str:
        return f"{self.name}+{self.id}"


class Checkpoint(NamedTuple):
    """A tree as a log states it: whose, how many leaves, their root; the text that is signed, and by whom.

    `signatures` holds a name, a key's id (hexadecimal) and the signature of each line; `note` is all of it.
    """

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[tuple[str, str, bytes], ...]
    note: str


def parse_key(vkey: str) -> Key:
    """The log's key from its vkey: `name+id+Base64(01 key)`.

    Raises ValueError.
    """
    parts = vkey.split("+", 2)
    if len(parts) != 3 or not NAME.fullmatch(parts[0]):
        raise ValueError("a verifier key is a name, eight hexadecimal digits and Base64, joined by plus signs")
    material = base64(parts[2], 33)
    if material[0] != 1:
        raise ValueError("the key's algorithm is not 1 (Ed25519)")
    key_id = hashlib.sha256(parts[0].encode("utf-8") + b"\n" + material).hexdigest()[:8]
    if parts[1] != key_id:
        raise ValueError(f"the key's id is not {key_id}, which follows from its name and its bytes")
    if not is_usable_key(material[1:]):
        raise ValueError("its 32 bytes are no point that can be a key")
    return Key(parts[0], key_id, material[1:])


def parse_checkpoint(note: str) -> Checkpoint:
    """A checkpoint from the whole text of its signed note.

    Raises ValueError.
    """
    if any(character < " " and character != "\n" for character in note):
        raise ValueError("a signed note holds no control characters")
    text, between, below = note.rpartition("\n\n")
    lines = text.split("\n")
    if not between or not below.endswith("\n") or len(lines) < 3 or not all(lines):
        raise ValueError("a checkpoint is an origin, a size and a root on lines of their own, and signatures below")
    if not NUMBER.fullmatch(lines[1]):
        raise ValueError(f"{shown(lines[1])} is no size")
    signed = below[:-1].split("\n")
    if len(signed) > SIGNATURES_LIMIT:
        raise ValueError(f"it has more than {SIGNATURES_LIMIT} signatures")
    signatures = tuple(_signature(line) for line in signed)
    return Checkpoint(lines[0], int(lines[1]), base64(lines[2], 32), f"{text}\n", signatures, note)


def _signature(line: str) -> tuple[str, str, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014" or not NAME.fullmatch(parts[1]):
        raise ValueError(f"{shown(line)} is no line of a signature")
    packed = base64(parts[2])
    if len(packed) < 5:
        raise ValueError(f"{shown(line)} holds no signature")
    return parts[1], packed[:4].hex(), packed[4:]


def require_origin(origin: str, other: str) -> None:
    """Check that two origins are one log: `audit recover` begins a new one, whose origin ends with its number.

    Raises Broken.
    """
    if origin == other:
        return
    between = f"{shown(other)} and {shown(origin)}"
    if {origin, GENERATION.sub("", origin)} & {other, GENERATION.sub("", other)}:
        message = f"The log may have begun anew between {between}; its entry audit.recover quotes the last checkpoint."
        raise Broken("LOG_BEGAN_ANEW", message)
    raise Broken("ORIGIN_DIFFERS", f"These are different logs: {between}.")


def require_signed(checkpoint: Checkpoint, key: Key) -> None:
    """Check that a log's key signed its checkpoint. Lines of other keys are not looked at.

    Raises Broken.
    """
    require_origin(checkpoint.origin, key.name)
    own = [one[2] for one in checkpoint.signatures if one[:2] == (key.name, key.id)]
    if not own:
        raise Broken("CHECKPOINT_NOT_SIGNED", f"The checkpoint is not signed by the key {shown(str(key))}.")
    if not all(is_signed(key.public, checkpoint.text.encode("utf-8"), one) for one in own):
        message = f"The signature of {shown(str(key))} does not fit the checkpoint: one of them was replaced."
        raise Broken("CHECKPOINT_NOT_SIGNED", message)


def require_received(receipt: str, entry_hash: str, checkpoint: Checkpoint, key: Key | None) -> None:
    """Check a receipt: that the entry of this hash is in the tree of this checkpoint.

    Raises Broken, ValueError for what is no receipt.
    """
    head, between, note = receipt.partition("\n\n")
    lines = head.split("\n")
    if not between or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise ValueError("a receipt begins with c2sp.org/tlog-proof@v1 and has an empty line before its checkpoint")
    extra = base64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
    index = lines.pop(0) if lines else ""
    if not index.startswith("index ") or not NUMBER.fullmatch(index[6:]) or len(lines) > 63:
        raise ValueError("a receipt has an index, then at most 63 hashes")
    leaf = b'{"entry":"sha256:%b","v":1}' % entry_hash.encode("ascii")
    if extra is not None and extra != leaf:
        raise Broken("RECEIPT_MISMATCH", "The receipt is for another entry.")
    if note != checkpoint.note:
        # The same tree may have been signed by more witnesses in between; the log's own signature must be there.
        own = parse_checkpoint(note)
        if own.text != checkpoint.text:
            raise Broken("RECEIPT_MISMATCH", "The receipt's checkpoint is not the file's.")
        if key is not None:
            require_signed(own, key)
    path = [base64(line, 32) for line in lines]
    if root_through(leaf_hash(entry_hash), int(index[6:]), checkpoint.size, path) != checkpoint.root:
        message = "The receipt does not lead from this entry to the root: one of the stream's entries was changed."
        raise Broken("RECEIPT_MISMATCH", message)


BEGINNING = re.compile(rb'\{"format":"anchorage-audit-export/([0-9]{1,9})"')
HEX64 = rb"[0-9a-f]{64}"
TEXT = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
ENTRY = re.compile(
    rb'\{"stream":"([0-9a-z]{1,64}/(?:0|[1-9][0-9]{0,8}))","aseq":([1-9][0-9]{0,17}),"prev":"(%b)","hash":"(%b)",'
    rb'(?:"disclosures":(\{[^"{}]*(?:%b[^"{}]*)*\}),"body":|"body_sha256":"(%b)","withheld":"(not_selected|archived)"\}\Z)'
    % (HEX64, HEX64, TEXT, HEX64)
)
ACCOUNT = re.compile(r"[0-9a-f]{32}")
STREAM = re.compile(r"[0-9a-z]{1,64}/(?:0|[1-9][0-9]{0,8})")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
GENESIS = b"0" * 64
KINDS = {"account": set(), "time": {"start", "end"}, "certificate": {"id"}}
HEADER = {
    "format", "account", "account_name", "made_at", "software", "selection", "personal_data", "streams", "checkpoint",
    "vkey", "consistency", "not_audited",
}  # fmt: skip


@dataclass
class Run:
    """The entries of one stream in a file: from which number to which they should be, and how far they are read.

    `hash` is the one that the next entry must name; None where it cannot be known.
    """

    stream: bytes
    first: int
    last: int
    at: int
    hash: bytes | None
    entries: int = 0
    withheld: int = 0

    @property
    def name(self) -> str:
        """The stream, as text."""
        return self.stream.decode("ascii")


class Header(NamedTuple):
    """What a file says of itself."""

    account: str
    selection: dict[str, Any]
    personal_data: bool
    runs: list[Run]
    checkpoint: str | None
    vkey: str | None
    consistency: dict[int, list[bytes]]


def parse_header(line: bytes) -> Header:
    """The first line.

    Raises UsageError for what is no export, Broken for one that is not as it must be.
    """
    begins = BEGINNING.match(line)
    if begins is None:
        raise UsageError("This is not an exported audit log: its first line does not begin with its format.")
    if begins[1] != b"1":
        release = begins[1].decode("ascii")
        raise Broken("LOG_FORMAT_UNKNOWN", f"The file is of format {release}; this program knows 1.")
    try:
        return _header(compact_json(line))
    except (ValueError, RecursionError) as problem:
        raise Broken("HEADER_MALFORMED", f"The header is not as it must be: {shown(problem)}.") from None


def _header(members: dict[str, Any]) -> Header:
    require(set(members) >= HEADER, f"it lacks {', '.join(sorted(HEADER - set(members)))}")
    account, selection, streams = members["account"], members["selection"], members["streams"]
    require(isinstance(account, str) and ACCOUNT.fullmatch(account), "account is no id")
    require(isinstance(selection, dict) and isinstance(selection.get("kind"), str), "selection has no kind")
    kind = selection["kind"]
    require(kind in KINDS and set(selection) == KINDS[kind] | {"kind"}, f"selection {shown(kind)} is not known")
    for bound in KINDS[kind]:
        value = selection[bound]
        fits = ACCOUNT.fullmatch(value) if bound == "id" and isinstance(value, str) else value is None
        fits = fits or (bound != "id" and isinstance(value, str) and INSTANT.fullmatch(value))
        require(fits, f"selection.{bound} is neither an id nor an instant")
    require(isinstance(members["personal_data"], bool), "personal_data is neither true nor false")
    for name in ("checkpoint", "vkey"):
        require(members[name] is None or isinstance(members[name], str), f"{name} is no text")
    require(isinstance(streams, list), "streams is no list")
    runs = [_run(one, account) for one in streams]
    require(len({run.stream for run in runs}) == len(runs), "a stream stands there twice")
    consistency = _consistency(members["consistency"])
    return Header(
        account, selection, members["personal_data"], runs, members["checkpoint"], members["vkey"], consistency
    )


def require(fits: object, otherwise: str) -> None:
    """Raise ValueError with these words where something does not hold."""
    if not fits:
        raise ValueError(otherwise)


def is_count(value: object) -> bool:
    """Whether a value of JSON is a whole number from 0 on; `true` is none."""
    return type(value) is int and value >= 0


def _run(one: object, account: str) -> Run:
    require(
        isinstance(one, dict) and set(one) == {"stream", "first", "last"}, "a stream has a name, a first and a last"
    )
    stream, first, last = one["stream"], one["first"], one["last"]  # type: ignore[index]
    require(isinstance(stream, str) and STREAM.fullmatch(stream), "a stream has no name")
    require(stream.startswith(f"{account}/"), f"the stream {shown(stream)} is not the account's")
    require(is_count(first) and is_count(last) and 1 <= first <= last, "a stream runs from its first entry to its last")
    return Run(stream.encode("ascii"), first, last, first - 1, GENESIS if first == 1 else None)


def _consistency(proofs: object) -> dict[int, list[bytes]]:
    require(isinstance(proofs, list), "consistency is no list")
    found: dict[int, list[bytes]] = {}
    for proof in proofs:  # type: ignore[attr-defined]
        require(isinstance(proof, dict) and set(proof) == {"size", "hashes"}, "a proof has a size and hashes")
        size, hashes = proof["size"], proof["hashes"]
        require(is_count(size) and size not in found, "a proof's size is no number, or stands there twice")
        require(isinstance(hashes, list) and len(hashes) <= 64, "a proof has at most 64 hashes")
        require(all(isinstance(one, str) for one in hashes), "a hash is no text")
        found[size] = [base64(one, 32) for one in hashes]
    return found


@dataclass
class Changes:
    """The changes of the one certificate that a file was made for: none may be missing between two of them."""

    certificate: str
    known: bool
    """Whether everything before the next change was seen."""
    version: int = 0
    state: dict[str, Any] | None = None
    seen: int = 0

    def take(self, body: dict[str, Any]) -> Broken | None:
        """Go on by one entry; answers what is wrong with its change."""
        change = body.get("change")
        about = (inner(body, "target", "type"), inner(body, "target", "id"), inner(body, "outcome", "result"))
        if about != ("certificate", self.certificate, "success") or not isinstance(change, dict):
            return None
        if not {"before", "after"} <= set(change):
            return None
        before, after, known, last = change["before"], change["after"], self.known, self.state
        version = inner(change, "after", "version") if after is not None else self.version
        expected = self.version if last is not None and after in (None, last) else self.version + 1
        self.known, self.state, self.seen = True, after, self.seen + 1
        self.version = version if is_count(version) else expected
        if before == last and version == expected:
            return None
        if not known:
            return Broken("CHANGES_UNKNOWN", "What happened to the certificate before is archived, or not in the file.")
        message = f"The certificate was not as version {expected - 1} left it: a change is missing, or was changed."
        return Broken("CHANGE_UNRECORDED", message)

    def end(self) -> Broken | None:
        """What is wrong once all was read."""
        if self.seen:
            return None
        message = f"No entry of the file is a change of the certificate {self.certificate}."
        return Broken("CHANGE_UNRECORDED" if self.known else "CHANGES_UNKNOWN", message)


def inner(body: dict[str, Any], outer: str, name: str) -> Any:  # noqa: ANN401 - any JSON
    """A member of a member; None where there is none."""
    part = body.get(outer)
    return part.get(name) if isinstance(part, dict) else None


@dataclass
class Verification:
    """Takes a file line by line, and keeps what is proven and what is wrong.

    `wanted` maps the digests of disclosures that were handed over apart to these; `held` fills with where they belong.
    """

    wanted: dict[str, str]
    findings: Findings = field(default_factory=Findings)
    runs: list[Run] = field(default_factory=list)
    entries: int = 0
    withheld: int = 0
    archived: int = 0
    disclosed: int = 0
    undisclosed: int = 0
    held: list[dict[str, Any]] = field(default_factory=list)
    changes: Changes | None = None
    line: int = 1
    current: int = 0
    ended: bool = False
    header: Header | None = None
    key: Key | None = None
    checkpoint: Checkpoint | None = None
    forged: bool = False
    """Whether the checkpoint is not signed as it must be: then receipts for it say nothing."""

    def report(self, code: str, message: str, run: Run | None = None, aseq: int | None = None) -> None:
        """Note a finding at the present line."""
        stream = None if run is None else run.name
        self.findings.add(Finding(code, message, self.line or None, stream, aseq))

    def begin(self, header: Header) -> None:
        """Take the header."""
        self.header, self.runs = header, header.runs
        if header.selection["kind"] == "certificate":
            whole = all(run.first == 1 for run in header.runs)
            self.changes = Changes(header.selection["id"], known=whole)

    def take(self, line: bytes) -> None:
        """Take a line after the header."""
        if self.ended:
            self.report("LINE_AFTER_END", "After the footer there is one more line.")
        elif line.startswith(b'{"end":'):
            self.ended = True
            self._end(line)
        else:
            self._entry(line)

    def _entry(self, line: bytes) -> None:
        self.entries += 1
        found = ENTRY.match(line)
        if found is None or not line.endswith(b"}"):
            self._malformed()
            return
        stream, number, prev, own, disclosures, body_sha256, withheld = found.groups()
        run, aseq = self._run_of(stream), int(number)
        if run is None:
            name = stream.decode("ascii")
            self.findings.add(
                Finding("STREAM_UNEXPECTED", "The header names no such stream here.", self.line, name, aseq)
            )
            return
        if aseq != run.at + 1:
            message = f"This entry is missing here; entry {aseq} stands in its place."
            self.report("ASEQ_GAP", message, run, run.at + 1)
        elif run.hash not in (None, prev):
            self.report("PREV_MISMATCH", "The entry does not name the hash of the entry before it.", run, aseq)
        body = line[found.end() : -1]
        if withheld is None:
            body_sha256 = hashlib.sha256(body).hexdigest().encode("ascii")
        made = hashlib.sha256(b"anchorage-audit/1\n%b\n%d\n%b\n%b\n" % (stream, aseq, prev, body_sha256)).hexdigest()
        # Go on from what is written, so that one change is one finding and not one for each entry after it.
        run.at, run.hash, run.entries = aseq, own, run.entries + 1
        if made.encode("ascii") != own:
            message = "The hash is not that of the entry's stream, number, predecessor and body: one was changed."
            self.report("ENTRY_HASH_MISMATCH", message, run, aseq)
        elif withheld is None:
            self._body(body, disclosures, run)
        if withheld is not None:
            self._withheld(withheld, run)

    def _malformed(self) -> None:
        run = self.runs[self.current] if self.current < len(self.runs) else None
        if run is None:
            self.report("LINE_MALFORMED", "The line is no entry.")
            return
        # It is taken for the entry that should be here, whose hash is then unknown.
        run.at, run.hash = run.at + 1, None
        self.report("LINE_MALFORMED", "The line is no entry.", run, run.at)

    def _run_of(self, stream: bytes) -> Run | None:
        """The stream that an entry belongs to; streams stand one after another, in the header's order."""
        if self.current < len(self.runs) and self.runs[self.current].stream == stream:
            return self.runs[self.current]
        for at in range(self.current + 1, len(self.runs)):
            if self.runs[at].stream == stream:
                for passed in self.runs[self.current : at]:
                    self._close(passed)
                self.current = at
                return self.runs[at]
        return None

    def _close(self, run: Run) -> None:
        if run.at < run.last:
            message = f"The stream should go on to entry {run.last}, and ends before this one."
            self.report("ASEQ_GAP", message, run, run.at + 1)
        elif run.at > run.last:
            message = f"The stream should end with entry {run.last}."
            self.report("ENTRY_UNEXPECTED", message, run, run.at)

    def _withheld(self, why: bytes, run: Run) -> None:
        run.withheld += 1
        self.withheld += 1
        if why == b"archived":
            self.archived += 1
            if self.changes is not None:
                self.changes.known = False
        elif self.changes is None:
            message = "A body is withheld as not selected, in a file that was made for all of them."
            self.report("SELECTION_DIFFERS", message, run, run.at)

    def _body(self, raw: bytes, disclosures: bytes, run: Run) -> None:
        try:
            body = canonical_json(raw)
        except (ValueError, RecursionError):
            self.report("BODY_NOT_CANONICAL", "The body is not canonical JSON (RFC 8785).", run, run.at)
            return
        if body.get("v") != 1 or type(body["v"]) is not int:
            message = f"The body has the format {shown(body.get('v'))}; this program knows 1."
            self.report("BODY_FORMAT_UNKNOWN", message, run, run.at)
            return
        header = self._begun()
        if body.get("account") != header.account:
            self.report("BODY_FIELDS_DIFFER", "The body names another account than its stream.", run, run.at)
        if run.at in (run.first, run.last) and header.selection["kind"] == "time":
            self._time(body, header, run)
        if self.changes is not None and (broken := self.changes.take(body)) is not None:
            self.report(broken.code, broken.message, run, run.at)
        self._disclosures(disclosures, body, run)

    def _begun(self) -> Header:
        if self.header is None:
            raise UsageError("The file has no header.")
        return self.header

    def _time(self, body: dict[str, Any], header: Header, run: Run) -> None:
        start, end, time = header.selection["start"], header.selection["end"], body.get("time")
        too_early = start is not None and run.at == run.first and not (isinstance(time, str) and time >= start)
        too_late = end is not None and run.at == run.last and not (isinstance(time, str) and time < end)
        if too_early or too_late:
            message = "The selection begins or ends with an entry outside of its interval."
            self.report("SELECTION_DIFFERS", message, run, run.at)

    def _disclosures(self, raw: bytes, body: dict[str, Any], run: Run) -> None:
        listed = body.get("_sd")
        expected = {one for one in listed if isinstance(one, str)} if isinstance(listed, list) else set()
        if self.wanted:
            for digest in expected & self.wanted.keys():
                name, value = claim_of(self.wanted[digest])
                place = {"stream": run.name, "aseq": run.at, "name": name, "value": value}
                self.held.append({"disclosure": self.wanted[digest], "digest": digest, **place})
        found: set[str] = set()
        if raw != b"{}":
            try:
                self._disclosed(compact_json(raw), expected, found, body)
            except Broken as broken:
                self.report(broken.code, broken.message, run, run.at)
            except (ValueError, RecursionError):
                self.report("DISCLOSURE_MALFORMED", "The entry's disclosures cannot be read.", run, run.at)
            if not self._begun().personal_data:
                message = "The header says that the file holds no personal data."
                self.report("SELECTION_DIFFERS", message, run, run.at)
        self.disclosed += len(found)
        self.undisclosed += len(expected - found)

    def _disclosed(self, subjects: Any, expected: set[str], found: set[str], body: dict[str, Any]) -> None:  # noqa: ANN401
        require(isinstance(subjects, dict), "disclosures are filed by subject")
        for subject, made in subjects.items():
            require(isinstance(made, list) and all(isinstance(one, str) for one in made), "disclosures are texts")
            for one in made:
                digest = digest_of(one)
                if digest not in expected or digest in found:
                    message = "A disclosure is not one that the body holds the digest of."
                    raise Broken("DISCLOSURE_UNKNOWN", message)
                found.add(digest)
                name, _ = claim_of(one)
                whose = inner(body, "target" if name.startswith("change.") else "actor", "id") or ""
                if subject != whose:
                    message = f"The disclosure of {shown(name)} is filed under somebody else."
                    raise Broken("DISCLOSURE_SUBJECT_DIFFERS", message)

    def _end(self, line: bytes) -> None:
        for run in self.runs[self.current :]:
            self._close(run)
        self.current = len(self.runs)
        if self.changes is not None and (broken := self.changes.end()) is not None:
            self.report(broken.code, broken.message)
        try:
            end = compact_json(line)["end"]
            require(isinstance(end, dict) and set(end) == {"entries", "withheld", "receipts"}, "its members differ")
            require(is_count(end["entries"]) and is_count(end["withheld"]), "a count is none")
            receipts = _receipts(end["receipts"])
        except (ValueError, RecursionError, KeyError) as problem:
            self.report("FOOTER_MALFORMED", f"The footer is not as it must be: {shown(problem)}.")
            return
        if (end["entries"], end["withheld"]) != (self.entries, self.withheld):
            message = (
                f"The footer counts {end['entries']} entries, {end['withheld']} of them withheld;"
                f" the file holds {self.entries} and {self.withheld}."
            )
            self.report("COUNT_DIFFERS", message)
        self._receive(receipts)

    def _receive(self, receipts: dict[tuple[str, int], str]) -> None:
        """Check the receipt of each stream's last entry, which every entry before it is chained to."""
        if self.forged:
            return
        for run in self.runs if self.checkpoint is not None else ():
            receipt = receipts.pop((run.name, run.last), None)
            if receipt is None:
                self.report("RECEIPT_MISSING", "The stream's last entry has no receipt.", run, run.last)
            elif run.at == run.last and run.hash is not None and self.checkpoint is not None:
                try:
                    require_received(receipt, run.hash.decode("ascii"), self.checkpoint, self.key)
                except Broken as broken:
                    self.report(broken.code, broken.message, run, run.last)
                except ValueError as problem:
                    self.report("RECEIPT_MALFORMED", f"The receipt cannot be read: {problem}.", run, run.last)
        for stream, aseq in receipts:
            message = f"There is a receipt for entry {aseq} of {shown(stream)}, which no stream of the file ends with."
            self.report("RECEIPT_UNEXPECTED", message)


def _receipts(listed: object) -> dict[tuple[str, int], str]:
    require(isinstance(listed, list), "receipts is no list")
    found: dict[tuple[str, int], str] = {}
    for one in listed:  # type: ignore[attr-defined]
        require(isinstance(one, dict) and set(one) == {"stream", "aseq", "receipt"}, "a receipt's members differ")
        require(isinstance(one["stream"], str) and is_count(one["aseq"]), "a receipt is for no entry")
        require(isinstance(one["receipt"], str), "a receipt is no text")
        require((one["stream"], one["aseq"]) not in found, "an entry has two receipts")
        found[one["stream"], one["aseq"]] = one["receipt"]
    return found


def lines(source: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, split at the byte 0A alone, without it; never more than a chunk and a line in memory.

    Raises UsageError for what does not begin like an export, Broken for a line that is cut off or endless.
    """
    rest = chunk = source.read(CHUNK_BYTES)
    if BEGINNING.match(chunk) is None:
        raise UsageError("This is not an exported audit log: it does not begin with its format.")
    while chunk:
        whole = rest.split(b"\n")
        rest = whole.pop()
        yield from whole
        if len(rest) > LINE_LIMIT_BYTES:
            raise Broken("LINE_TOO_LONG", f"The line has more than {LINE_LIMIT_BYTES} bytes.")
        chunk = source.read(CHUNK_BYTES)
        rest += chunk
    if rest:
        raise Broken("FILE_INCOMPLETE", "The file breaks off within a line.")


def unpacked(source: io.BufferedReader) -> BinaryIO:
    """The source itself, or what is packed in it with gzip."""
    if source.peek(2)[:2] != b"\x1f\x8b":
        return source
    return io.BufferedReader(gzip.GzipFile(fileobj=source), CHUNK_BYTES)


@dataclass
class Given:
    """What the command line gives: the checkpoints by the names of their files."""

    source: str
    trusted: dict[str, Checkpoint]
    key: Key | None
    disclosures: dict[str, str]
    json: bool

    @property
    def knows_key(self) -> bool:
        """Whether the key is one that the reader knows: a trusted checkpoint must be signed by it too."""
        return self.key is not None or bool(self.trusted)


def verify(source: io.BufferedReader, given: Given) -> Verification:
    """Read a file to its end.

    Raises UsageError for what is no export.
    """
    verification = Verification(given.disclosures)
    try:
        for line in lines(unpacked(source)):
            if verification.header is None:
                verification.begin(parse_header(line))
                _open(verification, given)
            else:
                verification.take(line)
            verification.line += 1
        if not verification.ended:
            message = "The file has no footer: it was not written to its end, or was cut off."
            verification.report("FILE_INCOMPLETE", message)
    except Broken as broken:
        verification.report(broken.code, broken.message)
    except (OSError, EOFError, zlib.error) as problem:
        verification.report("FILE_UNREADABLE", f"The file cannot be read to its end: {shown(problem)}.")
    verification.line = 0
    missing = given.disclosures.keys() - {one["digest"] for one in verification.held}
    for digest in sorted(missing):
        message = f"No entry that can be read here holds the digest {digest} of a disclosure that was given."
        verification.report("DISCLOSURE_NOT_HELD", message)
    return verification


def _open(verification: Verification, given: Given) -> None:
    """Check the header's checkpoint: by whom it is signed, and that it continues those that are trusted."""
    header = verification.header
    if header is None:
        return
    verification.key = _key_of(verification, header, given)
    if header.checkpoint is None:
        verification.report("CHECKPOINT_ABSENT", "The file has no checkpoint: nothing in it is signed.")
        return
    try:
        verification.checkpoint = parse_checkpoint(header.checkpoint)
    except ValueError as problem:
        verification.report("CHECKPOINT_MALFORMED", f"The checkpoint cannot be read: {problem}.")
        verification.forged = True
        return
    try:
        if verification.key is not None:
            require_signed(verification.checkpoint, verification.key)
    except Broken as broken:
        verification.forged = True
        verification.report(broken.code, broken.message)
    for trusted in given.trusted.values():
        try:
            require_continued(trusted, verification.checkpoint, header.consistency)
            if verification.key is not None:
                require_signed(trusted, verification.key)
        except Broken as broken:
            verification.report(broken.code, f"Against the trusted checkpoint of size {trusted.size}: {broken.message}")


def require_given(own: Key, given: Key) -> None:
    """Check that a file's key is the given one. Raises Broken."""
    require_origin(own.name, given.name)
    if own != given:
        raise Broken("KEY_DIFFERS", f"The file's verifier key, {shown(str(own))}, is not the given one.")


def _key_of(verification: Verification, header: Header, given: Given) -> Key | None:
    """The key that must have signed: the given one, else the file's own."""
    own = None
    try:
        own = None if header.vkey is None else parse_key(header.vkey)
    except ValueError as problem:
        verification.report("KEY_MALFORMED", f"The file's verifier key cannot be read: {problem}.")
    try:
        if given.key is not None and own is not None:
            require_given(own, given.key)
    except Broken as broken:
        verification.report(broken.code, broken.message)
    if given.key is None and header.vkey is None and header.checkpoint is not None:
        verification.report("KEY_ABSENT", "The file has no verifier key, and none is given.")
    return given.key or own


def require_continued(trusted: Checkpoint, present: Checkpoint, consistency: dict[int, list[bytes]]) -> None:
    """Check that a tree continues one that was seen before.

    Raises Broken.
    """
    require_origin(present.origin, trusted.origin)
    if trusted.size > present.size:
        message = (
            f"The file's checkpoint has only {present.size} entries: a rollback, or a file older than what is trusted."
        )
        raise Broken("ROLLBACK", message)
    otherwise = Broken("HISTORY_DIFFERS", "The file's log does not continue the one that is trusted: it was rewritten.")
    if trusted.size in (0, present.size):
        if trusted.root != (present.root if trusted.size else EMPTY_ROOT):
            raise otherwise
        return
    proof = consistency.get(trusted.size)
    if proof is None:
        message = "The file proves nothing for this size: ask for an export made with --trusted-checkpoint."
        raise Broken("CONSISTENCY_UNPROVEN", message)
    if not is_consistent(trusted.size, trusted.root, present.size, present.root, proof):
        raise otherwise


def told(verification: Verification, given: Given) -> str:
    """The verdict in one line."""
    findings = verification.findings
    if findings.first is None:
        return f"{VERDICTS[VERIFIED]}: {proven(verification, given)}"
    others = sum(findings.counts.values()) - 1
    more = f" ({others} more findings: --json)" if others else ""
    return f"{VERDICTS[findings.status]}: {findings.first}{more}"


def proven(verification: Verification, given: Given) -> str:
    """What a file proves that has no findings."""
    checkpoint, key, changes = verification.checkpoint, verification.key, verification.changes
    if checkpoint is None or key is None:
        return ""
    parts = [f"entries {run.first} to {run.last} of stream {run.name}" for run in verification.runs] or ["no entries"]
    if verification.withheld:
        parts.append(f"the bodies of {verification.withheld} of them are withheld")
    if changes is not None:
        parts.append(f"{changes.seen} changes of certificate {changes.certificate}, none missing between them")
    if verification.undisclosed:
        parts.append(f"{verification.undisclosed} disclosures are withheld or erased")
    parts.append(f"tree of {checkpoint.size} entries with root {b64encode(checkpoint.root).decode()}")
    pinned = "" if given.knows_key else " (the file's own: not compared with one that is known)"
    parts.append(f"origin {shown(checkpoint.origin)}, signed by its key {key.id}{pinned}")
    parts += [f"continues the trusted checkpoint of size {trusted.size}" for trusted in given.trusted.values()]
    return "; ".join(parts)


def as_json(verification: Verification, given: Given) -> dict[str, Any]:
    """The answer for programs."""
    checkpoint, key = verification.checkpoint, verification.key
    status = verification.findings.status
    tree = None
    if checkpoint is not None:
        tree = {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": b64encode(checkpoint.root).decode(),
            "signatures": [{"name": name, "key_id": key_id} for name, key_id, _ in checkpoint.signatures],
        }
    return {
        "verdict": VERDICTS[status].lower(),
        "status": status,
        "summary": told(verification, given),
        "streams": [
            {"stream": run.name, "first": run.first, "last": run.last, "entries": run.entries, "withheld": run.withheld}
            for run in verification.runs
        ],
        "checkpoint": tree,
        "key": None if key is None else {"name": key.name, "key_id": key.id, "known": given.knows_key},
        "trusted_checkpoints": [{"file": name, "size": one.size} for name, one in given.trusted.items()],
        "disclosures": {"disclosed": verification.disclosed, "withheld_or_erased": verification.undisclosed},
        "given_disclosures": verification.held,
        "findings": [asdict(finding) for finding in verification.findings.kept],
        "counts": dict(verification.findings.counts),
        "not_evidence": NOT_EVIDENCE,
    }


class Words(argparse.ArgumentParser):
    """A command line that ends with 64 for words that it does not know: 1 and 2 are answers about the log."""

    def error(self, message: str) -> NoReturn:
        """See the library."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def parsed(words: Sequence[str]) -> Given:
    """The command line. Raises UsageError; ends the program with 64 for words that it does not know."""
    parser = Words(prog="audit_verify.py", description="Verify an exported audit log, with nothing else installed.")
    parser.add_argument("export", help="the exported file, plain or gzip; - is standard input")
    parser.add_argument(
        "--trusted-checkpoint", metavar="FILE", action="append", default=[],
        help="a checkpoint of this log that was kept: the export must continue it",
    )  # fmt: skip
    parser.add_argument("--vkey", metavar="VKEY|FILE", help="the log's verifier key; without it the file's own is used")
    parser.add_argument(
        "--disclosure", metavar="D", action="append", default=[],
        help="a disclosure that was handed over apart: say which entry holds its digest",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the whole answer, for programs")
    found = parser.parse_args(words)
    key = None if found.vkey is None else _given_key(found.vkey)
    trusted = {}
    for name in found.trusted_checkpoint:
        try:
            trusted[name] = parse_checkpoint(_small(name))
        except ValueError as problem:
            raise UsageError(f"{name} is no checkpoint: {problem}.") from None
        if key is not None and trusted[name].origin == key.name:
            try:
                require_signed(trusted[name], key)
            except Broken as broken:
                raise UsageError(f"{name} is not signed by the given key: {broken.message}") from None
    disclosures = {}
    for one in found.disclosure:
        try:
            claim_of(one)
        except (ValueError, RecursionError) as problem:
            raise UsageError(f"{shown(one)} is no disclosure: {problem}.") from None
        disclosures[digest_of(one)] = one
    return Given(found.export, trusted, key, disclosures, found.json)


def _given_key(text: str) -> Key:
    try:
        return parse_key(text)
    except ValueError as problem:
        try:
            return parse_key(_small(text).strip())
        except (UsageError, ValueError) as other:
            raise UsageError(
                f"{shown(text)} is neither a verifier key ({problem}) nor a file of one ({other})."
            ) from None


def _small(name: str) -> str:
    """The text of a file of a few lines. Raises UsageError."""
    try:
        with Path(name).open("rb") as file:
            return file.read(CHUNK_BYTES).decode("utf-8")
    except (OSError, ValueError) as problem:
        raise UsageError(f"{name} cannot be read: {problem}") from None


def _read(given: Given) -> Verification:
    if given.source == "-":
        return verify(io.BufferedReader(io.FileIO(0, closefd=False), CHUNK_BYTES), given)
    try:
        with Path(given.source).open("rb") as file:
            return verify(file, given)
    except (OSError, ValueError) as problem:
        raise UsageError(f"{given.source} cannot be read: {problem}") from None


def main(words: Sequence[str]) -> int:
    """Verify, and say what came of it; answers the exit status."""
    as_data = "--json" in words
    try:
        given = parsed(words)
        verification = _read(given)
    except UsageError as problem:
        if as_data:
            say(json.dumps({"verdict": "usage", "status": USAGE, "summary": str(problem)}))
        print(f"audit_verify.py: {problem}", file=sys.stderr)
        return USAGE
    if given.json:
        say(json.dumps(as_json(verification, given), indent=1))
    else:
        say(told(verification, given))
        for held in verification.held:
            place = f"entry {held['aseq']} of stream {held['stream']}"
            say(f"disclosed in {place}: {shown(held['name'])} is {shown(held['value'])}")
        if verification.checkpoint is not None and not given.knows_key:
            print(WARNING, file=sys.stderr)
    return verification.findings.status


def say(text: str) -> None:
    """Print a line; whoever reads no further is not an error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
