"""Everything that can be changed: input to command, through the door, to the payload."""

from collections.abc import Callable
from typing import Annotated, Any

import strawberry

from app.actor import Scope
from app.transport.graphql.commands import (
    ClaimEnrollmentInput,
    CreateApiKeyInput,
    CreateDeveloperCertificateInput,
    CreatePossessionChallengeInput,
    DeleteCertificateInput,
    ProvePossessionInput,
    ReleaseEnrollmentInput,
    RememberIntermediatesInput,
    ResumeDeviceInput,
    RevokeApiKeyInput,
    SetCertificateStatusInput,
    SuspendDeviceInput,
    UpdateCertificateInput,
    UploadCertificateInput,
)
from app.transport.graphql.context import Info, path_of
from app.transport.graphql.described import object_type
from app.transport.graphql.inputs import given
from app.transport.graphql.refusals import AnswersRefusals
from app.transport.graphql.scopes import by_the_door, field
from app.transport.graphql.types.device_payloads import (
    RememberIntermediatesPayload,
    ResumeDevicePayload,
    SuspendDevicePayload,
)
from app.transport.graphql.types.enrollment_payloads import ClaimEnrollmentPayload, ReleaseEnrollmentPayload
from app.transport.graphql.types.payloads import (
    CreateApiKeyPayload,
    CreateDeveloperCertificatePayload,
    CreatePossessionChallengePayload,
    DeleteCertificatePayload,
    Payload,
    ProvePossessionPayload,
    RevokeApiKeyPayload,
    SetCertificateStatusPayload,
    UpdateCertificatePayload,
    UploadCertificatePayload,
)


def _changes(scope: Scope, payload: type[Payload], *, cost: int) -> Callable[[Callable[..., Any]], Any]:
    """A mutation: the door asks for the scope, and every refusal that is data becomes this payload."""
    return field(by_the_door(scope), cost=cost, extensions=(AnswersRefusals(payload),))


def _input(description: str) -> Any:  # noqa: ANN401  # what Annotated takes
    return strawberry.argument(name="input", description=description)


