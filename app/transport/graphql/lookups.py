"""What the root fields ask of the store, in the caller's account."""

from app.services import assessment
from app.services.assessment import Preview
from app.store import enrollments, jobs, reads
from app.store.enrollments import EnrollmentFilter as EnrollmentsWanted
from app.store.reads import CertificateFilter as Wanted
from app.store.rows import AccountRow, CertificateRow
from app.transport.graphql.connections import Asked
from app.transport.graphql.context import Context, Info
from app.transport.graphql.ids import Kind, decode
from app.transport.graphql.inputs import (
    CertificateFilter,
    CertificateLookup,
    CertificateOrder,
    EnrollmentFilter,
    PreviewCertificateInput,
    given,
    search_text,
)
from app.transport.graphql.selection import names_below
from app.transport.graphql.types.accounts import KEYS_ORDER, ApiKeyConnection
from app.transport.graphql.types.certificates import CertificateConnection
from app.transport.graphql.types.enrollments import ENROLLMENTS_ORDER, EnrollmentConnection
from app.transport.graphql.types.jobs import JOBS_ORDER, JobConnection


async def own_account(context: Context) -> AccountRow:
    """The caller's account. Raises LookupError: whoever is signed in has one."""
    row = await context.loaders.account()
    if row is None:
        raise LookupError("the caller's account is not there")
    return row


async def certificate_by(context: Context, by: CertificateLookup) -> CertificateRow | None:
    """The record that a lookup names; None when the account has none."""
    connection, account_id = context.connection, context.account_id
    if by.id:
        return await context.loaders.certificates.load(decode(Kind.CERTIFICATE, by.id))
    if by.fingerprint:
        return await reads.certificate_with_fingerprint(connection, account_id, by.fingerprint)
    return await reads.certificate_named(connection, account_id, search_text(given(by.name)) or "")


async def certificates_page(
    info: Info, narrowed: CertificateFilter | None, ordered: CertificateOrder, asked: Asked
) -> CertificateConnection:
    """A page of the account's records, with what its items will be asked for read ahead."""
    context = info.context
    wanted = Wanted() if narrowed is None else narrowed.wanted()
    window = asked.window(ordered.field.value)
    page = await reads.certificates_page(context.connection, context.account_id, wanted, ordered.order(), window)
    await context.loaders.prefetch(page.rows, names_below(info))
    return CertificateConnection.of(
        page,
        ordered.field,
        lambda: reads.count_certificates(context.connection, context.account_id, wanted),
    )


async def api_keys_page(context: Context, asked: Asked) -> ApiKeyConnection:
    """A page of the account's keys."""
    page = await reads.api_keys_page(context.connection, context.account_id, asked.window(KEYS_ORDER))
    return ApiKeyConnection.of(page)


async def enrollments_page(context: Context, narrowed: EnrollmentFilter | None, asked: Asked) -> EnrollmentConnection:
    """A page of the account's claims."""
    wanted = EnrollmentsWanted(at=context.now) if narrowed is None else narrowed.wanted(context.now)
    connection, account_id = context.connection, context.account_id
    page = await enrollments.enrollments_page(connection, account_id, wanted, asked.window(ENROLLMENTS_ORDER))
    return EnrollmentConnection.of(page, lambda: enrollments.count_enrollments(connection, account_id, wanted))


async def jobs_page(context: Context, asked: Asked) -> JobConnection:
    """A page of the account's jobs."""
    connection, account_id = context.connection, context.account_id
    page = await jobs.jobs_page(connection, account_id, asked.window(JOBS_ORDER))
    return JobConnection.of(page, lambda: jobs.count_jobs(connection, account_id))


async def preview(context: Context, given_input: PreviewCertificateInput) -> Preview:
    """What an upload into the caller's account would do."""
    submission = await given_input.source.examined(context.now)
    account = await own_account(context)
    return await assessment.preview(
        context.connection, account, submission, given_input.usage, given(given_input.service)
    )
