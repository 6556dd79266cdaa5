"""The key under which the installation's secrets are encrypted: in a file, for its owner alone, never in the database.

It is made once, and never again for a database that holds something encrypted: what is there would stay unreadable.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app import whole_files
from app.settings import PREFIX
from app.store import developer_keys
from app.store.connection import Connection
from app.store.developer_keys import Sealed

KEY_BYTES = 32
NONCE_BYTES = 12
READABLE_BY_OTHERS = 0o077
SETTING = f"{PREFIX}SECRETS_KEY_FILE"

_SPELLED = re.compile(r"[0-9a-f]{64}")


class UnusableSecretsKey(Exception):
    """The file does not hold the key that the installation's secrets are encrypted under; the message names it."""


@dataclass(frozen=True, slots=True)
class SecretsKey:
    """AES-256-GCM (NIST SP 800-38D) under the key of this file."""

    path: Path
    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """What tells the key from another one, and nothing of the key: 16 hexadecimal digits."""
        return hashlib.sha256(b"anchorage secrets key\n" + self.key).hexdigest()[:16]

    def seal(self, secret: bytes, owner: bytes) -> Sealed:
        """Encrypt a secret, so that it can be read as this owner's alone."""
        # Random nonces are safe for 2^32 secrets under one key (8.3 there).
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Sealed(self.id, nonce, AESGCM(self.key).encrypt(nonce, secret, owner))

    def open(self, sealed: Sealed, owner: bytes) -> bytes:
        """The secret. Raises UnusableSecretsKey for one of another key, and for one that is not this owner's."""
        _require_same(self, frozenset({sealed.secrets_key_id}))
        try:
            return AESGCM(self.key).decrypt(sealed.nonce, sealed.ciphertext, owner)
        except InvalidTag:
            raise UnusableSecretsKey(
                f"{self.path} holds the right key, and yet a secret does not open with it:"
                " somebody changed it in the database, or moved it to another owner."
            ) from None


async def secrets_key(connection: Connection, path: Path) -> SecretsKey:
    """The key in this file, made where neither it nor anything encrypted is there yet.

    Raises UnusableSecretsKey.
    """
    used = await developer_keys.secrets_keys(connection)
    try:
        kept = _read(path)
        if kept is None and used:
            raise UnusableSecretsKey(
                f"{path} is not there, and the database holds secrets that are encrypted under the key that was in it:"
                f" bring it back from a backup or from another host, or name it with {SETTING}."
            )
        key = kept or _made(path)
    except OSError as error:
        raise UnusableSecretsKey(
            f"{path}, the key for the installation's secrets, cannot be read or made: {error.strerror}."
        ) from error
    _require_same(key, used)
    return key


def _require_same(key: SecretsKey, used: frozenset[str]) -> None:
    if used - {key.id}:
        raise UnusableSecretsKey(
            f"{key.path} holds another key than the one that the secrets in the database are encrypted under:"
            f" every host needs the same file, which {SETTING} names."
        )


def _made(path: Path) -> SecretsKey:
    # Of several processes that begin at once, the one that was first decides.
    return _key(path, whole_files.kept(path, secrets.token_hex(KEY_BYTES)))


def _read(path: Path) -> SecretsKey | None:
    if not path.exists():
        return None
    if path.stat().st_mode & READABLE_BY_OTHERS:
        raise UnusableSecretsKey(
            f"{path}, the key for the installation's secrets, may be read by others: chmod 600 it, and ask who read it."
        )
    try:
        return _key(path, path.read_text(encoding="ascii").strip())
    except UnicodeDecodeError:
        return _key(path, "")


def _key(path: Path, text: str) -> SecretsKey:
    if not _SPELLED.fullmatch(text):
        raise UnusableSecretsKey(
            f"{path} does not hold the key for the installation's secrets: {KEY_BYTES} octets in hexadecimal digits."
        )
    return SecretsKey(path, bytes.fromhex(text))