@object_type
class Mutation:
    """Everything that can be changed. Fields of one operation run in order."""

    @_changes(Scope.CERTIFICATES_WRITE, UploadCertificatePayload, cost=20)
    async def upload_certificate(
        self, info: Info, given_input: Annotated[UploadCertificateInput, _input("The certificate.")]
    ) -> UploadCertificatePayload | None:
        """Trusts a certificate."""
        command = await given_input.command(info.context.now)
        done = await info.context.perform(command, path_of(info), given(given_input.idempotency_key))
        return UploadCertificatePayload.of(done)

    @_changes(Scope.CERTIFICATES_WRITE, CreateDeveloperCertificatePayload, cost=20)
    async def create_developer_certificate(
        self, info: Info, given_input: Annotated[CreateDeveloperCertificateInput, _input("What to call it.")]
    ) -> CreateDeveloperCertificatePayload | None:
        """Makes a certificate with its private key, for a developer's devices, and trusts it for bootstrap.

        It counts against the quota. It is a CA of its own, self-signed, valid for ten years, which a device presents.
        """
        command = given_input.command(info.context.services.settings.secrets_file)
        done = await info.context.perform(command, path_of(info), given(given_input.idempotency_key))
        return CreateDeveloperCertificatePayload.of(done, info.context.services.servers)

    @_changes(Scope.CERTIFICATES_WRITE, UpdateCertificatePayload, cost=10)
    async def update_certificate(
        self, info: Info, given_input: Annotated[UpdateCertificateInput, _input("What to change.")]
    ) -> UpdateCertificatePayload | None:
        """Changes a certificate's name or description."""
        done = await info.context.perform(given_input.command(), path_of(info), given(given_input.idempotency_key))
        return UpdateCertificatePayload.of(done)

    @_changes(Scope.CERTIFICATES_WRITE, SetCertificateStatusPayload, cost=10)
    async def set_certificate_status(
        self, info: Info, given_input: Annotated[SetCertificateStatusInput, _input("The status.")]
    ) -> SetCertificateStatusPayload | None:
        """Blacklists or enables a certificate, and suspends or resumes its devices with it where that is asked."""
        done = await info.context.perform(given_input.command(), path_of(info), given(given_input.idempotency_key))
        return SetCertificateStatusPayload.of(done)

    @_changes(Scope.CERTIFICATES_WRITE, DeleteCertificatePayload, cost=10)
    async def delete_certificate(
        self, info: Info, given_input: Annotated[DeleteCertificateInput, _input("Which.")]
    ) -> DeleteCertificatePayload | None:
        """Stops trusting a certificate, for good."""
        done = await info.context.perform(given_input.command(), path_of(info), given(given_input.idempotency_key))
        return DeleteCertificatePayload.of(done)

    @_changes(Scope.API_KEYS_WRITE, CreateApiKeyPayload, cost=10)
    async def create_api_key(
        self, info: Info, given_input: Annotated[CreateApiKeyInput, _input("The key.")]
    ) -> CreateApiKeyPayload | None:
        """Makes an API key."""
        command = given_input.command(info.context.now)
        done = await info.context.perform(command, path_of(info), given(given_input.idempotency_key))
        return CreateApiKeyPayload.of(done)

    @_changes(Scope.API_KEYS_WRITE, RevokeApiKeyPayload, cost=10)
    async def revoke_api_key(
        self, info: Info, given_input: Annotated[RevokeApiKeyInput, _input("Which.")]
    ) -> RevokeApiKeyPayload | None:
        """Revokes an API key, at once and for good."""
        done = await info.context.perform(given_input.command(), path_of(info), given(given_input.idempotency_key))
        return RevokeApiKeyPayload.of(done)

    @_changes(Scope.CERTIFICATES_WRITE, CreatePossessionChallengePayload, cost=10)
    async def create_possession_challenge(
        self, info: Info, given_input: Annotated[CreatePossessionChallengeInput, _input("For which certificate.")]
    ) -> CreatePossessionChallengePayload | None:
        """Makes a challenge to prove that the account holds a certificate's private key."""
        done = await info.context.perform(given_input.command(), path_of(info), given(given_input.idempotency_key))
        return CreatePossessionChallengePayload.of(done)

    @_changes(Scope.CERTIFICATES_WRITE, ProvePossessionPayload, cost=20)
    async def prove_possession(
        self, info: Info, given_input: Annotated[ProvePossessionInput, _input("The proof.")]
    ) -> ProvePossessionPayload | None:
        """Answers a challenge. From then on the certificate admits devices; a wrong proof costs an attempt.

        What is no certificate where one is awaited, or holds a private key, costs none.
        """
        command = await given_input.command()
        done = await info.context.perform(command, path_of(info), given(given_input.idempotency_key))
        return ProvePossessionPayload.of(done)

    @_changes(Scope.DEVICES_WRITE, SuspendDevicePayload, cost=10)
    async def suspend_device(
        self, info: Info, given_input: Annotated[SuspendDeviceInput, _input("Which, and why.")]
    ) -> SuspendDevicePayload | None:
        """Refuses a device until somebody resumes it."""
        done = await info.context.perform(given_input.command(), path_of(info), given(given_input.idempotency_key))
        return await SuspendDevicePayload.of(info.context, done)

    @_changes(Scope.DEVICES_WRITE, ResumeDevicePayload, cost=10)
    async def resume_device(
        self, info: Info, given_input: Annotated[ResumeDeviceInput, _input("Which.")]
    ) -> ResumeDevicePayload | None:
        """Lets a suspended device in again."""
        done = await info.context.perform(given_input.command(), path_of(info), given(given_input.idempotency_key))
        return await ResumeDevicePayload.of(info.context, done)

    @_changes(Scope.DEVICES_WRITE, RememberIntermediatesPayload, cost=10)
    async def remember_intermediates(
        self, info: Info, given_input: Annotated[RememberIntermediatesInput, _input("Which.")]
    ) -> RememberIntermediatesPayload | None:
        """Remembers CAs below a trusted one, so that devices get in that cannot present them. They confer no trust."""
        done = await info.context.perform(given_input.command(), path_of(info), given(given_input.idempotency_key))
        return RememberIntermediatesPayload.of(done)

    @_changes(Scope.DEVICES_WRITE, ClaimEnrollmentPayload, cost=10)
    async def claim_enrollment(
        self, info: Info, given_input: Annotated[ClaimEnrollmentInput, _input("The identity.")]
    ) -> ClaimEnrollmentPayload | None:
        """Claims a device's identity. Files of them go to `POST /enrollments/bulk`."""
        command = given_input.command(info.context.services.settings.enrollment_days)
        done = await info.context.perform(command, path_of(info), given(given_input.idempotency_key))
        return ClaimEnrollmentPayload.of(done)

    @_changes(Scope.DEVICES_WRITE, ReleaseEnrollmentPayload, cost=10)
    async def release_enrollment(
        self, info: Info, given_input: Annotated[ReleaseEnrollmentInput, _input("Which.")]
    ) -> ReleaseEnrollmentPayload | None:
        """Gives up the claim of a device's identity: anybody may claim it then."""
        done = await info.context.perform(given_input.command(), path_of(info), given(given_input.idempotency_key))
        return ReleaseEnrollmentPayload.of(done)
