"""What can happen to claims of devices' identities, and to the jobs that claim them by the thousand.

A claim that was made by itself is an object of the log's state, as a certificate is. Those of a batch are not: one
entry tells of up to a thousand by a digest, which the rows that name the entry must give again (`app.audit.batches`). A
job is no object either: how far it has come is the sum of its batches.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Changed, Created, Deleted, Noted
from app.audit.states import EnrollmentState, Json, Target


@dataclass(frozen=True, slots=True)
class EnrollmentClaimed(Created[EnrollmentState]):
    """A device's identity was claimed, by itself."""

    kind: ClassVar[str] = "enrollment.claim"


@dataclass(frozen=True, slots=True)
class EnrollmentReleased(Deleted[EnrollmentState]):
    """A claim was given up, by itself."""

    kind: ClassVar[str] = "enrollment.release"


@dataclass(frozen=True, slots=True)
class EnrollmentUsed(Changed[EnrollmentState]):
    """A device came in for the first time by a claim of its identity."""

    kind: ClassVar[str] = "enrollment.use"


@dataclass(frozen=True, slots=True)
class JobStarted(Noted):
    """A file of so many lines was taken in, for a job to work off."""

    job_id: str
    lines: int
    size: int
    sha256: str

    @property
    def target(self) -> Target:
        """The job."""
        return Target("job", self.job_id)

    @property
    def extra(self) -> Json:
        """The file."""
        return {"lines": self.lines, "bytes": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class BulkClaimStarted(JobStarted):
    """The identities of a file are to be claimed."""

    kind: ClassVar[str] = "enrollment.bulk_claim"


@dataclass(frozen=True, slots=True)
class BulkReleaseStarted(JobStarted):
    """The identities of a file are to be given up."""

    kind: ClassVar[str] = "enrollment.bulk_release"


@dataclass(frozen=True, slots=True)
class Batch:
    """What a job did with some lines of its file.

    `sha256` is over the fingerprints that it was done with: their bytes, one after another, the smallest first.
    """

    job_id: str
    first_line: int
    last_line: int
    count: int
    refused: int
    sha256: str

    def said(self, done: str) -> Json:
        """The batch, as an entry says it; `done` is the word for what was done with so many."""
        return {
            "first_line": self.first_line,
            "last_line": self.last_line,
            done: self.count,
            "refused": self.refused,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class EnrollmentsClaimed(Noted):
    """A job claimed the identities of some lines, all of them at one instant."""

    kind: ClassVar[str] = "enrollment.claim_batch"
    batch: Batch
    created_at: str
    expires_at: str | None

    @property
    def target(self) -> Target:
        """The job."""
        return Target("job", self.batch.job_id)

    @property
    def extra(self) -> Json:
        """Which lines, and what was claimed."""
        return self.batch.said("claimed") | {"created_at": self.created_at, "expires_at": self.expires_at}


@dataclass(frozen=True, slots=True)
class EnrollmentsReleased(Noted):
    """A job gave up the identities of some lines."""

    kind: ClassVar[str] = "enrollment.release_batch"
    batch: Batch

    @property
    def target(self) -> Target:
        """The job."""
        return Target("job", self.batch.job_id)

    @property
    def extra(self) -> Json:
        """Which lines, and what was given up."""
        return self.batch.said("released")


@dataclass(frozen=True, slots=True)
class JobFailed(Noted):
    """A job was given up after so many lines, through a fault of ours."""

    kind: ClassVar[str] = "job.fail"
    job_id: str
    processed: int

    @property
    def target(self) -> Target:
        """The job."""
        return Target("job", self.job_id)

    @property
    def extra(self) -> Json:
        """How far it had come."""
        return {"processed": self.processed}
