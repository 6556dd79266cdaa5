"""The outcomes of mutations: what was done or why it was not, and the entry that says so."""

from typing import Annotated, Any, Self, TypeAlias

import strawberry

from app.rules.credentials_file import Servers
from app.services.developer_certificates import NewDeveloperCertificate
from app.services.door import Recorded
from app.services.keys import NewApiKey
from app.services.possession import Challenged
from app.store.rows import ApiKeyRow, CertificateRow
from app.transport.graphql import ids
from app.transport.graphql.context import Info
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.ids import Kind
from app.transport.graphql.scalars import SafeInt
from app.transport.graphql.scopes import PARENT, field
from app.transport.graphql.types.accounts import Account, ApiKey
from app.transport.graphql.types.audit import AuditEvent
from app.transport.graphql.types.certificates import Certificate, challenge_of
from app.transport.graphql.types.errors import (
    CertificateRejectedError,
    DuplicateCertificateError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    InvalidStateError,
    NotFoundError,
    ProofRejectedError,
    QuotaExceededError,
    UserError,
    VersionConflictError,
)
from app.transport.graphql.types.possession import PossessionChallenge

UploadCertificateError: TypeAlias = Annotated[
    InvalidInputError
    | QuotaExceededError
    | DuplicateCertificateError
    | CertificateRejectedError
    | VersionConflictError
    | IdempotencyKeyReusedError,
    strawberry.union("UploadCertificateError", description="Why an upload was refused."),
]
CreateDeveloperCertificateError: TypeAlias = Annotated[
    InvalidInputError | QuotaExceededError | IdempotencyKeyReusedError,
    strawberry.union("CreateDeveloperCertificateError", description="Why no developer certificate was made."),
]
UpdateCertificateError: TypeAlias = Annotated[
    InvalidInputError | NotFoundError | VersionConflictError | IdempotencyKeyReusedError,
    strawberry.union("UpdateCertificateError", description="Why an update was refused."),
]
SetCertificateStatusError: TypeAlias = Annotated[
    InvalidInputError | NotFoundError | VersionConflictError | InvalidStateError | IdempotencyKeyReusedError,
    strawberry.union("SetCertificateStatusError", description="Why a change of status was refused."),
]
DeleteCertificateError: TypeAlias = Annotated[
    InvalidInputError | NotFoundError | VersionConflictError | InvalidStateError | IdempotencyKeyReusedError,
    strawberry.union("DeleteCertificateError", description="Why a deletion was refused."),
]
CreateApiKeyError: TypeAlias = Annotated[
    InvalidInputError | IdempotencyKeyReusedError,
    strawberry.union("CreateApiKeyError", description="Why no key was made."),
]
RevokeApiKeyError: TypeAlias = Annotated[
    InvalidInputError | NotFoundError | IdempotencyKeyReusedError,
    strawberry.union("RevokeApiKeyError", description="Why a key was not revoked."),
]
CreatePossessionChallengeError: TypeAlias = Annotated[
    InvalidInputError | NotFoundError | InvalidStateError | IdempotencyKeyReusedError,
    strawberry.union("CreatePossessionChallengeError", description="Why no challenge was made."),
]
ProvePossessionError: TypeAlias = Annotated[
    InvalidInputError
    | NotFoundError
    | InvalidStateError
    | CertificateRejectedError
    | ProofRejectedError
    | IdempotencyKeyReusedError,
    strawberry.union("ProvePossessionError", description="Why a proof was refused."),
]


@strawberry.type
class Payload:
    """What every outcome has: the entry that records it, whether it was done or refused."""

    entry_id: strawberry.Private[str | None]

    @field(PARENT, returns=AuditEvent | None)
    async def audit_entry(self, info: Info) -> AuditEvent | None:
        """The entry of the log that records this, done or refused; null only when nothing could be recorded."""
        row = None if self.entry_id is None else await info.context.loaders.entries.load(self.entry_id)
        return None if row is None else AuditEvent.of(row)

    @classmethod
    def refused(cls, error: UserError, entry_id: str | None) -> Self:
        """The outcome of an act that was refused."""
        outcome: Any = cls
        return outcome(entry_id=entry_id, errors=[error])  # type: ignore[no-any-return]  # each has its own errors


async def own_account(info: Info) -> Account:
    """The caller's account as it is after the act."""
    row = await info.context.loaders.account()
    if row is None:
        raise LookupError("the caller's account is not there")
    return Account.of(row)


@object_type
class UploadCertificatePayload(Payload):
    """The outcome of an upload."""

    certificate: Certificate | None = attribute("The new certificate; null when there are errors.", default=None)
    errors: list[UploadCertificateError] = attribute("Empty on success.", default_factory=list)

    @field(PARENT)
    async def account(self, info: Info) -> Account:
        """The account, with its new quota."""
        return await own_account(info)

    @classmethod
    def of(cls, done: Recorded[CertificateRow]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, certificate=Certificate.of(done.value))


