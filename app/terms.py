"""The words of the field that every layer uses: known to all, knows none."""

from enum import StrEnum


class Tier(StrEnum):
    """What an account pays for."""

    DEVELOPER = "DEVELOPER"
    COMMERCIAL = "COMMERCIAL"


class Status(StrEnum):
    """Whether devices may use a certificate."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    """Blacklisted."""


class Service(StrEnum):
    """Which server accepts devices that chain to a certificate."""

    BOOTSTRAP = "BOOTSTRAP"
    LWM2M = "LWM2M"


class Usage(StrEnum):
    """How devices will use a certificate."""

    CREDENTIALS = "CREDENTIALS"
    ENROLLMENT = "ENROLLMENT"
    THIRD_PARTY_CA = "THIRD_PARTY_CA"


class Possession(StrEnum):
    """Whether the account has shown that it holds the private key."""

    NOT_REQUIRED = "NOT_REQUIRED"
    PENDING = "PENDING"
    PROVEN = "PROVEN"


class ClientCertForm(StrEnum):
    """In which form a gateway hands on the chain that a device presented."""

    RFC9440 = "rfc9440"
    XFCC = "xfcc"
    PEM = "pem"
    DER = "der"
