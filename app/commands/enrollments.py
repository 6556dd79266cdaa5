"""`anchorage enrollment …`: files of identities that an account claims or gives up."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Annotated

import typer

from app.clock import to_text
from app.commands.output import Bar
from app.commands.running import REFUSED, AccountId, AsJson, Shown, answer, object_id, run, say
from app.errors import NotFound
from app.installation import Installation
from app.services.job_report import report
from app.store import jobs
from app.store.jobs import JobRow
from app.terms import JobKind, JobStatus

commands = typer.Typer(help="Claims of devices' identities, by files.", no_args_is_help=True)

READ_AT_ONCE = 1024 * 1024
LOOK_EVERY_SECONDS = 0.5

FileArgument = Annotated[
    typer.FileBinaryRead,
    typer.Argument(
        metavar="FILE", help="CSV: a heading, then an identity first on each line; - is the standard input."
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until the job is done, and say how far it is.")]


@commands.command("claim")
def claim(file: FileArgument, account: AccountId, *, wait: Wait = False, as_json: AsJson = False) -> None:
    """Have the identities of a file claimed. Prints the id of the job that does it."""
    _start(JobKind.ENROLLMENT_CLAIM, "anchorage enrollment claim", file, account, wait=wait, as_json=as_json)


@commands.command("release")
def release(file: FileArgument, account: AccountId, *, wait: Wait = False, as_json: AsJson = False) -> None:
    """Have the claims of a file's identities given up. Prints the id of the job that does it."""
    _start(JobKind.ENROLLMENT_RELEASE, "anchorage enrollment release", file, account, wait=wait, as_json=as_json)


@commands.command("errors")
def errors(
    job: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    account: AccountId,
) -> None:
    """The lines that a job refused, as CSV."""

    async def action(installation: Installation) -> None:
        found = await _require(installation, object_id(account), object_id(job, told_by="enrollment claim"))
        async for text in report(installation.database.reads, found.id):
            sys.stdout.write(text)

    run(action)


@commands.command("work")
def work() -> None:
    """Work off the jobs that wait, and end. A server does it by itself."""

    async def action(installation: Installation) -> None:
        await installation.job_runner().once()

    run(action)


def _start(kind: JobKind, words: str, file: typer.FileBinaryRead, account: str, *, wait: bool, as_json: bool) -> None:
    async def action(installation: Installation) -> JobRow:
        operator = installation.operator(object_id(account))
        origin = installation.origin(words)
        job = await installation.uploads.take(operator, kind, origin, _read(file))
        return await _completed(installation, job) if wait else job

    job = run(action)
    answer(_shown(job), as_json=as_json, plain=job.id)
    if wait:
        refused = f", {job.errors_count} of them refused" if job.errors_count else ""
        say.print(f"{job.processed_count} of {job.total_count} lines are done{refused}.", markup=False)
    if job.status is JobStatus.FAILED:
        raise typer.Exit(REFUSED)


async def _read(file: typer.FileBinaryRead) -> AsyncIterator[bytes]:
    # In a thread: a pipe may say nothing for long.
    while data := await asyncio.to_thread(file.read, READ_AT_ONCE):
        yield data


async def _completed(installation: Installation, job: JobRow) -> JobRow:
    """Wait for a job, and work it off here where nobody else does."""
    runner = installation.job_runner()
    working = asyncio.create_task(runner.run(), name="jobs")
    try:
        with closing(Bar("Lines")) as bar:
            while job.completed_at is None:
                await asyncio.wait({working}, timeout=LOOK_EVERY_SECONDS)
                job = await _require(installation, job.account_id, job.id)
                bar.show(job.processed_count, job.total_count)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    return job


async def _require(installation: Installation, account_id: str, job_id: str) -> JobRow:
    found = await jobs.jobs(installation.database.reads, account_id, (job_id,))
    if job_id not in found:
        raise NotFound("The account has no job of this id.")
    return found[job_id]


def _shown(job: JobRow) -> Shown:
    return {
        "id": job.id,
        "kind": job.kind.value,
        "status": job.status.value,
        "total": job.total_count,
        "processed": job.processed_count,
        "errors": job.errors_count,
        "sha256": job.input_sha256.hex(),
        "created_at": to_text(job.created_at),
        "completed_at": None if job.completed_at is None else to_text(job.completed_at),
    }
