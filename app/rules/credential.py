"""The text of an API key: `ak_`, the key's id, its secret, and a checksum that catches typing errors."""

import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass

_FORM = re.compile(r"ak_(?P<id>[0-9a-f]{32})(?P<secret>[0-9a-f]{64})(?P<crc>[0-9a-f]{8})")
HINT_LENGTH = 15
SECRET_BYTES = 32
"""How many random bytes a fresh secret has."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A key that is spelled right; whether it is one that exists is another question. The secret is 256 random bits."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:
        # The secret must not reach a log by way of a traceback.
        return f"<Credential {self.key_id}>"

    @property
    def text(self) -> str:
        """What the caller sends."""
        start = f"ak_{self.key_id}{self.secret.hex()}"
        return f"{start}{zlib.crc32(start.encode()):08x}"

    @property
    def hint(self) -> str:
        """The start of the text: enough to recognise the key by, and nothing of its secret."""
        return self.text[:HINT_LENGTH]

    @property
    def secret_sha256(self) -> bytes:
        """All that is stored. A hash without a work factor is right for 256 random bits: there is nothing to guess."""
        return hashlib.sha256(self.secret).digest()


def read(text: str) -> Credential | None:
    """The credential that a text spells; None where it is mistyped or something else."""
    match = _FORM.fullmatch(text)
    if match is None or f"{zlib.crc32(text[:-8].encode()):08x}" != match["crc"]:
        return None
    return Credential(key_id=match["id"], secret=bytes.fromhex(match["secret"]))


def is_same_secret(credential: Credential, secret_sha256: bytes) -> bool:
    """Whether the secret is the one whose hash is stored, in a time that tells nothing of how much of it is right."""
    return hmac.compare_digest(credential.secret_sha256, secret_sha256)
