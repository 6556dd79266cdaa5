"""`anchorage demo`: an account that looks as if somebody had used it."""

from typing import Annotated

import typer

from app import demo as story_of_a_fleet
from app.actor import Actor, Origin
from app.commands.running import AsJson, answer, object_id, run, say
from app.demo import Upload
from app.errors import InvalidInput, NotFound, Refusal
from app.first_start import ACCOUNT_NAME
from app.installation import Installation
from app.services.certificates import SetCertificateStatus, UploadCertificate
from app.services.submission import Submission
from app.store import reads
from app.terms import Status


def demo(
    *,
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="The account to fill; the first start's when absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fill an account with realistic certificates and their history, mistakes included."""
    done, refused = run(lambda installation: _fill(installation, account))
    answer(
        {"uploaded": done, "refused": refused},
        as_json=as_json,
        plain=f"{done} certificates uploaded, {refused} uploads refused: look at them in the audit log.",
    )


async def _fill(installation: Installation, account: str | None) -> tuple[int, int]:
    operator = installation.operator(await _account_id(installation, account))
    origin = installation.origin("anchorage demo")
    done = refused = 0
    for upload in story_of_a_fleet.story(installation.clock()):
        try:
            await _upload(installation, upload, operator, origin)
            done += 1
        except Refusal as refusal:
            say.print(f"  {upload.name}: {refusal.recorded_code}", markup=False)
            refused += 1
        else:
            say.print(f"  {upload.name}: uploaded", markup=False)
    return done, refused


async def _upload(installation: Installation, upload: Upload, operator: Actor, origin: Origin) -> None:
    submission = Submission.of(upload.pem, at=installation.clock())
    command = UploadCertificate(upload.name, upload.description, submission, upload.usage, upload.service)
    record = (await installation.door.perform(operator, command, origin)).value
    if upload.blacklist is not None:
        blacklisting = SetCertificateStatus(record.id, Status.INACTIVE, upload.blacklist)
        await installation.door.perform(operator, blacklisting, origin)


async def _account_id(installation: Installation, given: str | None) -> str:
    if given is not None:
        account_id = object_id(given)
        if await reads.account(installation.database.reads, account_id) is None:
            raise NotFound("There is no account of this id.", path=("account",))
        return account_id
    for account in await reads.accounts(installation.database.reads):
        if account.name == ACCOUNT_NAME:
            return account.id
    raise InvalidInput("There is no account named `default`: say which with --account.", path=("account",))
