"""A witness that knows nothing of ours: C2SP tlog-witness, tlog-cosignature and RFC 6962, written down once more.

It answers on the loopback interface, in threads of its own, and can be told to misbehave.
"""

import hashlib
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME = "witness.example/w1"
Reply = tuple[int, str, bytes]
"""Status, media type and body."""


@dataclass
class Seen:
    """The newest checkpoint that the witness cosigned."""

    size: int = 0
    root: bytes = hashlib.sha256(b"").digest()


@dataclass
class Asked:
    """One request that was read to its end."""

    path: str
    old: int
    hashes: int
    size: int


@dataclass
class FakeWitness:
    """A witness of one log. `instead` answers in its place, where it is set: it is given the checkpoint's text.

    `blocked` holds every answer back until it is set.
    """

    log_origin: str
    log_key: bytes
    name: str = NAME
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    seen: Seen = field(default_factory=Seen)
    asked: list[Asked] = field(default_factory=list)
    instead: Callable[["FakeWitness", str], Reply | None] | None = None
    answers: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    _one: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.answers.set()

    @property
    def public_key(self) -> bytes:
        """Its 32 bytes."""
        return self.key.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        """As it is configured with the log."""
        named = key_id(self.name, 4, self.public_key).hex()
        return f"{self.name}+{named}+{b64encode(bytes([4]) + self.public_key).decode()}"

    def answer(self, path: str, body: bytes) -> Reply:
        """What the protocol says."""
        with self._one:
            return self._answer(path, body)

    def _answer(self, path: str, body: bytes) -> Reply:
        asking, _, note = body.decode().partition("\n\n")
        first, *hashes = asking.split("\n")
        word, _, number = first.partition(" ")
        if word != "old" or number != str(int(number)) or len(hashes) > 63:
            return 400, "text/plain", b""
        text, _, below = note.partition("\n\n")
        text += "\n"
        origin, shown_size, shown_root = text.split("\n")[:3]
        size, root = int(shown_size), b64decode(shown_root)
        self.asked.append(Asked(path, int(number), len(hashes), size))
        if self.instead is not None and (instead := self.instead(self, text)) is not None:
            return instead
        if origin != self.log_origin:
            return 404, "text/plain", b"unknown log\n"
        if not self._is_signed(text, below):
            return 403, "text/plain", b"unknown key\n"
        return self._judged(int(number), [b64decode(one) for one in hashes], size, root, text)

    def _judged(self, old: int, proof: list[bytes], size: int, root: bytes, text: str) -> Reply:
        if old > size:
            return 400, "text/plain", b""
        if old != self.seen.size or (old == size and root != self.seen.root):
            return 409, "text/x.tlog.size", b"%d\n" % self.seen.size
        if not is_consistent(old, self.seen.root, size, root, proof):
            return 422, "text/plain", b"inconsistent\n"
        self.seen = Seen(size, root)
        return 200, "text/plain", self.line(text).encode()

    def line(self, text: str, *, at: int | None = None, key: Ed25519PrivateKey | None = None) -> str:
        """A cosignature of a text, in this witness's name."""
        seconds = int(time()) if at is None else at
        signature = (key or self.key).sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
        signed = key_id(self.name, 4, self.public_key) + seconds.to_bytes(8, "big") + signature
        return f"\u2014 {self.name} {b64encode(signed).decode()}\n"

    def _is_signed(self, text: str, below: str) -> bool:
        for line in below.splitlines():
            _, name, encoded = line.split(" ")
            signed = b64decode(encoded)
            if name == self.log_origin and signed[:4] == key_id(name, 1, self.log_key):
                try:
                    Ed25519PublicKey.from_public_bytes(self.log_key).verify(signed[4:], text.encode())
                except InvalidSignature:
                    return False
                return True
        return False


def key_id(name: str, algorithm: int, public_key: bytes) -> bytes:
    """The first four bytes of the hash that a key is named by."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([algorithm]) + public_key).digest()[:4]


def is_consistent(old: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]) -> bool:
    """RFC 6962 2.1.2, followed from the root down."""
    if old in (0, size):
        return not proof and (old == 0 or old_root == root)
    rest = list(proof)
    try:
        computed_old, computed = _subproof(old, size, rest, old_root, is_whole=True)
    except IndexError:
        return False
    return not rest and (computed_old, computed) == (old_root, root)


def _subproof(old: int, size: int, rest: list[bytes], old_root: bytes, *, is_whole: bool) -> tuple[bytes, bytes]:
    if old == size:
        known = old_root if is_whole else rest.pop()
        return known, known
    half = 1
    while half * 2 < size:
        half *= 2
    sibling = rest.pop()
    if old <= half:
        below_old, below = _subproof(old, half, rest, old_root, is_whole=is_whole)
        return below_old, _joined(below, sibling)
    below_old, below = _subproof(old - half, size - half, rest, old_root, is_whole=False)
    return _joined(sibling, below_old), _joined(sibling, below)


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@contextmanager
def answering(witness: FakeWitness) -> Iterator[FakeWitness]:
    """Listen on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, media_type, answer = witness.answer(self.path, body)
            witness.answers.wait()
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Nothing is to be said."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A client that gave up is no error of the server's."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    witness.url = f"http://127.0.0.1:{server.server_address[1]}/submit"
    try:
        yield witness
    finally:
        witness.answers.set()
        server.shutdown()
        server.server_close()
        thread.join()
