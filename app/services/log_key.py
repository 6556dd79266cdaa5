"""The log's signing key: made once, for the file's owner alone, and never again for a log that has one."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import whole_files
from app.store import tree as trees
from app.store.connection import Connection

READABLE_BY_OTHERS = 0o077


class UnusableLogKey(Exception):
    """The file should hold the log's key and does not, or others may read it; the message names it."""


async def log_key(connection: Connection, path: Path) -> Ed25519PrivateKey | None:
    """The key in this file, made where neither it nor a log is there yet; None where another process has the key.

    Raises UnusableLogKey.
    """
    try:
        kept = read(path)
        if kept is not None or await trees.newest(connection) is not None:
            return kept
        return make(path)
    except OSError as error:
        raise UnusableLogKey(f"{path}, the log's key, cannot be read or made: {error.strerror}.") from error


def make(path: Path) -> Ed25519PrivateKey:
    """A fresh key, kept in this file; what another process put there first counts. Raises OSError, UnusableLogKey."""
    fresh = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _key(path, whole_files.kept(path, fresh.decode().strip()))


def read(path: Path) -> Ed25519PrivateKey | None:
    """The key in this file; None where there is none. Raises OSError, UnusableLogKey."""
    if not path.exists():
        return None
    if path.stat().st_mode & READABLE_BY_OTHERS:
        raise UnusableLogKey(f"{path}, the log's key, may be read by others: chmod 600 it, and ask who read it.")
    try:
        return _key(path, path.read_text(encoding="ascii"))
    except UnicodeDecodeError:
        raise UnusableLogKey(f"{path} holds no text: the log's key is an Ed25519 key in PEM (PKCS #8).") from None


def _key(path: Path, pem: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        # The reason could quote what the file holds.
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableLogKey(f"{path} does not hold the log's key: an Ed25519 key in PEM (PKCS #8), not encrypted.")
    return key
