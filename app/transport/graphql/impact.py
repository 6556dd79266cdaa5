"""Previewing a change of certificates: the input, and what is asked of the house."""

import strawberry
from strawberry import UNSET

from app.errors import CertificateRejected
from app.rules.lifecycle import initial_possession
from app.rules.upload import require_acceptable, require_service
from app.services import impact as impacts
from app.services.assessment import usual_service
from app.services.impact import Change, Deletion, StatusChange, uploaded
from app.terms import Service, Status, Usage
from app.transport.graphql.context import Context, Info
from app.transport.graphql.described import attribute, input_type, one_of
from app.transport.graphql.ids import Kind, decode
from app.transport.graphql.inputs import CertificateSource, given
from app.transport.graphql.lookups import own_account
from app.transport.graphql.types.impact import CertificateChangeImpact
from app.transport.graphql.wrong_input import BadUserInput


@input_type
class StatusChangeInput:
    """A certificate that would be blacklisted or enabled."""

    id: strawberry.ID = attribute("Which.")
    status: Status = attribute("Its status then.")
    suspend_devices: bool = attribute("With `INACTIVE`: its devices would be suspended too.", default=False)
    resume_devices: bool = attribute("With `ACTIVE`: its devices would be resumed too.", default=False)


@input_type
class UploadChangeInput:
    """A certificate that would be uploaded."""

    source: CertificateSource = attribute("The chain.")
    usage: Usage = attribute("How devices would use it.")
    service: Service | None = attribute("Which server; the one that the usage implies when absent.", default=UNSET)


@one_of
class PreviewCertificateChangeInput:
    """A change, as exactly one of these."""

    set_status: StatusChangeInput | None = attribute("A status that would be set.", default=UNSET)
    delete: strawberry.ID | None = attribute("The certificate that would be deleted.", default=UNSET)
    upload: UploadChangeInput | None = attribute("A certificate that would be uploaded.", default=UNSET)


async def previewed(info: Info, asked: PreviewCertificateChangeInput) -> CertificateChangeImpact | None:
    """What the change would do; None where the account has no such certificate."""
    context = info.context
    change = await _change(context, asked)
    if isinstance(change, StatusChange | Deletion) and not await context.loaders.certificates.load(
        change.certificate_id
    ):
        return None
    found = await impacts.impact(context.connection, context.account_id, change, at=context.now)
    return CertificateChangeImpact.of(found)


async def _change(context: Context, asked: PreviewCertificateChangeInput) -> Change:
    if asked.set_status:
        wanted = asked.set_status
        return StatusChange(
            decode(Kind.CERTIFICATE, wanted.id), wanted.status, wanted.suspend_devices, wanted.resume_devices
        )
    if asked.upload:
        return await _upload(context, asked.upload)
    return Deletion(decode(Kind.CERTIFICATE, given(asked.delete) or strawberry.ID("")))


async def _upload(context: Context, wanted: UploadChangeInput) -> Change:
    service = given(wanted.service) or usual_service(wanted.usage)
    submission = await wanted.source.examined(context.now)
    try:
        chain = require_acceptable(submission.examination)
        require_service(wanted.usage, service)
    except CertificateRejected as rejected:
        raise BadUserInput(f"It would not be accepted: {rejected.message}") from None
    account = await own_account(context)
    possession = initial_possession(wanted.usage, require_possession=account.require_possession)
    return uploaded(chain, wanted.usage, service, possession)
