"""The words of the field that every layer uses: known to all, knows none."""

from enum import StrEnum, unique


@unique
class Tier(StrEnum):
    """What an account pays for."""

    DEVELOPER = "DEVELOPER"
    COMMERCIAL = "COMMERCIAL"


@unique
class Usage(StrEnum):
    """Why an account holds the certificate, in the words of the upload form."""

    CREDENTIALS = "CREDENTIALS"
    """The account makes these device credentials itself and can prove it."""
    ENROLLMENT = "ENROLLMENT"
    """The manufacturer or a supplier handed the certificate over with the devices."""
    THIRD_PARTY_CA = "THIRD_PARTY_CA"
    """Somebody else's CA issues the LwM2M device certificates."""


@unique
class Service(StrEnum):
    """The service that the certificate's devices connect to."""

    BOOTSTRAP = "BOOTSTRAP"
    LWM2M = "LWM2M"


@unique
class ServiceName(StrEnum):
    """A service as addresses and the command line spell it."""

    BOOTSTRAP = "bootstrap"
    LWM2M = "lwm2m"

    @property
    def service(self) -> Service:
        """The service itself."""
        return Service[self.name]


@unique
class Status(StrEnum):
    """Whether the certificate admits devices or blocks them."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    """Blacklisted: every device whose chain holds this CA is refused."""


@unique
class Possession(StrEnum):
    """Whether the account has shown that it holds the CA's private key."""

    NOT_REQUIRED = "NOT_REQUIRED"
    PENDING = "PENDING"
    """Not shown yet: until then the record is no trust anchor."""
    PROVEN = "PROVEN"


@unique
class ClientCertForm(StrEnum):
    """In which form a gateway hands on the chain that a device presented."""

    RFC9440 = "rfc9440"
    XFCC = "xfcc"
    PEM = "pem"
    DER = "der"


@unique
class DeviceStatus(StrEnum):
    """How far a device came, or that it is suspended."""

    BOOTSTRAPPED = "BOOTSTRAPPED"
    """It came in at the bootstrap service, and not at the LwM2M service yet."""
    REGISTERED = "REGISTERED"
    """It came in at the LwM2M service."""
    SUSPENDED = "SUSPENDED"
    """It may not come in until somebody lets it."""


@unique
class JobKind(StrEnum):
    """What a job does with the lines of its file."""

    ENROLLMENT_CLAIM = "ENROLLMENT_CLAIM"
    ENROLLMENT_RELEASE = "ENROLLMENT_RELEASE"


@unique
class JobStatus(StrEnum):
    """How far a job is."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


@unique
class EnrollmentStatus(StrEnum):
    """What has become of a claim."""

    WAITING = "WAITING"
    USED = "USED"
    EXPIRED = "EXPIRED"
