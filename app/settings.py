"""The settings: environment variables that begin with `ANCHORAGE_`, and a `.env` file, read once at the start."""

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "ANCHORAGE_"
SECRET = frozenset({"database_url", "metrics_token"})
"""Settings whose value no message repeats."""

Network = IPv4Network | IPv6Network
Line = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A name that stands in log lines and entries: 1 to 100 characters, none of them a control character."""

_STORE_URL = re.compile(r"(sqlite|postgres|postgresql)://.+")
_VKEY = re.compile(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}")
_DEVICE_URI = re.compile(r"coaps://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_STORE_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(:[0-9]{1,5})?")


class BadSetting(Exception):
    """A setting that stops the start; the message names it and says what is allowed."""


class Introspection(StrEnum):
    """Who may read the schema over GraphQL."""

    ON = "on"
    SIGNED_IN = "signed-in"
    OFF = "off"


class Metrics(StrEnum):
    """Who may read /metrics. With a token, only who sends it, whatever else is set; see ADR 11."""

    LOOPBACK = "loopback"
    ON = "on"
    OFF = "off"


class LogFormat(StrEnum):
    """How a line of the log is written."""

    CONSOLE = "console"
    JSON = "json"


def _networks(value: object) -> object:
    """The networks of a list with commas; what is no text is left to the type."""
    if not isinstance(value, str):
        return value
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise PydanticCustomError(
            "networks",
            "{wrong}; addresses or networks are allowed, with commas: 10.0.0.0/8, ::1",
            {"wrong": str(error)},
        ) from None


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """A witness as it is named: its verifier key, whose text is not looked into here, and where it is asked."""

    vkey: str
    url: str


def _witnesses(value: object) -> object:
    """The pairs of a list with commas; what is no text is left to the type."""
    if not isinstance(value, str):
        return value
    witnesses = []
    for pair in (part.split() for part in value.split(",") if part.strip()):
        if len(pair) != 2 or not _VKEY.fullmatch(pair[0]) or not _is_address(pair[1]):
            raise PydanticCustomError(
                "witnesses",
                "pairs of a verifier key and an address are allowed, with commas:"
                " witness.example+1a2b3c4d+BA… https://witness.example/submit",
            )
        witnesses.append(WitnessAddress(*pair))
    if len({witness.vkey.partition("+")[0] for witness in witnesses}) != len(witnesses):
        raise PydanticCustomError("witnesses", "no two witnesses may have one name")
    return tuple(witnesses)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_plain = not parts.query and not parts.fragment and "@" not in parts.netloc
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_plain


def _has_well_formed_hosts(url: str) -> bool:
    """Whether a PostgreSQL URL's ports are numbers; a file's URL has no hosts."""
    scheme, _, rest = url.partition("://")
    hosts = rest.partition("/")[0].rpartition("@")[2].split(",")
    return scheme == "sqlite" or all(_STORE_HOST.fullmatch(host) for host in hosts)


def _device_uri(value: object) -> object:
    if isinstance(value, str) and not _DEVICE_URI.fullmatch(value):
        raise PydanticCustomError("device_uri", "coaps://bootstrap.example:5684 is allowed, without a path or a query")
    return value


DeviceUri = Annotated[str, BeforeValidator(_device_uri)]
"""An address that stands in C source as it is: nothing in it needs escaping there."""


class Settings(BaseSettings):
    """Every setting, with its default."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Path("var")
    database_url: str = Field(default="", repr=False)
    host: Line = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    public_url: str | None = None
    region: Line = "local"
    node: Line = Field(default_factory=lambda: platform.node() or "unnamed")
    introspection: Introspection = Introspection.SIGNED_IN
    explorer: bool = True
    log_format: LogFormat = LogFormat.CONSOLE
    pool_size: Annotated[int, Field(ge=2, le=200)] = 10
    max_body_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 1024 * 1024
    max_query_cost: Annotated[int, Field(ge=1)] = 5_000
    max_query_depth: Annotated[int, Field(ge=1, le=100)] = 15
    max_query_tokens: Annotated[int, Field(ge=10)] = 4_000
    max_aliases: Annotated[int, Field(ge=1)] = 30
    rate_per_minute: Annotated[int, Field(ge=1)] = 600_000
    """What one key, or one address without a key, may spend in a minute, in the cost of its operations."""
    max_connections: Annotated[int, Field(ge=10, le=100_000)] = 2_000
    max_requests: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """How many requests may run at once, subscriptions included, in one process."""
    drain_seconds: Annotated[int, Field(ge=1, le=300)] = 20
    """How long requests in flight may take to finish once the process was told to stop."""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = ()
    """The peers whose X-Forwarded-For is believed; nobody's, unless named."""
    enrollment_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """After how many days a claim of a device's identity ends that no device has used; never, unless named."""
    notary: bool = True
    """Whether `serve` signs the log; where another process does, it need not."""
    log_origin: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\s+\x00-\x1f\x7f]+$")] | None = None
    """What the log is called in its checkpoints, from its first one on: an address without its scheme."""
    log_key_file: Path | None = None
    """The log's signing key; `log-key` in the data directory unless named."""
    secrets_key_file: Path | None = None
    """The key that private keys are encrypted under; `secrets-key` in the data directory unless named."""
    bootstrap_uri: DeviceUri | None = None
    """Where devices bootstrap, as the file says that a developer compiles into one."""
    lwm2m_uri: DeviceUri | None = None
    """Where devices connect with LwM2M credentials."""
    bootstrap_server_ca: Path | None = None
    """The certificate, in PEM, by which a device knows the bootstrap server."""
    lwm2m_server_ca: Path | None = None
    """The certificate, in PEM, by which a device knows the LwM2M server."""
    checkpoint_file: Path | None = None
    """A second place, on another disk or host, for the newest checkpoint."""
    witnesses: Annotated[tuple[WitnessAddress, ...], NoDecode, BeforeValidator(_witnesses)] = ()
    """Whom the process that signs the log asks to cosign it."""
    bridge_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """For how long devices are decided about from what was last read while the database cannot be read."""
    unused_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """For so long no device is let in through a certificate before it is said to be unused."""
    metrics: Metrics = Metrics.LOOPBACK
    metrics_token: Annotated[SecretStr, Field(min_length=16, max_length=200)] | None = None

    @field_validator("data_dir", mode="before")
    @classmethod
    def _is_named(cls, value: object) -> object:
        # The empty path is the current directory, which would be closed to everyone else.
        if value == "":
            raise PydanticCustomError("data_dir", "a directory is allowed")
        return value

    @field_validator(
        "log_key_file", "checkpoint_file", "secrets_key_file", "bootstrap_server_ca", "lwm2m_server_ca", mode="before"
    )
    @classmethod
    def _is_a_file(cls, value: object) -> object:
        if value == "":
            raise PydanticCustomError("file", "the path of a file is allowed")
        return value

    @field_validator("database_url")
    @classmethod
    def _names_an_engine(cls, value: str) -> str:
        if value and not (_STORE_URL.fullmatch(value) and _has_well_formed_hosts(value)):
            raise PydanticCustomError(
                "database_url", "sqlite://path/to/file and postgres://user:password@host:5432/name are allowed"
            )
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise PydanticCustomError("public_url", "an address without a path is allowed: https://ca.example")
        return value.rstrip("/")

    @property
    def store_url(self) -> str:
        """Where the database is: the setting, or the file in the data directory."""
        return self.database_url or f"sqlite://{self.data_dir / 'anchorage.db'}"

    @property
    def key_file(self) -> Path:
        """Where the log's signing key is."""
        return self.log_key_file or self.data_dir / "log-key"

    @property
    def secrets_file(self) -> Path:
        """Where the key is that private keys are encrypted under."""
        return self.secrets_key_file or self.data_dir / "secrets-key"

    @property
    def checkpoint_files(self) -> tuple[Path, ...]:
        """Where the newest checkpoint is kept outside the database."""
        second = () if self.checkpoint_file is None else (self.checkpoint_file,)
        return (self.data_dir / "checkpoint", *second)

    def with_given(self, given: Mapping[str, object]) -> "Settings":
        """These settings, with what the command line gives instead; None leaves the setting as it is."""
        return self.model_copy(update={name: value for name, value in given.items() if value is not None})


def load() -> Settings:
    """The settings of this process.

    Raises BadSetting, which names the variable, what it held where that is no secret, and what is allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise BadSetting("\n".join(_sentence(problem) for problem in error.errors())) from None


def _sentence(problem: object) -> str:
    assert isinstance(problem, dict)  # noqa: S101  # pydantic's own type for it is a TypedDict
    field = str(problem["loc"][0])
    held = "not allowed" if field in SECRET else repr(problem["input"])
    return f"{PREFIX}{field.upper()} is {held}: {problem['msg']}."
