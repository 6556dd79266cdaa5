"""Identities, files of them, and jobs that are worked off on a temporary database."""

import hashlib
from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from app.actor import Actor
from app.rules.enrollment import render_identity
from app.rules.identity import Identity
from app.services.bulk import WANTED, Uploads
from app.services.jobs import JobRunner
from app.store import enrollments, jobs
from app.store.connection import Connection
from app.store.enrollments import EnrollmentRow
from app.store.jobs import ErrorRow, JobRow
from app.terms import JobKind
from tests.house import ORIGIN, House

HEADING = "enrollment_identity,comment"


def fingerprint(name: object) -> bytes:
    """That of a device which has this name; the same for the same name."""
    return hashlib.sha256(f"device {name}".encode()).digest()


def identity(name: object) -> str:
    """Its identity."""
    return render_identity(fingerprint(name))


def identities(count: int, start: int = 0) -> list[str]:
    """The identities of so many devices."""
    return [identity(number) for number in range(start, start + count)]


def csv_of(lines: Iterable[str]) -> bytes:
    """A file with a heading and these lines."""
    return "".join(f"{line}\n" for line in (HEADING, *lines)).encode()


async def held_claim(connection: Connection, account_id: str, fingerprint: bytes, at: datetime) -> EnrollmentRow | None:
    """The account's claim of the certificate with this SHA-256, where it has one that holds at an instant."""
    found = await enrollments.claim(connection, account_id, Identity(fingerprint), at)
    return None if found is None else found.row


async def in_pieces(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """The bytes as a connection brings them."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def queued(house: House, actor: Actor, kind: JobKind, data: bytes) -> JobRow:
    """A job that waits, of a file."""
    return await Uploads(house.database, house.door, house.clock).take(actor, kind, ORIGIN, in_pieces(data))


def runner(house: House, days: int | None = None) -> JobRunner:
    """What works jobs off."""
    leadership = house.database.leadership(WANTED)
    return JobRunner(house.database, house.door, house.clock, leadership, days)


async def worked_off(
    house: House, actor: Actor, kind: JobKind, data: bytes, days: int | None = None
) -> tuple[JobRow, list[ErrorRow]]:
    """A job that is completed, and the first lines that it refused."""
    job = await queued(house, actor, kind, data)
    await runner(house, days).once()
    return await seen(house, job), await jobs.errors_after(house.database.reads, job.id, 0)


async def claimed(house: House, actor: Actor, names: Iterable[str]) -> JobRow:
    """A job that claimed these identities, every one of them."""
    job, errors = await worked_off(house, actor, JobKind.ENROLLMENT_CLAIM, csv_of(names))
    assert errors == []
    return job


async def seen(house: House, job: JobRow) -> JobRow:
    """The job as it is now."""
    return (await jobs.jobs(house.database.reads, job.account_id, (job.id,)))[job.id]
