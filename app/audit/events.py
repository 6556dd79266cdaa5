"""What can happen: one frozen dataclass per kind of act, and what each says about the state.

Events are written for ever. A shipped event is never edited; a new one is added at the end of its group, and the bytes
that every kind leaves in the log are pinned by a vector test.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.device_events import DeviceConnected, DeviceResumed, DeviceSuspended, IntermediatesRemembered
from app.audit.enrollment_events import (
    BulkClaimStarted,
    BulkReleaseStarted,
    EnrollmentClaimed,
    EnrollmentReleased,
    EnrollmentsClaimed,
    EnrollmentsReleased,
    EnrollmentUsed,
    JobFailed,
)
from app.audit.event import Changed, Created, Deleted, Event, Noted
from app.audit.finding_events import CertificateFindingsNoted
from app.audit.possession_events import PossessionChallenged, PossessionProven
from app.audit.states import (
    AccountState,
    ApiKeyState,
    CertificateState,
    Json,
    JsonValue,
    Target,
    UserState,
)


@dataclass(frozen=True, slots=True)
class AccountCreated(Created[AccountState]):
    """The operator opened an account."""

    kind: ClassVar[str] = "account.create"


@dataclass(frozen=True, slots=True)
class AccountTierSet(Changed[AccountState]):
    """The operator changed what an account pays for."""

    kind: ClassVar[str] = "account.set_tier"


@dataclass(frozen=True, slots=True)
class AccountLimitSet(Changed[AccountState]):
    """The operator changed how many certificates an account may hold."""

    kind: ClassVar[str] = "account.set_limit"


@dataclass(frozen=True, slots=True)
class AccountFeatureSet(Changed[AccountState]):
    """The operator switched a feature of an account on or off."""

    kind: ClassVar[str] = "account.set_feature"


@dataclass(frozen=True, slots=True)
class CertificateUploaded(Created[CertificateState]):
    """A CA certificate or chain was uploaded."""

    kind: ClassVar[str] = "certificate.upload"


@dataclass(frozen=True, slots=True)
class CertificateUpdated(Changed[CertificateState]):
    """A record's name or description changed."""

    kind: ClassVar[str] = "certificate.update"


@dataclass(frozen=True, slots=True)
class CertificateStatusSet(Changed[CertificateState]):
    """A record was blacklisted or enabled."""

    kind: ClassVar[str] = "certificate.set_status"


@dataclass(frozen=True, slots=True)
class CertificateDeleted(Deleted[CertificateState]):
    """A record was deleted."""

    kind: ClassVar[str] = "certificate.delete"


@dataclass(frozen=True, slots=True)
class ApiKeyCreated(Created[ApiKeyState]):
    """A key was made."""

    kind: ClassVar[str] = "api_key.create"


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked(Changed[ApiKeyState]):
    """A key was revoked, for good."""

    kind: ClassVar[str] = "api_key.revoke"


@dataclass(frozen=True, slots=True)
class UserCreated(Created[UserState]):
    """A person may sign in."""

    kind: ClassVar[str] = "user.create"


@dataclass(frozen=True, slots=True)
class UserPasswordSet(Changed[UserState]):
    """A person's password was replaced."""

    kind: ClassVar[str] = "user.set_password"


@dataclass(frozen=True, slots=True)
class AuditLogRead(Noted):
    """Somebody read the audit log; `view` says through which door, for example `auditEvents`."""

    kind: ClassVar[str] = "audit.read"
    account_id: str | None
    view: str

    @property
    def target(self) -> Target:
        """The account's log."""
        return Target("audit_log", self.account_id, self.view)


@dataclass(frozen=True, slots=True)
class AuditLogExported(Noted):
    """Somebody exported the audit log; `form` is the file's, for example `jsonl`."""

    kind: ClassVar[str] = "audit.export"
    account_id: str | None
    form: str

    @property
    def target(self) -> Target:
        """The account's log."""
        return Target("audit_log", self.account_id, self.form)


