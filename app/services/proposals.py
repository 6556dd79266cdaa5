"""Changes of certificates as they are proposed: by a command, or by whoever only asks what they would do.

Both are refused alike, here, before anything is worked out.
"""

from app.errors import DuplicateCertificate, NotFound
from app.rules import quota
from app.rules.chain import Chain
from app.rules.lifecycle import initial_possession
from app.rules.upload import require_acceptable, require_service
from app.services.fleet_suspension import require_suspending
from app.services.impact import StatusChange, Upload, uploaded
from app.services.submission import Submission
from app.store import reads
from app.store.connection import Connection
from app.store.rows import AccountRow
from app.terms import Service, Status, Usage


async def status_change(
    connection: Connection, account_id: str, certificate_id: str, status: Status, *, suspend: bool, resume: bool
) -> StatusChange:
    """A record would have this status. Raises InvalidInput or InvalidState for what may not be asked with it."""
    await require_suspending(connection, account_id, status, suspend=suspend, resume=resume)
    return StatusChange(certificate_id, status, suspend, resume)


async def upload_change(
    connection: Connection, account_id: str, submission: Submission, usage: Usage, service: Service
) -> Upload:
    """A chain would be uploaded, under whichever name. Raises CertificateRejected or DuplicateCertificate."""
    chain = require_acceptable(submission.examination)
    require_service(usage, service)
    await _require_new(connection, account_id, chain, service)
    account = await _account(connection, account_id)
    possession = initial_possession(usage, require_possession=account.require_possession)
    return uploaded(chain, usage, service, possession)


async def upload_with_room(
    connection: Connection, account_id: str, submission: Submission, usage: Usage, service: Service
) -> Upload:
    """The same, where the account may hold one record more. Raises QuotaExceeded as well."""
    change = await upload_change(connection, account_id, submission, usage, service)
    account = await _account(connection, account_id)
    quota.require_room(used=account.certificate_used, limit=account.certificate_limit)
    return change


async def _account(connection: Connection, account_id: str) -> AccountRow:
    account = await reads.account(connection, account_id)
    if account is None:
        raise NotFound("There is no such account.")
    return account


async def _require_new(connection: Connection, account_id: str, chain: Chain, service: Service) -> None:
    fingerprint = chain.trusted_ca.fingerprint
    existing = await reads.certificate_trusted(connection, account_id, fingerprint, service)
    if existing is not None:
        raise DuplicateCertificate(
            f"The account already trusts this certificate for {service.value}, as “{existing.name}”.",
            existing_id=existing.id,
        )
