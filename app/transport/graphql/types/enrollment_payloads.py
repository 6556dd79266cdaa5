"""The outcomes of claiming, and of giving claims up."""

from typing import Annotated, Self, TypeAlias

import strawberry

from app.services.door import Recorded
from app.store.enrollments import EnrollmentRow
from app.transport.graphql import ids
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.ids import Kind
from app.transport.graphql.types.enrollments import Enrollment
from app.transport.graphql.types.errors import (
    AlreadyClaimedError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    NotFoundError,
)
from app.transport.graphql.types.payloads import Payload

ClaimEnrollmentError: TypeAlias = Annotated[
    InvalidInputError | AlreadyClaimedError | IdempotencyKeyReusedError,
    strawberry.union("ClaimEnrollmentError", description="Why a claim was refused."),
]
ReleaseEnrollmentError: TypeAlias = Annotated[
    InvalidInputError | NotFoundError | IdempotencyKeyReusedError,
    strawberry.union("ReleaseEnrollmentError", description="Why a claim was not given up."),
]


@object_type
class ClaimEnrollmentPayload(Payload):
    """The outcome of a claim."""

    enrollment: Enrollment | None = attribute("The claim; null when there are errors.", default=None)
    errors: list[ClaimEnrollmentError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    def of(cls, done: Recorded[EnrollmentRow]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, enrollment=Enrollment.of(done.value))


@object_type
class ReleaseEnrollmentPayload(Payload):
    """The outcome of giving a claim up."""

    released_id: strawberry.ID | None = attribute(
        "The id that is gone, for caches; null when there are errors.", default=None
    )
    errors: list[ReleaseEnrollmentError] = attribute("Empty on success.", default_factory=list)

    @classmethod
    def of(cls, done: Recorded[EnrollmentRow]) -> Self:
        """The outcome of an act that was done."""
        return cls(entry_id=done.entry_id, released_id=ids.encode(Kind.ENROLLMENT, done.value.id))