@dataclass(frozen=True, slots=True)
class DatabaseMigrated(Noted):
    """The operator brought the database to this program's version."""

    kind: ClassVar[str] = "installation.migrate"
    version: int

    @property
    def target(self) -> Target:
        """The installation."""
        return Target("installation", None, None, self.version)


@dataclass(frozen=True, slots=True)
class SubjectErased:
    """The operator removed what the log disclosed of a subject: so many disclosures, which stood in so many entries.

    Where the subject is a person who may sign in, `before` and `after` are that person, whose name was replaced.
    """

    kind: ClassVar[str] = "audit.erasure"
    subject_id: str
    entries: int
    disclosures: int
    before: UserState | None = None
    after: UserState | None = None

    @property
    def target(self) -> Target:
        """The subject, unnamed."""
        return Target("subject", self.subject_id) if self.after is None else self.after.target

    @property
    def extra(self) -> Json:
        """How much is gone."""
        return {"entries": self.entries, "disclosures": self.disclosures}


@dataclass(frozen=True, slots=True)
class MonthArchived(Noted):
    """The operator removed bodies of a month (2026-01), with their disclosures, which stand in this file."""

    kind: ClassVar[str] = "audit.retention"
    month: str
    bodies: int
    disclosures: int
    archive_sha256: str

    @property
    def target(self) -> Target:
        """The month."""
        return Target("audit_month", self.month)

    @property
    def extra(self) -> Json:
        """How much is gone, and where it is."""
        return {"bodies": self.bodies, "disclosures": self.disclosures, "archive_sha256": self.archive_sha256}


@dataclass(frozen=True, slots=True)
class LogRecovered(Noted):
    """The operator began a new origin of the log, because the database can no longer continue what was signed.

    `previous` are the checkpoints, as notes, that it does not continue.
    """

    kind: ClassVar[str] = "audit.recover"
    generation: int
    origin: str
    previous: tuple[str, ...]

    @property
    def target(self) -> Target:
        """The log by its new origin."""
        return Target("log_origin", None, self.origin, self.generation)

    @property
    def extra(self) -> Json:
        """What was signed before."""
        return {"generation": self.generation, "origin": self.origin, "previous": list[JsonValue](self.previous)}


@dataclass(frozen=True, slots=True)
class DeveloperCertificateCreated(Created[CertificateState]):
    """The service made a certificate, and its key, for a developer's devices."""

    kind: ClassVar[str] = "certificate.create"


EVENTS: tuple[type[Event], ...] = (
    AccountCreated,
    AccountTierSet,
    AccountLimitSet,
    AccountFeatureSet,
    CertificateUploaded,
    CertificateUpdated,
    CertificateStatusSet,
    CertificateDeleted,
    ApiKeyCreated,
    ApiKeyRevoked,
    UserCreated,
    UserPasswordSet,
    AuditLogRead,
    AuditLogExported,
    DatabaseMigrated,
    SubjectErased,
    MonthArchived,
    LogRecovered,
    PossessionChallenged,
    PossessionProven,
    DeveloperCertificateCreated,
    DeviceConnected,
    DeviceSuspended,
    DeviceResumed,
    IntermediatesRemembered,
    EnrollmentClaimed,
    EnrollmentReleased,
    BulkClaimStarted,
    BulkReleaseStarted,
    EnrollmentsClaimed,
    EnrollmentsReleased,
    JobFailed,
    EnrollmentUsed,
    CertificateFindingsNoted,
)
"""Every kind of event, in the order in which they were added."""

CERTIFICATE_MADE = (CertificateUploaded.kind, DeveloperCertificateCreated.kind)
"""The actions by which a record comes to be there."""

CERTIFICATE_NOTED = CertificateFindingsNoted.kind
"""The action that is about a record and leaves it as it is."""

REQUEST_REFUSED = "request.refused"
"""The action of a request that was refused before anything of it ran. It is no event: nothing happened."""
