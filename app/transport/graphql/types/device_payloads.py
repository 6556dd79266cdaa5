"""The outcomes of mutations of devices."""

from typing import Annotated, TypeAlias

import strawberry

from app.services.door import Recorded
from app.transport.graphql.context import Context
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.types.devices import Device
from app.transport.graphql.types.errors import (
    CertificateRejectedError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    InvalidStateError,
    NotFoundError,
)
from app.transport.graphql.types.payloads import Payload

SuspendDeviceError: TypeAlias = Annotated[
    InvalidInputError | NotFoundError | IdempotencyKeyReusedError,
    strawberry.union("SuspendDeviceError", description="Why a device was not suspended."),
]
ResumeDeviceError: TypeAlias = Annotated[
    InvalidInputError | NotFoundError | InvalidStateError | IdempotencyKeyReusedError,
    strawberry.union("ResumeDeviceError", description="Why a device was not resumed."),
]

RememberIntermediatesError: TypeAlias = Annotated[
    InvalidInputError | CertificateRejectedError | IdempotencyKeyReusedError,
    strawberry.union("RememberIntermediatesError", description="Why no intermediate is remembered."),
]


@object_type
class SuspendDevicePayload(Payload):
    """The outcome of a suspension."""

    device: Device | None = attribute("The device as it is now; null when there are errors.", default=None)
    errors: list[SuspendDeviceError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    async def of(cls, context: Context, done: Recorded[str]) -> "SuspendDevicePayload":
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, device=await _device(context, done))


@object_type
class ResumeDevicePayload(Payload):
    """The outcome of resuming a device."""

    device: Device | None = attribute("The device as it is now; null when there are errors.", default=None)
    errors: list[ResumeDeviceError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    async def of(cls, context: Context, done: Recorded[str]) -> "ResumeDevicePayload":
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, device=await _device(context, done))


@object_type
class RememberIntermediatesPayload(Payload):
    """Which CAs are remembered: the 1,000 that were used or named last, and of one name the last 32."""

    fingerprints: list[str] = attribute(
        "Their SHA-256, in hexadecimal; empty when there are errors.", default_factory=list
    )
    errors: list[RememberIntermediatesError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    def of(cls, done: Recorded[tuple[str, ...]]) -> "RememberIntermediatesPayload":
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, fingerprints=list(done.value))


async def _device(context: Context, done: Recorded[str]) -> Device | None:
    row = await context.fleet.devices.load(done.value)
    return None if row is None else Device.of(row)
