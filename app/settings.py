"""The settings: environment variables that begin with `ANCHORAGE_`, and a `.env` file, read once at the start."""

import platform
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "ANCHORAGE_"


class BadSetting(Exception):
    """A setting that stops the start; the message names it and says what is allowed."""


class Introspection(StrEnum):
    """Who may read the schema over GraphQL."""

    ON = "on"
    SIGNED_IN = "signed-in"
    OFF = "off"


class LogFormat(StrEnum):
    """How a line of the log is written."""

    CONSOLE = "console"
    JSON = "json"


class Settings(BaseSettings):
    """Every setting, with its default."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Path("var")
    database_url: str = Field(default="", repr=False)
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    public_url: str | None = None
    region: str = "local"
    node: str = Field(default_factory=platform.node)
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
    """What one key may spend in a minute, in the cost of its operations."""

    @property
    def store_url(self) -> str:
        """Where the database is: the setting, or the file in the data directory."""
        return self.database_url or f"sqlite://{self.data_dir / 'anchorage.db'}"

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
    name = f"{PREFIX}{'_'.join(str(part) for part in problem['loc'])}".upper()
    return f"{name} is {problem['input']!r}: {problem['msg']}."
