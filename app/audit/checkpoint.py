"""Checkpoints and the notes that carry their signatures (C2SP signed-note, tlog-checkpoint, tlog-cosignature)."""

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.audit.merkle import HASH_BYTES

KEY_BYTES = 32
SIGNATURE_BYTES = 64
KEY_ID_BYTES = 4
TIMESTAMP_BYTES = 8
MAX_NOTE_BYTES = 1_000_000
MAX_SIZE = 2**63 - 1
MAX_TIMESTAMP = 2**63 - 1

_NAME = re.compile(r"[^\s+\ud800-\udfff]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_DASH = "\u2014"


class NoteInvalid(ValueError):
    """A text that is no note, checkpoint or key, or a note that its key did not sign; the message says why."""


class Algorithm(IntEnum):
    """What a key signs, as the first byte of a verifier key."""

    ED25519 = 0x01
    """The text of a note."""
    COSIGNATURE = 0x04
    """A checkpoint that a witness saw, and when."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree as its log states it: whose, how many leaves, and their root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """A checkpoint from the text of a note. Further lines are allowed and not looked at.

        Raises NoteInvalid.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise NoteInvalid("A checkpoint has three lines, none of them empty: origin, size, and root.")
        origin, size, root = lines[:3]
        if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
            raise NoteInvalid(f"The size of a checkpoint is a whole number from 0 to {MAX_SIZE}.")
        return cls(origin, int(size), _hash(root))


@dataclass(frozen=True, slots=True)
class Signature:
    """One line below a note: by which key, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """As it stands in a note, with its line's end."""
        return f"{_DASH} {self.name} {b64encode(self.key_id + self.signature).decode()}\n"

    @classmethod
    def parse(cls, line: str) -> "Signature":
        """One line, without its end. Raises NoteInvalid."""
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != _DASH or not _NAME.fullmatch(parts[1]):
            raise NoteInvalid("A signature's line is a dash, the name of a key, and Base64.")
        signed = from_base64(parts[2])
        if len(signed) <= KEY_ID_BYTES:
            raise NoteInvalid("A signature's line holds no signature.")
        return cls(parts[1], signed[:KEY_ID_BYTES], signed[KEY_ID_BYTES:])


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the signatures below it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(signature.line for signature in self.signatures)}"

    @classmethod
    def parse(cls, note: str) -> "Note":
        """A note from all of its text. Raises NoteInvalid."""
        try:
            if len(note.encode()) > MAX_NOTE_BYTES:
                raise NoteInvalid(f"A note has at most {MAX_NOTE_BYTES} bytes.")
        except UnicodeEncodeError:
            # JSON can spell half a character, which no UTF-8 can hold and so no key has signed.
            raise NoteInvalid("A note is text that UTF-8 can hold.") from None
        if any(character < " " and character != "\n" for character in note):
            raise NoteInvalid("A note holds no control characters.")
        text, between, below = note.rpartition("\n\n")
        if not between or not text or not below.endswith("\n"):
            raise NoteInvalid("A note is a text, an empty line, and the lines of its signatures.")
        return cls(f"{text}\n", tuple(Signature.parse(line) for line in below[:-1].split("\n")))


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name that it signs under, and what it signs."""

    name: str
    algorithm: Algorithm
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that name the key in a note. They identify it and prove nothing."""
        named = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public_key
        return hashlib.sha256(named).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        """As a vkey: name, id and key, with plus signs between them."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.algorithm]) + self.public_key).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> "VerifierKey":
        """A key from its vkey. Raises NoteInvalid."""
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        if not _NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{8}", key_id):
            raise NoteInvalid("A verifier key is a name, eight hexadecimal digits and Base64, joined by plus signs.")
        material = from_base64(encoded)
        if not material or material[0] not in set(Algorithm):
            raise NoteInvalid("The verifier key's algorithm is neither Ed25519 (1) nor a cosignature with Ed25519 (4).")
        if len(material) != 1 + KEY_BYTES:
            raise NoteInvalid(f"An Ed25519 key has {KEY_BYTES} bytes; this one has {len(material) - 1}.")
        key = cls(name, Algorithm(material[0]), material[1:])
        if key.key_id.hex() != key_id:
            raise NoteInvalid(f"The verifier key's id is {key_id}; the id of its name and key is {key.key_id.hex()}.")
        return key

    def signatures_in(self, note: Note) -> list[Signature]:
        """The note's signatures that name this key."""
        return [one for one in note.signatures if (one.name, one.key_id) == (self.name, self.key_id)]

    def require_signed(self, note: Note) -> None:
        """Check that this key signed the note, and that nothing else in it claims to be by this key.

        Raises NoteInvalid.
        """
        signatures = self.signatures_in(note)
        if not signatures:
            raise NoteInvalid(f"The note is not signed by {self.name} with the key {self.key_id.hex()}.")
        for one in signatures:
            signature, message = one.signature, note.text.encode()
            if self.algorithm is Algorithm.COSIGNATURE:
                stamp, signature = _timestamp(signature), signature[TIMESTAMP_BYTES:]
                message = cosigned(note.text, stamp)
            if len(signature) != SIGNATURE_BYTES:
                raise NoteInvalid(
                    f"An Ed25519 signature has {SIGNATURE_BYTES} bytes; {self.name}'s has {len(signature)}."
                )
            try:
                Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
            except (InvalidSignature, ValueError):
                raise NoteInvalid(f"The signature of {self.name} does not fit the note: it was changed.") from None


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with the name that it signs under."""

    name: str
    private_key: Ed25519PrivateKey

    @property
    def vkey(self) -> VerifierKey:
        """What others check its notes with."""
        return VerifierKey(self.name, Algorithm.ED25519, self.private_key.public_key().public_bytes_raw())

    def sign(self, text: str) -> Note:
        """The text as a note with this key's signature.

        Raises NoteInvalid for a name or a text that no note can carry: a signature that others refuse helps nobody.
        """
        note = Note(text, (Signature(self.name, self.vkey.key_id, self.private_key.sign(text.encode())),))
        if Note.parse(str(note)) != note:
            raise NoteInvalid("A note's text ends with the end of a line.")
        return note


def cosigned(text: str, timestamp: int) -> bytes:
    """What a witness signs: when it saw a checkpoint, in seconds since 1970, and the checkpoint's text."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def open_checkpoint(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint of a note that one of these keys signed, each of which signs for the origin that it is named by.

    Keys of another name are those of witnesses: they may sign or not, but not wrongly. What is signed by keys that
    are not given is not looked at.

    Raises NoteInvalid.
    """
    parsed = Note.parse(note)
    checkpoint = Checkpoint.parse(parsed.text)
    signers = [key for key in keys if key.signatures_in(parsed)]
    for key in signers:
        key.require_signed(parsed)
    if any(key.name == checkpoint.origin for key in signers):
        return checkpoint
    known = ", ".join(f"{key.name} {key.key_id.hex()}" for key in keys) or "no key"
    raise NoteInvalid(f"The checkpoint is of the origin {checkpoint.origin!r}, and not signed by {known}.")


def from_base64(text: str) -> bytes:
    """The bytes that Base64 spells (RFC 4648 4), in its one spelling.

    Raises NoteInvalid.
    """
    try:
        decoded = b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise NoteInvalid("This is not Base64 (RFC 4648 4).") from None
    if b64encode(decoded).decode() != text:
        raise NoteInvalid("This is not the one Base64 spelling of its bytes.")
    return decoded


def _timestamp(signature: bytes) -> int:
    stamp = int.from_bytes(signature[:TIMESTAMP_BYTES], "big")
    if stamp > MAX_TIMESTAMP:
        raise NoteInvalid(f"The timestamp of a cosignature goes to {MAX_TIMESTAMP}.")
    return stamp


def _hash(text: str) -> bytes:
    decoded = from_base64(text)
    if len(decoded) != HASH_BYTES:
        raise NoteInvalid(f"A root has {HASH_BYTES} bytes; this one has {len(decoded)}.")
    return decoded
