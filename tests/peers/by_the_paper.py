"""The paper on the log's format as code, letter by letter: it shares nothing with the product or with the verifier.

The tree is a literal transcription of RFC 6962 2.1: slow, and easy to hold against its text.
"""

import hashlib
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "log.example/anchorage"
SEED = bytes(range(32))
FAR_SEED = bytes(range(1, 33))
"""Somebody else's key."""


def compact(value: object) -> bytes:
    """JSON without spaces, in the order of its members."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def canonical(value: object) -> bytes:
    """Canonical JSON, for what bodies hold."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


# The tree of RFC 6962 2.1, letter by letter: MTH, PATH and SUBPROOF over the leaves D, split at k.


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: Sequence[bytes]) -> bytes:
    if not d:
        return sha256(b"")
    if len(d) == 1:
        return sha256(b"\x00" + d[0])
    k = split(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:]))


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def proof(m: int, d: Sequence[bytes]) -> list[bytes]:
    return subproof(m, d, complete=True)


def subproof(m: int, d: Sequence[bytes], *, complete: bool) -> list[bytes]:
    if m == len(d):
        return [] if complete else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], complete=complete), mth(d[k:])]
    return [*subproof(m - k, d[k:], complete=False), mth(d[:k])]


# Notes.


def key_id(name: str, algorithm: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public)[:4]


def public_of(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def vkey(name: str = ORIGIN, seed: bytes = SEED) -> str:
    public = public_of(seed)
    return "+".join([name, key_id(name, 1, public).hex(), base64(b"\x01" + public)])


def checkpoint(leaves: Sequence[bytes], origin: str = ORIGIN, seed: bytes = SEED) -> str:
    """A signed checkpoint over these leaves."""
    text = f"{origin}\n{len(leaves)}\n{base64(mth(leaves))}\n"
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    return f"{text}\n\u2014 {origin} {base64(key_id(origin, 1, public_of(seed)) + signature)}\n"


def cosigned(note: str, name: str, seed: bytes, timestamp: int) -> str:
    """The note with the line of a witness (cosignature/v1) below."""
    text = note.partition("\n\n")[0] + "\n"
    signed = Ed25519PrivateKey.from_private_bytes(seed).sign(f"cosignature/v1\ntime {timestamp}\n{text}".encode())
    line = key_id(name, 4, public_of(seed)) + timestamp.to_bytes(8, "big") + signed
    return f"{note}\u2014 {name} {base64(line)}\n"
