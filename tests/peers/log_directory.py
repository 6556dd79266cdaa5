"""A log as files, as any web server can serve it, with its receipts; and the same log with one flaw."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.checkpoint import Checkpoint, Signer
from app.audit.entry import leaf
from app.audit.merkle import Node, consistency_nodes, fold, inclusion_nodes, leaf_hash, node_hash
from app.audit.proof import Receipt
from app.audit.tiles import WIDTH, TilePath, bundle, path_of, width_of

ORIGIN = "log.example/audit"
SIZE = 2 * WIDTH + 87
"""Two full tiles, a partial one, and a partial one above them."""

SIZES = (1, 2, 3, 255, 256, 257, SIZE)


class Consistency(TypedDict):
    """Two checkpoints and what proves that one continues the other."""

    old: str
    new: str
    hashes: list[str]


@dataclass(frozen=True)
class Log:
    """The leaves of a log, every node above them, and its key."""

    leaves: list[bytes]
    levels: list[list[bytes]]
    signer: Signer

    @classmethod
    def of(cls, size: int) -> "Log":
        """A log of entries that tests made up."""
        leaves = [leaf(hashlib.sha256(f"entry {index}".encode()).digest()) for index in range(size)]
        levels = [[leaf_hash(one) for one in leaves]]
        while len(below := levels[-1]) > 1:
            levels.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
        return cls(leaves, levels, Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32)))))

    def hashes(self, planned: list[list[Node]]) -> tuple[bytes, ...]:
        """A planned proof."""
        return tuple(fold([self.levels[level][number] for level, number in part]) for part in planned)

    def root(self, size: int) -> bytes:
        """The root over the first leaves, which is what the newest of them leads to."""
        computed = self.levels[0][size - 1]
        for left in self.hashes(inclusion_nodes(size - 1, size)):
            computed = node_hash(left, computed)
        return computed

    def note(self, size: int) -> str:
        """The signed checkpoint of a size."""
        return str(self.signer.sign(Checkpoint(ORIGIN, size, self.root(size)).text))

    def receipt(self, index: int, size: int = SIZE) -> Receipt:
        """The receipt of a leaf."""
        return Receipt(index, self.hashes(inclusion_nodes(index, size)), self.note(size), self.leaves[index])

    def consistency(self, old: int, new: int) -> "Consistency":
        """What proves that one size continues another."""
        hashes = self.hashes(consistency_nodes(old, new))
        return Consistency(old=self.note(old), new=self.note(new), hashes=[b64encode(one).decode() for one in hashes])

    def write(self, directory: Path) -> Path:
        """The log as files: `checkpoint`, `vkey` and `tile/…`; answers the directory."""
        size = len(self.leaves)
        _put(directory / "checkpoint", self.note(size).encode())
        _put(directory / "vkey", f"{self.signer.vkey}\n".encode())
        for level in range(8):
            number = 0
            while width := width_of(level, number, size):
                first = number * WIDTH
                held = b"".join(self.levels[level * 8][first : first + width])
                _put(directory / "tile" / path_of(TilePath(level, number, width)), held)
                if level == 0:
                    entries = bundle(self.leaves[first : first + width])
                    _put(directory / "tile" / path_of(TilePath(None, number, width)), entries)
                number += 1
        return directory


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _flip(path: str, at: int) -> Callable[[Log, Path], None]:
    def spoil(_: Log, directory: Path) -> None:
        content = bytearray((directory / path).read_bytes())
        content[at] ^= 1
        (directory / path).write_bytes(content)

    return spoil


def _cut(path: str, length: int) -> Callable[[Log, Path], None]:
    def spoil(_: Log, directory: Path) -> None:
        (directory / path).write_bytes((directory / path).read_bytes()[:length])

    return spoil


def _note(make: Callable[[Log], str]) -> Callable[[Log, Path], None]:
    def spoil(log: Log, directory: Path) -> None:
        (directory / "checkpoint").write_text(make(log), encoding="utf-8")

    return spoil


def signed(log: Log, size: int, root: bytes) -> str:
    """A checkpoint that the log signed, whatever its root."""
    return str(log.signer.sign(Checkpoint(ORIGIN, size, root).text))


def _other_key(log: Log) -> str:
    return str(replace(log.signer, private_key=Ed25519PrivateKey.generate()).sign(_text(log)))


def _forged_id(log: Log) -> str:
    """Another key's signature under the id of the log's own."""
    signature = Ed25519PrivateKey.generate().sign(_text(log).encode())
    line = b64encode(log.signer.vkey.key_id + signature).decode()
    return f"{_text(log)}\n\u2014 {ORIGIN} {line}\n"


def _flipped_signature(log: Log) -> str:
    text, _, line = log.note(SIZE).rpartition(" ")
    signed = bytearray(b64decode(line))
    signed[-1] ^= 1
    return f"{text} {b64encode(signed).decode()}\n"


def _text(log: Log) -> str:
    return Checkpoint(ORIGIN, SIZE, log.root(SIZE)).text


def _replace_leaf(log: Log, directory: Path) -> None:
    """Forge a leaf and its hash, so that they fit each other."""
    forged = leaf(hashlib.sha256(b"forged").digest())
    entries, tile = directory / "tile/entries/001", directory / "tile/0/001"
    entries.write_bytes(entries.read_bytes().replace(log.leaves[WIDTH + 7], forged))
    tile.write_bytes(tile.read_bytes().replace(log.levels[0][WIDTH + 7], leaf_hash(forged)))


def _state_smaller(log: Log, directory: Path) -> None:
    """Sign a smaller size than the root has, and serve what belongs to it."""
    Log.of(SIZE - 1).write(directory)
    (directory / "checkpoint").write_text(signed(log, SIZE - 1, log.root(SIZE)), encoding="utf-8")


LOG_FLAWS: dict[str, Callable[[Log, Path], None]] = {
    "a byte of a full tile": _flip("tile/0/000", 5_000),
    "a byte of a partial tile": _flip("tile/0/002.p/87", 86 * 32),
    "a byte of a tile above": _flip("tile/1/000.p/2", 40),
    "a byte of a bundle": _flip("tile/entries/001", 30),
    "a byte of a partial bundle": _flip("tile/entries/002.p/87", 30),
    "a bundle without its last leaf": _cut("tile/entries/002.p/87", 86 * 91),
    "a truncated tile": _cut("tile/0/001", 255 * 32),
    "a forged leaf with its hash": _replace_leaf,
    "another root": _note(lambda log: signed(log, SIZE, leaf_hash(b"another"))),
    "the root of another size": _note(lambda log: signed(log, SIZE, log.root(SIZE - 1))),
    "a smaller size": _state_smaller,
    "a changed size": _note(lambda log: log.note(SIZE).replace(f"\n{SIZE}\n", f"\n{SIZE - 1}\n")),
    "another key": _note(_other_key),
    "another key under the same id": _note(_forged_id),
    "a flipped signature": _note(_flipped_signature),
    "no signature": _note(lambda log: f"{_text(log)}\n"),
}

RECEIPT_FLAWS: dict[str, Callable[[Log, Receipt], Receipt]] = {
    "another leaf": lambda log, good: replace(good, extra=log.leaves[good.index + 1]),
    "another index": lambda _, good: replace(good, index=good.index + 1),
    "another way": lambda log, good: replace(good, hashes=log.receipt(good.index + 1).hashes),
    "a hash less": lambda _, good: replace(good, hashes=good.hashes[:-1]),
    "a hash more": lambda _, good: replace(good, hashes=(*good.hashes, good.hashes[0])),
    "two hashes swapped": lambda _, good: replace(good, hashes=(*good.hashes[1::-1], *good.hashes[2:])),
    "another size": lambda log, good: replace(good, checkpoint=log.note(SIZE - 1)),
    "another key": lambda log, good: replace(good, checkpoint=_other_key(log)),
    "another root": lambda log, good: replace(good, checkpoint=signed(log, SIZE, leaf_hash(b"another"))),
    "a flipped signature": lambda log, good: replace(good, checkpoint=_flipped_signature(log)),
}


@dataclass(frozen=True)
class LogFiles:
    """A log in a directory, its receipts as files, and copies of both that have one flaw each."""

    log: Log
    logs: dict[int, Path]
    """By size: all of them beginnings of the one log."""
    receipts: list[Path]
    flaws: dict[str, Path]
    """By what is wrong: a directory, or the file of a receipt."""

    @property
    def vkey(self) -> str:
        """The key of the log."""
        return str(self.log.signer.vkey)

    @property
    def other_vkey(self) -> str:
        """The key of another log of the same name."""
        return str(replace(self.log.signer, private_key=Ed25519PrivateKey.generate()).vkey)

    @classmethod
    def write(cls, place: Path) -> "LogFiles":
        """Everything, below a directory."""
        log = Log.of(SIZE)
        logs = {size: Log.of(size).write(place / f"good-{size}") for size in SIZES}
        receipts = []
        for index in (0, 1, 255, 256, 400, SIZE - 2, SIZE - 1):
            receipts.append(place / f"{index}.tlog-proof")
            receipts[-1].write_text(str(log.receipt(index)), encoding="utf-8")
        flaws = {}
        for number, (name, spoil) in enumerate(LOG_FLAWS.items()):
            flaws[f"a log with {name}"] = log.write(place / f"log-{number}")
            spoil(log, place / f"log-{number}")
        for number, (name, spoiled) in enumerate(RECEIPT_FLAWS.items()):
            file = flaws[f"a receipt with {name}"] = place / f"flaw-{number}.tlog-proof"
            file.write_text(str(spoiled(log, log.receipt(300))), encoding="utf-8")
        return cls(log, logs, receipts, flaws)
