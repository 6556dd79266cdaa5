"""The inputs of mutations, and the command that each makes."""

from datetime import datetime
from typing import TypeAlias

import strawberry
from strawberry import UNSET

from app.actor import Role
from app.services.certificates import (
    UNCHANGED,
    DeleteCertificate,
    SetCertificateStatus,
    UpdateCertificate,
    UploadCertificate,
)
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.services.keys import CreateApiKey, RevokeApiKey, fresh_credential
from app.terms import ClientCertForm, Service, Status, Usage
from app.transport.graphql.described import attribute, input_type
from app.transport.graphql.ids import Kind, decode
from app.transport.graphql.inputs import CertificateSource, given

Key: TypeAlias = strawberry.ID | None

_REPEAT = "Make it up per intended act, and repeat it on retry within 24 hours: the second answer is the first."
_REASON = "Why, in up to 500 characters; it goes into the audit log."
_EXPECTED = "Refuse unless this is still the version."


@input_type
class UploadCertificateInput:
    """A certificate to trust."""

    name: str = attribute("1 to 100 characters; unique in the account.")
    description: str | None = attribute("Up to 500 characters.", default=UNSET)
    source: CertificateSource = attribute("The chain.")
    usage: Usage = attribute("How devices will use it.")
    service: Service = attribute("Which server accepts devices that chain to it.", default=Service.BOOTSTRAP)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    async def command(self, at: datetime) -> UploadCertificate:
        """What to do. The chain is judged here, as of an instant; its findings decide behind the door."""
        return UploadCertificate(
            name=self.name,
            description=given(self.description),
            submission=await self.source.examined(at),
            usage=self.usage,
            service=self.service,
        )


@input_type
class UpdateCertificateInput:
    """What to change about a certificate. A field that is absent stays as it is."""

    id: strawberry.ID = attribute("Which.")
    name: str | None = attribute("1 to 100 characters; unique in the account.", default=UNSET)
    description: str | None = attribute("Up to 500 characters; null removes it.", default=UNSET)
    expected_version: int | None = attribute(_EXPECTED, default=UNSET)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> UpdateCertificate:
        """What to do."""
        name = given(self.name)
        return UpdateCertificate(
            certificate_id=decode(Kind.CERTIFICATE, self.id),
            # A record cannot go without a name, so null asks for nothing.
            name=UNCHANGED if name is None else name,
            description=UNCHANGED if self.description is UNSET else self.description,
            expected_version=given(self.expected_version),
        )


@input_type
class SetCertificateStatusInput:
    """A status to give a certificate. Giving it the status it has changes nothing."""

    id: strawberry.ID = attribute("Which.")
    status: Status = attribute("Blacklists it (`INACTIVE`) or enables it (`ACTIVE`).")
    reason: str | None = attribute(_REASON, default=UNSET)
    expected_version: int | None = attribute(_EXPECTED, default=UNSET)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> SetCertificateStatus:
        """What to do."""
        return SetCertificateStatus(
            certificate_id=decode(Kind.CERTIFICATE, self.id),
            status=self.status,
            reason=given(self.reason),
            expected_version=given(self.expected_version),
        )


@input_type
class DeleteCertificateInput:
    """A certificate to stop trusting."""

    id: strawberry.ID = attribute("Which.")
    reason: str | None = attribute(_REASON, default=UNSET)
    expected_version: int | None = attribute(_EXPECTED, default=UNSET)
    confirm_unblock: bool = attribute(
        "Delete a blacklisted certificate even where another one would then admit devices that it blocks now.",
        default=False,
    )
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> DeleteCertificate:
        """What to do."""
        return DeleteCertificate(
            certificate_id=decode(Kind.CERTIFICATE, self.id),
            reason=given(self.reason),
            expected_version=given(self.expected_version),
            confirm_unblock=self.confirm_unblock,
        )


@input_type
class CreateApiKeyInput:
    """A key to make."""

    name: str = attribute("1 to 100 characters.")
    role: Role = attribute("What it may do: at most what the caller may.")
    expires_at: datetime | None = attribute("When it stops working; never when absent.", default=UNSET)
    client_cert: ClientCertForm | None = attribute(
        "For a gateway's key: in which form it hands on a device's chain; `RFC9440` when absent.", default=UNSET
    )
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self, at: datetime) -> CreateApiKey:
        """What to do, with a credential that is made here."""
        return CreateApiKey(
            name=self.name,
            role=self.role,
            credential=fresh_credential(at),
            expires_at=given(self.expires_at),
            client_cert=given(self.client_cert),
        )


@input_type
class RevokeApiKeyInput:
    """A key to revoke."""

    id: strawberry.ID = attribute("Which.")
    reason: str | None = attribute(_REASON, default=UNSET)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> RevokeApiKey:
        """What to do."""
        return RevokeApiKey(key_id=decode(Kind.API_KEY, self.id), reason=given(self.reason))


@input_type
class ClaimEnrollmentInput:
    """A device's identity to claim."""

    identity: str = attribute(
        "`A-` and the SHA-256 of the device's bootstrap certificate: 32 pairs of hexadecimal digits with colons between"
        " them."
    )
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self, expires_after_days: int | None) -> ClaimEnrollment:
        """What to do."""
        return ClaimEnrollment(self.identity, expires_after_days)


@input_type
class ReleaseEnrollmentInput:
    """A claim to give up."""

    id: strawberry.ID = attribute("Which.")
    reason: str | None = attribute(_REASON, default=UNSET)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> ReleaseEnrollment:
        """What to do."""
        return ReleaseEnrollment(decode(Kind.ENROLLMENT, self.id), given(self.reason))
