"""A private key that should never have been sent, and a search for whatever became of it."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import asyncpg
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.store.connection import Engine

WINDOW = 12
"""Whatever holds 24 bytes of a key that follow one another holds one of its pieces of 12."""
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def _der(key: Key) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Canary:
    """A fresh key in the forms in which people send one."""

    key: Key
    twin: Key
    """Another of the same kind: what the two begin with alike is no secret."""

    @classmethod
    def of(cls, kind: str) -> "Canary":
        """A key of this kind that nobody has seen before."""
        if kind == "EC":
            return cls(ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1()))
        if kind == "RSA":
            return cls(rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048))
        while True:
            canary = cls(ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate())
            # Every 64 characters of Base64 are letters and digits once in a while: a word, as many fields want it.
            if canary.base64.isalnum():
                return canary

    @property
    def der(self) -> bytes:
        """PKCS #8."""
        return _der(self.key)

    @property
    def base64(self) -> str:
        """DER as Base64, in one piece."""
        return base64.b64encode(self.der).decode()

    @property
    def pem(self) -> str:
        """With its armour, in lines."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def one_line(self) -> str:
        """With its armour, as a header or a form's field can hold it."""
        return self.pem.strip().replace("\n", " ")

    @property
    def texts(self) -> tuple[str, str, str]:
        """The forms that a field of text may hold."""
        return self.pem, self.one_line, self.base64

    @cached_property
    def pieces(self) -> frozenset[bytes]:
        """What must be found nowhere: as bytes, as hexadecimal digits, as Base64, and either in Base64."""
        secret = range(_alike(self.der, _der(self.twin)), len(self.der) - WINDOW, WINDOW)
        found = {self.der[start : start + WINDOW] for start in secret}
        body = self.base64.encode()
        for start in range(_alike(body, base64.b64encode(_der(self.twin))), len(body) - WINDOW, WINDOW):
            found.add(body[start : start + WINDOW])
        for line in self.pem.encode().splitlines()[2:-1]:
            found |= {line[start : start + WINDOW] for start in range(0, len(line) - WINDOW, WINDOW)}
        return pieces_of(found)


def pieces_of(secrets: Iterable[bytes]) -> frozenset[bytes]:
    """Pieces of a secret in every form: as they are, as hexadecimal digits, and either in Base64."""
    found = set(secrets)
    found |= {piece.hex().encode() for piece in found}
    # Disclosures of an entry are stored as Base64 of what they say, at whatever place of its groups of three.
    return frozenset(found.union(*(_encoded(piece) for piece in found)))


def _encoded(piece: bytes) -> set[bytes]:
    """What the Base64 of anything that holds the piece must hold."""
    digits = [base64.b64encode(bytes(before) + piece) for before in range(3)]
    # What the bytes before and after decide in part is left out.
    inside = {each[-(-8 * before // 6) : 8 * (before + len(piece)) // 6] for before, each in enumerate(digits)}
    return inside | {each.translate(bytes.maketrans(b"+/", b"-_")) for each in inside}


def _alike(one: bytes, other: bytes) -> int:
    return next(place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right) + 1


class Sought(Protocol):
    """A secret that is looked for."""

    @property
    def pieces(self) -> frozenset[bytes]:
        """What must be found nowhere."""


@dataclass
class Searched:
    """What the product has said and stored, place by place."""

    places: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, place: str, content: bytes | str) -> None:
        """One more thing that stands there."""
        self.places.setdefault(place, []).append(content if isinstance(content, bytes) else content.encode())

    def found(self, canary: Sought) -> list[str]:
        """Where a piece of the key is, and what stands around it."""
        return [
            f"{place}: …{content[max(0, at - 80) : at + 80]!r}…"
            for place, contents in self.places.items()
            for content in contents
            for at in [max(content.find(piece) for piece in canary.pieces)]
            if at >= 0
        ]


async def stored(engine: Engine, url: str) -> Searched:
    """Everything that the database holds: SQLite's files byte for byte, PostgreSQL's tables row by row."""
    searched = Searched()
    if engine is Engine.SQLITE:
        for path, content in _files(Path(url.removeprefix("sqlite://"))):
            searched.add(path.name, content)
        return searched
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT table_schema AS schema, table_name AS name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        for table in tables:
            for row in await connection.fetch(f'SELECT * FROM "{table["schema"]}"."{table["name"]}"'):
                for column, value in row.items():
                    searched.add(f"{table['name']}.{column}", value if isinstance(value, bytes) else str(value))
    finally:
        await connection.close()
    return searched


def _files(path: Path) -> Iterator[tuple[Path, bytes]]:
    for each in path.parent.glob(f"{path.name}*"):
        yield each, each.read_bytes()