@object_type
class CreateDeveloperCertificatePayload(Payload):
    """The outcome of making a developer certificate."""

    certificate: Certificate | None = attribute("The new certificate; null when there are errors.", default=None)
    private_key: str | None = attribute(
        "Its private key as PEM (PKCS #8), shown this once; null when there are errors, and when this repeats an"
        " earlier request.",
        default=None,
    )
    credentials_file: str | None = attribute(
        "C source to compile into a device's program: certificate, private key, and whom to connect to, under the names"
        " `MBED_CLOUD_DEV_…`. What the operator has not said of the servers is left out, with a comment in its place."
        " Null when `privateKey` is.",
        default=None,
    )
    errors: list[CreateDeveloperCertificateError] = attribute("Empty on success.", default_factory=list)

    @field(PARENT)
    async def account(self, info: Info) -> Account:
        """The account, with its new quota."""
        return await own_account(info)

    @classmethod
    def of(cls, done: Recorded[NewDeveloperCertificate], servers: Servers) -> Self:
        """The outcome of an act that was done."""
        made = done.value
        shown = made.credentials
        return cls(
            entry_id=done.entry_id,
            certificate=Certificate.of(made.row),
            private_key=None if shown is None else shown.key.pem,
            credentials_file=made.credentials_file(servers),
        )


@object_type
class UpdateCertificatePayload(Payload):
    """The outcome of an update."""

    certificate: Certificate | None = attribute(
        "The certificate as it is now; null when there are errors.", default=None
    )
    errors: list[UpdateCertificateError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    def of(cls, done: Recorded[CertificateRow]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, certificate=Certificate.of(done.value))


@object_type
class SetCertificateStatusPayload(Payload):
    """The outcome of a change of status."""

    certificate: Certificate | None = attribute(
        "The certificate as it is now; null when there are errors.", default=None
    )
    errors: list[SetCertificateStatusError] = attribute("Empty on success.", default_factory=list)

    @field(PARENT, cost=5)
    async def suspended_device_count(self, info: Info) -> SafeInt:
        """How many devices are suspended with the certificate now, and not otherwise; 0 when there are errors."""
        return SafeInt(0 if self.certificate is None else await self.certificate.suspended(info.context))

    @classmethod
    def of(cls, done: Recorded[CertificateRow]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, certificate=Certificate.of(done.value))


@object_type
class DeleteCertificatePayload(Payload):
    """The outcome of a deletion."""

    deleted_id: strawberry.ID | None = attribute(
        "The id that is gone, for caches; null when there are errors.", default=None
    )
    errors: list[DeleteCertificateError] = attribute("Empty on success.", default_factory=list)

    @field(PARENT)
    async def account(self, info: Info) -> Account:
        """The account, with its new quota."""
        return await own_account(info)

    @classmethod
    def of(cls, done: Recorded[CertificateRow]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, deleted_id=ids.encode(Kind.CERTIFICATE, done.value.id))


@object_type
class CreateApiKeyPayload(Payload):
    """The outcome of making a key."""

    api_key: ApiKey | None = attribute("The key; null when there are errors.", default=None)
    secret: str | None = attribute(
        "What a caller sends as `Authorization: Bearer`, shown this once; null when there are errors, and when this"
        " repeats an earlier request.",
        default=None,
    )
    errors: list[CreateApiKeyError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    def of(cls, done: Recorded[NewApiKey]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, api_key=ApiKey.of(done.value.row), secret=done.value.text)


@object_type
class RevokeApiKeyPayload(Payload):
    """The outcome of revoking a key."""

    api_key: ApiKey | None = attribute("The key, now revoked; null when there are errors.", default=None)
    errors: list[RevokeApiKeyError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    def of(cls, done: Recorded[ApiKeyRow]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, api_key=ApiKey.of(done.value))


@object_type
class CreatePossessionChallengePayload(Payload):
    """A challenge, or why there is none."""

    challenge: PossessionChallenge | None = attribute("The challenge; null when there are errors.", default=None)
    errors: list[CreatePossessionChallengeError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    def of(cls, done: Recorded[Challenged]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, challenge=challenge_of(done.value))


@object_type
class ProvePossessionPayload(Payload):
    """The outcome of a proof."""

    certificate: Certificate | None = attribute(
        "The certificate, now proven; null when there are errors.", default=None
    )
    errors: list[ProvePossessionError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    def of(cls, done: Recorded[CertificateRow]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, certificate=Certificate.of(done.value))
