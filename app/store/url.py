"""The database URL: which engine, and where."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from app.store.connection import CannotOpen


def sqlite_path(url: str) -> Path | None:
    """The file that a SQLite URL names; None if the URL is PostgreSQL's.

    What follows `sqlite://` is the path as it is, relative or absolute; `sqlite:////absolute`, as other programs write
    it, is the same here. Raises CannotOpen for any other URL.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgres", "postgresql"):
        return None
    if separator and scheme == "sqlite" and rest and not rest.startswith(":"):
        return Path(f"/{rest.lstrip('/')}" if rest.startswith("/") else rest)
    raise CannotOpen("The database URL is sqlite://path/to/file or postgres://user:password@host:5432/name.")


def postgres_hosts(url: str) -> tuple[str, ...]:
    """One URL a host, in the order of asking: `postgres://user:password@h1:5432,h2:5432/name?sslmode=…` split.

    Raises CannotOpen.
    """
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if not parts.path.strip("/"):
        raise CannotOpen("The database URL names no database: postgres://user:password@host:5432/name.")
    return tuple(urlunsplit(parts._replace(netloc=user + at + host)) for host in hosts.split(","))
