"""Somebody whom a log knows, and the search for whatever is left of them: as bytes, in every file of a database."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from jwcrypto.jwk import JWK  # type: ignore[import-untyped]
from jwcrypto.jws import JWS  # type: ignore[import-untyped]
from sd_jwt.verifier import SDJWTVerifier  # type: ignore[import-untyped]

from app.actor import SCOPES, Actor, ActorType, Origin, Role
from app.services.audit_log import ReadAuditLog
from app.services.erasure import EraseSubject
from app.services.users import CreateUser
from app.store import log_reads
from app.store.connection import Row
from app.store.database import Database
from app.store.removals import Erased
from app.store.rows import EntryRow, UserRow
from app.store.url import sqlite_path
from tests.audit.history import World

NAME = "Augusta Ada King-Noel"
ADDRESS = "198.51.100.177"
AGENT = "Analytical-Engine/1843"
UNUSABLE = "no hash of any password"


@dataclass
class Person:
    """Somebody with a sign-in, in the account of a world."""

    world: World
    row: UserRow

    @classmethod
    async def join(cls, world: World, name: str = NAME) -> "Person":
        """A new person."""
        return cls(world, await world.act(CreateUser(name, Role.ADMIN, "hash"), world.operator))

    @property
    def actor(self) -> Actor:
        """Signed in."""
        return Actor(ActorType.USER, self.row.id, self.world.account.id, self.row.name, SCOPES[Role.ADMIN])

    async def work(self, times: int = 3) -> None:
        """Do something that is recorded, from an address of their own."""
        for _ in range(times):
            await self.world.door.perform(self.actor, ReadAuditLog("auditEvents"), self.origin)

    @property
    def origin(self) -> Origin:
        """A request of theirs."""
        address, agent = (ADDRESS, AGENT) if self.row.name == NAME else ("203.0.113.5", "Somebody-Else/2")
        return Origin("r" * 32, "Test", "field", None, address, agent)

    async def erase(self) -> Erased:
        """Have the operator erase them."""
        return await self.world.act(EraseSubject(self.row.id, UNUSABLE, "Article 17"), self.world.operator)


async def disclosures_of(database: Database, subject_id: str) -> list[str]:
    """Every disclosure of a subject."""
    rows = await database.reads.fetch("SELECT disclosures FROM audit_disclosure WHERE subject_id = $1", subject_id)
    return [disclosure for row in rows for disclosure in row["disclosures"].split("~")]


async def hashes_of(database: Database) -> list[Row]:
    """What receipts, tiles and exports are computed from."""
    return [
        dict(row)
        for row in await database.reads.fetch(
            "SELECT stream, aseq, prev, hash, body_sha256 FROM audit_entry ORDER BY seq"
        )
    ]


def spellings(text: str) -> Iterator[bytes]:
    """A text as it is, and as base64url spells it wherever it may begin."""
    plain = text.encode()
    yield plain
    for before in range(3):
        spelled = urlsafe_b64encode(bytes(before) + plain).rstrip(b"=")
        # The characters at its edges also depend on what stands beside it.
        yield spelled[before + 1 if before else 0 : len(spelled) - (1 if (before + len(plain)) % 3 else 0)]


async def files_of(url: str) -> dict[str, bytes]:
    """Every file that holds the database's tables; PostgreSQL's own log of writes is not one of them."""
    path = sqlite_path(url)
    if path is not None:
        return await asyncio.to_thread(_read_all, [path.with_name(path.name + end) for end in ("", "-wal", "-shm")])
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CHECKPOINT")
        folder = await connection.fetchval("SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()")
        names = [row[0] for row in await connection.fetch("SELECT pg_ls_dir($1)", folder)]
        read = "SELECT pg_read_binary_file($1, 0, 1000000000, true)"
        return {name: await connection.fetchval(read, f"{folder}/{name}") or b"" for name in names}
    finally:
        await connection.close()


def _read_all(files: Sequence[Path]) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in files if file.exists()}


async def traces(url: str, *needles: bytes) -> list[str]:
    """Where any of these stands."""
    return [
        f"{name}: {needle!r}" for name, held in (await files_of(url)).items() for needle in needles if needle in held
    ]


def disclosed_by(body: bytes, disclosures: Sequence[str]) -> dict[str, str]:
    """What another implementation of RFC 9901 (`sd-jwt`) reads from a body and disclosures; it refuses a stray one."""
    key = JWK.generate(kty="oct", size=256)
    token = JWS(body)
    token.add_signature(key, None, json.dumps({"alg": "HS256"}), None)
    seen = SDJWTVerifier("~".join([token.serialize(compact=True), *disclosures, ""]), lambda *_: key)
    payload: dict[str, str] = seen.get_verified_payload()
    return {name: value for name, value in payload.items() if name not in json.loads(body)}


async def entries_of(database: Database) -> list[EntryRow]:
    """Every entry of every stream."""
    streams = await database.reads.fetch("SELECT stream FROM audit_stream ORDER BY stream")
    return [entry for row in streams async for entry in log_reads.walk(database.reads, row["stream"])]
