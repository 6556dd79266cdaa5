"""The inputs of mutations, and the command that each makes."""

from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import strawberry
from strawberry import UNSET

from app.actor import Role
from app.rules import pem
from app.services.certificates import (
    UNCHANGED,
    DeleteCertificate,
    SetCertificateStatus,
    UpdateCertificate,
    UploadCertificate,
)
from app.services.developer_certificates import CreateDeveloperCertificate
from app.services.devices import ResumeDevice, SuspendDevice
from app.services.enrollments import ClaimEnrollment, ReleaseEnrollment
from app.services.intermediates import RememberIntermediates
from app.services.keys import CreateApiKey, RevokeApiKey, fresh_credential
from app.services.possession import CreatePossessionChallenge, ProvePossession, fresh_nonce
from app.terms import ClientCertForm, Service, Status, Usage
from app.transport.graphql.described import attribute, input_type
from app.transport.graphql.ids import Kind, decode
from app.transport.graphql.inputs import CertificateSource, PossessionProof, given

Key: TypeAlias = strawberry.ID | None

_REPEAT = "Make it up per intended act, and repeat it on retry within 24 hours: the second answer is the first."
_REASON = "Why, in up to 500 characters; it goes into the audit log."
_IMPACT = "The `token` of a preview of this very change: refuse where it would now do something else to devices."
_EXPECTED = "Refuse unless this is still the version."


@input_type
class UploadCertificateInput:
    """A certificate to trust."""

    name: str = attribute("1 to 100 characters; unique in the account.")
    description: str | None = attribute("Up to 500 characters.", default=UNSET)
    source: CertificateSource = attribute("The chain.")
    usage: Usage = attribute("How devices will use it.")
    service: Service = attribute("Which server accepts devices that chain to it.", default=Service.BOOTSTRAP)
    expected_impact: str | None = attribute(_IMPACT, default=UNSET)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    async def command(self, at: datetime) -> UploadCertificate:
        """What to do. The chain is judged here, as of an instant; its findings decide behind the door."""
        return UploadCertificate(
            name=self.name,
            description=given(self.description),
            submission=await self.source.examined(at),
            usage=self.usage,
            service=self.service,
            expected_impact=given(self.expected_impact),
        )


@input_type
class CreateDeveloperCertificateInput:
    """A developer certificate to make."""

    name: str = attribute("1 to 100 characters; unique in the account.")
    description: str | None = attribute("Up to 500 characters.", default=UNSET)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self, secrets_file: Path) -> CreateDeveloperCertificate:
        """What to do; the private key is stored encrypted under the key in this file."""
        return CreateDeveloperCertificate(
            name=self.name, description=given(self.description), secrets_file=secrets_file
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
    suspend_devices: bool = attribute(
        "With `INACTIVE`: also suspend the devices that are registered through it by now, at both servers; only where"
        " the account has `deviceSuspensionEnabled`.",
        default=False,
    )
    resume_devices: bool = attribute(
        "With `ACTIVE`: also resume the devices that `suspendDevices` suspended, and no others.", default=False
    )
    expected_impact: str | None = attribute(_IMPACT, default=UNSET)
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
            suspend_devices=self.suspend_devices,
            resume_devices=self.resume_devices,
            expected_impact=given(self.expected_impact),
        )


@input_type
class DeleteCertificateInput:
    """A certificate to stop trusting."""

    id: strawberry.ID = attribute("Which.")
    reason: str | None = attribute(_REASON, default=UNSET)
    expected_version: int | None = attribute(_EXPECTED, default=UNSET)
    confirm_unblock: bool = attribute(
        "Delete a blacklisted certificate even where another one would then admit devices that it blocks now, or where"
        " so many have come that this cannot be told.",
        default=False,
    )
    expected_impact: str | None = attribute(_IMPACT, default=UNSET)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> DeleteCertificate:
        """What to do."""
        return DeleteCertificate(
            certificate_id=decode(Kind.CERTIFICATE, self.id),
            reason=given(self.reason),
            expected_version=given(self.expected_version),
            confirm_unblock=self.confirm_unblock,
            expected_impact=given(self.expected_impact),
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
class CreatePossessionChallengeInput:
    """A certificate whose key to challenge for. Its last challenge is void from then on."""

    certificate_id: strawberry.ID = attribute("Which. Its possession must be pending.")
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> CreatePossessionChallenge:
        """What to do, with a nonce that is made here."""
        return CreatePossessionChallenge(decode(Kind.CERTIFICATE, self.certificate_id), fresh_nonce())


@input_type
class ProvePossessionInput:
    """An answer to a challenge."""

    challenge_id: strawberry.ID = attribute("Which challenge.")
    proof: PossessionProof = attribute("The proof.")
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    async def command(self) -> ProvePossession:
        """What to do. A certificate is read here; what is wrong with it is refused behind the door."""
        return ProvePossession(decode(Kind.CHALLENGE, self.challenge_id), await self.proof.proof())


@input_type
class SuspendDeviceInput:
    """A device to suspend. One that is suspended already gets the new category and description."""

    id: strawberry.ID = attribute("Which.")
    category: str = attribute("A word for why, of your own, for example `lost`: 1 to 100 characters.")
    description: str | None = attribute("More about why, in up to 500 characters.", default=UNSET)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> SuspendDevice:
        """What to do."""
        return SuspendDevice(decode(Kind.DEVICE, self.id), self.category, given(self.description))


@input_type
class RememberIntermediatesInput:
    """CAs below a trusted one, ahead of the devices that need them at terminators that do not hand them on."""

    source: CertificateSource = attribute("The CAs, in any order.")
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> RememberIntermediates:
        """What to do."""
        der = given(self.source.der)
        return RememberIntermediates((given(self.source.pem) or "") if der is None else pem.encode([der]))


@input_type
class ResumeDeviceInput:
    """A suspended device to let in again, whether it was suspended by itself or with its certificate."""

    id: strawberry.ID = attribute("Which.")
    reason: str | None = attribute(_REASON, default=UNSET)
    idempotency_key: Key = attribute(_REPEAT, default=UNSET)

    def command(self) -> ResumeDevice:
        """What to do."""
        return ResumeDevice(decode(Kind.DEVICE, self.id), given(self.reason))


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
