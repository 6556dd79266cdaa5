"""Previewing a change of certificates: the input, and what is asked of the house."""

import strawberry
from strawberry import UNSET

from app.services import impact as impacts
from app.services.assessment import usual_service
from app.services.impact import Deletion, StatusChange, Upload
from app.services.proposals import status_change, upload_with_room
from app.terms import Service, Status, Usage
from app.transport.graphql.context import Context, Info
from app.transport.graphql.described import attribute, input_type, one_of
from app.transport.graphql.ids import Kind, decode
from app.transport.graphql.inputs import CertificateSource, given
from app.transport.graphql.types.impact import CertificateChangeImpact


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
    """What the change would do; None where the account has no such certificate. Raises what the mutation refuses."""
    context = info.context
    change = await _upload(context, asked.upload) if asked.upload else await _change(context, asked)
    if change is None:
        return None
    found = await impacts.impact(context.connection, context.account_id, change, at=context.now)
    return CertificateChangeImpact.of(found)


async def _change(context: Context, asked: PreviewCertificateChangeInput) -> StatusChange | Deletion | None:
    wanted = given(asked.set_status)
    certificate_id = decode(Kind.CERTIFICATE, (wanted.id if wanted else given(asked.delete)) or strawberry.ID(""))
    if await context.loaders.certificates.load(certificate_id) is None:
        return None
    if wanted is None:
        return Deletion(certificate_id)
    return await status_change(
        context.connection,
        context.account_id,
        certificate_id,
        wanted.status,
        suspend=wanted.suspend_devices,
        resume=wanted.resume_devices,
    )


async def _upload(context: Context, wanted: UploadChangeInput) -> Upload:
    service = given(wanted.service) or usual_service(wanted.usage)
    submission = await wanted.source.examined(context.now)
    return await upload_with_room(context.connection, context.account_id, submission, wanted.usage, service)
