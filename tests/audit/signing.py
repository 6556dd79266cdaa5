"""Keys, notes and lines that tests sign and spoil. The keys are made of one repeated byte and protect nothing."""

import hashlib
from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.checkpoint import Algorithm, Checkpoint, Signer, VerifierKey
from app.audit.merkle import leaf_hash

ORIGIN = "log.example/1"
WITNESS = "witness.example/w"
ROOT = leaf_hash(b"a leaf")
CHECKPOINT = Checkpoint(ORIGIN, 1, ROOT)
TIME = 1_790_000_000


def private_key(byte: int = 1) -> Ed25519PrivateKey:
    """The private key of one repeated byte."""
    return Ed25519PrivateKey.from_private_bytes(bytes([byte]) * 32)


def signer(name: str = ORIGIN, byte: int = 1) -> Signer:
    """A log's key."""
    return Signer(name, private_key(byte))


def witness(byte: int = 9) -> VerifierKey:
    """A witness's public key."""
    return VerifierKey(WITNESS, Algorithm.COSIGNATURE, private_key(byte).public_key().public_bytes_raw())


def key_id(name: str, algorithm: int, public_key: bytes) -> bytes:
    """A key's id as signed-note recommends it."""
    return hashlib.sha256(f"{name}\n".encode() + bytes([algorithm]) + public_key).digest()[:4]


def line(name: str, identity: bytes, signature: bytes) -> str:
    """A line below a note."""
    return f"— {name} {b64encode(identity + signature).decode()}\n"


def signed_line(text: str, name: str = ORIGIN, byte: int = 1) -> str:
    """A log's line, spelled out as signed-note has it."""
    key = private_key(byte)
    return line(name, key_id(name, 1, key.public_key().public_bytes_raw()), key.sign(text.encode()))


def cosigned_line(text: str, byte: int = 9, *, time: int = TIME, stated: int | None = None) -> str:
    """A witness's line, spelled out as tlog-cosignature has it; `stated` is the time in it, if not the one signed."""
    key = private_key(byte)
    signature = key.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    stamp = (time if stated is None else stated).to_bytes(8, "big")
    return line(WITNESS, key_id(WITNESS, 4, key.public_key().public_bytes_raw()), stamp + signature)
