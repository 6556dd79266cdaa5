"""Logs as their files, of any size and without a database, which a test may spoil."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.checkpoint import Checkpoint, Note, Signer
from app.audit.entry import leaf
from app.audit.merkle import HASH_BYTES
from app.audit.tiles import WIDTH, TilePath, bundle, path_of
from app.audit.verify_public import Absent, PublicLog
from tests.audit.faithful import Literal

ORIGIN = "log.example/anchorage"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@cache
def leaves(count: int, history: str = "") -> tuple[bytes, ...]:
    """So many leaves; another `history` is other ones."""
    return tuple(leaf(hashlib.sha256(f"{history}{number}".encode()).digest()) for number in range(count))


@dataclass
class Files:
    """What is served under each name. `asked` are the names that were asked for."""

    under: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, name: str) -> bytes:
        self.asked.append(name)
        if name not in self.under:
            raise Absent(f"{name} is not there.")
        return self.under[name]


def signed(size: int, root: bytes, *, origin: str = ORIGIN, key: Ed25519PrivateKey = KEY) -> Note:
    """A checkpoint's note."""
    return Signer(origin, key).sign(Checkpoint(origin, size, root).text)


def log_of(among: Sequence[bytes]) -> PublicLog:
    """The log of these leaves, as its checkpoint says it."""
    root = Literal(among).root()
    return PublicLog(Signer(ORIGIN, KEY).vkey, signed(len(among), root), Checkpoint(ORIGIN, len(among), root))


def files_of(among: Sequence[bytes]) -> Files:
    """All files of the log of these leaves, hashed by the letter of RFC 6962."""
    log, tree = log_of(among), Literal(among)
    under = {"checkpoint": str(log.note).encode(), "vkey": f"{log.key}\n".encode()}
    level, span = 0, 1
    while len(among) // span:
        count = len(among) // span
        hashes = [tree.over(at * span, (at + 1) * span) for at in range(count)]
        for number in range(-(-count // WIDTH)):
            some = hashes[number * WIDTH : (number + 1) * WIDTH]
            under[f"tile/{path_of(TilePath(level, number, len(some)))}"] = b"".join(some)
            if not level:
                packed = bundle(among[number * WIDTH : (number + 1) * WIDTH])
                under[f"tile/{path_of(TilePath(None, number, len(some)))}"] = packed
        level, span = level + 1, span * WIDTH
    assert all(len(content) % HASH_BYTES == 0 for name, content in under.items() if name.startswith("tile/0"))
    return Files(under)
