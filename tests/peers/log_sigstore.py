"""Verifies logs and receipts with the package sigstore, and with none of the product's code.

    python tests/peers/log_sigstore.py VKEY WHERE...

Each WHERE is a log, as its directory or the address that it is served at, or a receipt, as a file `….tlog-proof`.
Of a log every leaf is proved from the tiles. Prints one line of JSON for each: `verified`, with the number of leaves,
or `refused`, with the reason.
"""

import hashlib
import json
import sys
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import SignedCheckpoint, verify_checkpoint
from sigstore._internal.trust import Keyring, RekorKeyring
from sigstore._utils import KeyID
from sigstore.errors import Error
from sigstore.models import TransparencyLogEntry
from sigstore_models.common.v1 import PublicKey, PublicKeyDetails
from sigstore_models.rekor import v1


@dataclass(frozen=True)
class Log:
    """Whose notes are trusted."""

    keyring: RekorKeyring
    key_id: bytes

    @classmethod
    def of(cls, vkey: str) -> "Log":
        """The log of a verifier key."""
        _, key_id, material = vkey.strip().split("+", 2)
        key = Ed25519PublicKey.from_public_bytes(b64decode(material)[1:])
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        public = PublicKey(raw_bytes=b64encode(der), key_details=PublicKeyDetails.PKIX_ED25519)
        return cls(RekorKeyring(Keyring([public])), bytes.fromhex(key_id))

    def opened(self, note: str) -> SignedCheckpoint:
        """A checkpoint that the log signed."""
        signed = SignedCheckpoint.from_text(note)
        signed.signed_note.verify(self.keyring, KeyID(self.key_id))
        return signed

    def require_included(self, leaf: bytes, index: int, hashes: list[bytes], note: str) -> None:
        """Have an inclusion proof and its checkpoint verified."""
        checkpoint = self.opened(note).checkpoint
        proof = v1.InclusionProof.from_dict(
            {
                "log_index": str(index),
                "root_hash": b64encode(bytes.fromhex(checkpoint.log_hash)),
                "tree_size": str(checkpoint.log_size),
                "hashes": [b64encode(one) for one in hashes],
                "checkpoint": {"envelope": note},
            }
        )
        entry = v1.TransparencyLogEntry.from_dict(
            {
                "log_index": str(index),
                "log_id": {"key_id": b64encode(self.key_id)},
                "kind_version": {"kind": "entry", "version": "1"},
                "inclusion_proof": proof,
                "canonicalized_body": b64encode(leaf),
            }
        )
        verify_checkpoint(self.keyring, TransparencyLogEntry(entry))
        verify_merkle_inclusion(TransparencyLogEntry(entry))


@dataclass(frozen=True)
class Tiles:
    """The tiles of a tree of a known size, and what can be computed from them."""

    where: str
    size: int
    _read: dict[str, bytes] = field(default_factory=dict)
    _hashes: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def leaves(self) -> list[bytes]:
        """Every leaf, out of the bundles."""
        found = []
        for number in range((self.size + 255) // 256):
            packed = self._tile("entries", number, self.size)
            while packed:
                length = int.from_bytes(packed[:2], "big")
                found.append(packed[2 : 2 + length])
                packed = packed[2 + length :]
        return found

    def path(self, index: int) -> list[bytes]:
        """The inclusion proof of a leaf, from the leaf up (RFC 6962 2.1.1)."""
        start, end = 0, self.size
        path = []
        while end - start > 1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        return path[::-1]

    def _hash(self, start: int, end: int) -> bytes:
        if (start, end) not in self._hashes:
            self._hashes[start, end] = self._computed(start, end)
        return self._hashes[start, end]

    def _computed(self, start: int, end: int) -> bytes:
        height = (end - start).bit_length() - 1
        if end - start == 1 << height and height % 8 == 0:
            number = start >> height
            held = self._tile(str(height // 8), number // 256, self.size >> height)
            return held[number % 256 * 32 : number % 256 * 32 + 32]
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        return hashlib.sha256(b"\x01" + self._hash(start, middle) + self._hash(middle, end)).digest()

    def _tile(self, level: str, number: int, reaches: int) -> bytes:
        spelled = f"{number % 1000:03}"
        for power in (1000, 1_000_000):
            spelled = f"x{number // power % 1000:03}/{spelled}" if number >= power else spelled
        width = min(256, reaches - number * 256)
        path = f"tile/{level}/{spelled}" + (f".p/{width}" if width < 256 else "")
        if path not in self._read:
            self._read[path] = read(self.where, path)
        return self._read[path]


def read(where: str, path: str) -> bytes:
    """A resource of a log."""
    if "://" not in where:
        return Path(where, path).read_bytes()
    with urlopen(f"{where.rstrip('/')}/{path}", timeout=60) as response:  # noqa: S310  # the test says where
        found: bytes = response.read()
        return found


def verify_log(log: Log, where: str) -> int:
    """Have every leaf of a log verified; answers how many there are."""
    note = read(where, "checkpoint").decode()
    tiles = Tiles(where, log.opened(note).checkpoint.log_size)
    leaves = tiles.leaves()
    if len(leaves) != tiles.size:
        raise ValueError(f"{len(leaves)} leaves in the bundles of a tree of {tiles.size}")
    for index, leaf in enumerate(leaves):
        log.require_included(leaf, index, tiles.path(index), note)
    return len(leaves)


def verify_receipt(log: Log, text: str) -> int:
    """Have a receipt verified, which holds its leaf."""
    proof, note = text.split("\n\n", 1)
    _, extra, index, *hashes = proof.split("\n")
    leaf = b64decode(extra.removeprefix("extra "))
    log.require_included(leaf, int(index.removeprefix("index ")), [b64decode(one) for one in hashes], note)
    return 1


def main(vkey: str, *places: str) -> None:
    """Say of each place what there is to say."""
    log = Log.of(vkey)
    for where in places:
        try:
            if where.endswith(".tlog-proof"):
                said: dict[str, int | str] = {"verified": verify_receipt(log, Path(where).read_text(encoding="utf-8"))}
            else:
                said = {"verified": verify_log(log, where)}
        except (Error, ValueError, OSError) as refusal:
            said = {"refused": str(refusal)}
        print(json.dumps(said))  # noqa: T201  # it speaks to the test


if __name__ == "__main__":
    main(*sys.argv[1:])
