"""A migrated database with accounts and certificates in it, and callers that come through its door."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from time import perf_counter, process_time

import asyncpg
from cryptography.hazmat.primitives.asymmetric import ec

from app.actor import SCOPES, Actor, ActorType, Origin, Role, command_line
from app.clock import system_clock
from app.demo import Authority
from app.services.accounts import CreateAccount, SetAccountLimit
from app.services.certificates import SetCertificateStatus, UploadCertificate
from app.services.command import Command
from app.services.door import Door
from app.services.submission import Submission
from app.store.database import Database, open_database
from app.store.migrate import migrate
from app.store.rows import CertificateRow
from app.store.url import sqlite_path
from app.terms import Service, Status, Tier, Usage

ORIGIN = Origin(
    request_id="0123456789abcdef0123456789abcdef",
    operation="SetCertificateStatus",
    path="setTrustedCertificateStatus",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    address="192.0.2.7",
    agent="anchorage-bench/1",
)
SEVERAL_ACCOUNTS = 8
CERTIFICATES_EACH = 50
LIMIT = 10_000
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Rate:
    """What callers got: commands a second of wall time, and processor time of this process per command."""

    per_second: float
    cpu_micros: float


@dataclass(frozen=True, slots=True)
class House:
    """An open database with `SEVERAL_ACCOUNTS` accounts, each with `CERTIFICATES_EACH` records."""

    database: Database
    door: Door
    actors: Sequence[Actor]
    records: Sequence[Sequence[str]]

    async def change(self, callers: int, seconds: float, *, accounts: int, door: Door | None = None) -> Rate:
        """`callers` at a time set statuses, for so many seconds, spread over so many accounts."""
        # Each has records of its own: one that has its status already is recorded and not changed.
        share = -(-callers // accounts)
        commands = [
            self._changes(self.actors[at % accounts], self.records[at % accounts][at // accounts :: share])
            for at in range(callers)
        ]
        return await _load(door or self.door, commands, seconds)

    async def upload(self, callers: int, seconds: float, authorities: Iterator[Submission]) -> Rate:
        """`callers` at a time upload certificates that nobody has seen, all in one account."""
        shared = self._uploads(authorities)
        return await _load(self.door, [shared] * callers, seconds)

    def _changes(self, actor: Actor, records: Sequence[str]) -> Iterator[tuple[Actor, SetCertificateStatus]]:
        for status in cycle((Status.INACTIVE, Status.ACTIVE)):
            for record in records:
                yield actor, SetCertificateStatus(record, status, "The plant's key left the building.")

    def _uploads(self, authorities: Iterator[Submission]) -> Iterator[tuple[Actor, UploadCertificate]]:
        for submission in authorities:
            yield self.actors[0], upload_of(submission)


async def _load(
    door: Door, commands: Sequence[Iterator[tuple[Actor, Command[CertificateRow]]]], seconds: float
) -> Rate:
    done = 0
    end = perf_counter() + seconds

    async def call(mine: Iterator[tuple[Actor, Command[CertificateRow]]]) -> None:
        nonlocal done
        # Whoever runs out of commands has done enough: the time is measured, not assumed.
        for actor, command in mine:
            await door.perform(actor, command, ORIGIN)
            done += 1
            if perf_counter() >= end:
                return

    start, cpu = perf_counter(), process_time()
    await asyncio.gather(*(call(mine) for mine in commands))
    return Rate(done / (perf_counter() - start), (process_time() - cpu) / done * 1e6)


def upload_of(submission: Submission) -> UploadCertificate:
    """The command that trusts what was examined; its name is the input's hash."""
    return UploadCertificate(
        f"Plant {submission.sha256.hex()[:16]}", "Meters", submission, Usage.CREDENTIALS, Service.BOOTSTRAP
    )


def authorities() -> Iterator[str]:
    """Roots that nobody has seen, as PEM; the key is made here and thrown away."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    number = 0
    while True:
        number += 1
        root = Authority.root(f"Northwind Plant {number} CA", key, start=now - _YEAR, end=now + 9 * _YEAR)
        yield root.pem


def submissions() -> Iterator[Submission]:
    """The same, examined as at the border."""
    return (Submission.of(pem, at=datetime.now(UTC)) for pem in authorities())


@asynccontextmanager
async def furnished(url: str) -> AsyncIterator[House]:
    """A house on a new database."""
    await create(url)
    await migrate(url)
    database = open_database(url)
    await database.start()
    try:
        door = Door(database, clock=system_clock, node="bench-1", software="anchorage/bench")
        actors = [await _account(door, number) for number in range(SEVERAL_ACCOUNTS)]
        source = submissions()
        records = [[await _upload(door, actor, next(source)) for _ in range(CERTIFICATES_EACH)] for actor in actors]
        yield House(database, door, actors, records)
    finally:
        await database.close()


async def _account(door: Door, number: int) -> Actor:
    operator = command_line(None, "bench")
    account = (await door.perform(operator, CreateAccount(f"account {number}", Tier.COMMERCIAL), ORIGIN)).value
    await door.perform(command_line(account.id, "bench"), SetAccountLimit(account.id, LIMIT), ORIGIN)
    return Actor(ActorType.API_KEY, f"{number:032x}", account.id, "plant operations", SCOPES[Role.ADMIN])


async def _upload(door: Door, actor: Actor, submission: Submission) -> str:
    return (await door.perform(actor, upload_of(submission), ORIGIN)).value.id


async def create(url: str) -> None:
    """Make the database where the engine does not make it by itself."""
    if sqlite_path(url) is not None:
        return
    server, _, name = url.rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres")
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
