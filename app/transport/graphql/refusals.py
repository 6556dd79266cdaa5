"""The one table from refusals to what a GraphQL caller gets: an error as data, or a top-level error with a code."""

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.extensions import FieldExtension

from app import errors
from app.errors import Refusal
from app.findings import Finding
from app.services.additions import Quota
from app.services.assessment import Noticed
from app.transport.graphql.context import Context, Info
from app.transport.graphql.ids import Kind, encode
from app.transport.graphql.types.accounts import CertificateQuota
from app.transport.graphql.types.certificates import Certificate, findings_of
from app.transport.graphql.types.errors import (
    AlreadyClaimedError,
    CertificateRejectedError,
    DuplicateCertificateError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    InvalidStateError,
    NotFoundError,
    ProofRejectedError,
    QuotaExceededError,
    UserError,
    UserErrorCode,
    VersionConflictError,
)
from app.transport.graphql.types.impact import CertificateChangeImpact
from app.transport.graphql.types.payloads import Payload

AS_DATA: dict[type[Refusal], type[UserError]] = {
    errors.InvalidInput: InvalidInputError,
    errors.NameTaken: InvalidInputError,
    errors.PrivateKeyPresent: InvalidInputError,
    errors.NotFound: NotFoundError,
    errors.QuotaExceeded: QuotaExceededError,
    errors.DuplicateCertificate: DuplicateCertificateError,
    errors.CertificateRejected: CertificateRejectedError,
    errors.VersionConflict: VersionConflictError,
    errors.ImpactChanged: VersionConflictError,
    errors.InvalidState: InvalidStateError,
    errors.DeleteWouldUnblock: InvalidStateError,
    errors.ChallengeUsed: InvalidStateError,
    errors.ProofRejected: ProofRejectedError,
    errors.AlreadyClaimed: AlreadyClaimedError,
    errors.IdempotencyKeyReused: IdempotencyKeyReusedError,
}
"""What the caller can act on: part of a payload."""

AS_TOP_LEVEL: frozenset[type[Refusal]] = frozenset(
    {
        errors.Unauthenticated,
        errors.Forbidden,
        errors.RateLimited,
        errors.AuditUnavailable,
        errors.OutcomeUnknown,
        errors.StoreUnavailable,
        errors.SecretsUnavailable,
        errors.HistoryUnavailable,
        errors.DeviceRefused,  # only gateways meet it
    }
)
"""What has nothing to do with the input: a top-level error, whose `extensions.code` is the refusal's code."""


class AnswersRefusals(FieldExtension):
    """Makes a mutation answer refusals: as its payload where they are data, as they are where they are not."""

    def __init__(self, payload: type[Payload]) -> None:
        self.payload = payload

    async def resolve_async(
        self,
        next_: Callable[..., Awaitable[Any]],
        source: object,
        info: Info,
        **kwargs: object,
    ) -> object:
        """See FieldExtension."""
        # What an earlier field of this operation read is from before this act.
        info.context.renew()
        try:
            return await next_(source, info, **kwargs)
        except Refusal as refusal:
            if type(refusal) not in AS_DATA:
                raise
            return self.payload.refused(await as_data(refusal, info.context), refusal.entry_id)


async def as_data(refusal: Refusal, context: Context) -> UserError:
    """The refusal as the schema shows it."""
    more: dict[str, Any] = {}
    match refusal:
        case errors.QuotaExceeded():
            more["quota"] = CertificateQuota.of(Quota(limit=refusal.limit, used=refusal.used))
        case errors.DuplicateCertificate():
            more["existing"] = await _certificate(context, refusal.existing_id)
        case errors.CertificateRejected():
            more["findings"] = findings_of(Noticed(finding) for finding in refusal.findings)
        case errors.ImpactChanged():
            more["current"] = await _certificate(context, refusal.target_id)
            more["impact"] = CertificateChangeImpact.of(refusal.impact)
        case errors.VersionConflict():
            more["current"] = await _certificate(context, refusal.target_id)
        case errors.ProofRejected():
            more |= {"flaw": refusal.flaw, "attempts_left": refusal.attempts_left}
    kind: Any = AS_DATA[type(refusal)]
    error: UserError = kind(message=refusal.message, code=UserErrorCode(refusal.code), path=list(refusal.path), **more)
    return error


def extensions_of(refusal: Refusal) -> dict[str, object]:
    """What a top-level error says beside its message. Where a query is refused what a mutation would be, as data."""
    said: dict[str, object] = {"code": refusal.code}
    if refusal.path:
        said["inputPath"] = list(refusal.path)
    if isinstance(refusal, errors.CertificateRejected):
        said["findings"] = [_finding(finding) for finding in refusal.findings]
    if refusal.entry_id is not None:
        said["auditEntryId"] = encode(Kind.EVENT, refusal.entry_id)
    if isinstance(refusal, errors.RateLimited):
        said["retryAfterSeconds"] = refusal.retry_after_seconds
    return said


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "severity": finding.severity.name,
        "code": finding.code.value,
        "message": finding.message,
        "chainIndex": finding.index,
        "reference": finding.reference,
    }


async def _certificate(context: Context, certificate_id: str) -> Certificate | None:
    row = await context.loaders.certificates.load(certificate_id)
    return None if row is None else Certificate.of(row)
