"""Witnesses: strangers who sign that a log only grew, and how they are asked (C2SP tlog-witness, tlog-cosignature)."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from app.audit.checkpoint import MAX_SIZE, TIMESTAMP_BYTES, Algorithm, Note, NoteInvalid, Signature, VerifierKey

ADD_CHECKPOINT = "/add-checkpoint"
SIZE_MEDIA_TYPE = "text/x.tlog.size"
MAX_HASHES = 63
MAX_AHEAD_SECONDS = 300
"""How far a witness's clock may be before ours."""

_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\n")


class NotCosigned(ValueError):
    """An answer that holds no cosignature of this witness; the message says why."""


class CosignatureInvalid(NotCosigned):
    """A cosignature in this witness's name that does not fit the checkpoint."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Who it is, by its key, and the prefix of the address where it is asked."""

    vkey: VerifierKey
    url: str

    @property
    def name(self) -> str:
        """The name that it signs under."""
        return self.vkey.name

    @classmethod
    def parse(cls, vkey: str, url: str) -> "Witness":
        """From its verifier key. Raises NoteInvalid for a key that is none, or signs other things."""
        key = VerifierKey.parse(vkey)
        if key.algorithm is not Algorithm.COSIGNATURE:
            raise NoteInvalid(f"The key of the witness {key.name} signs no cosignatures (its algorithm is not 4).")
        return cls(key, url)


def question(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """The body of add-checkpoint: the size that the witness has, the proof from it, and the checkpoint.

    Raises ValueError for more hashes than may be sent.
    """
    if len(proof) > MAX_HASHES:
        raise ValueError(f"A consistency proof has at most {MAX_HASHES} hashes.")
    lines = [f"old {old_size}", *(b64encode(one).decode() for one in proof), "", note]
    return "\n".join(lines).encode()


def size_told(body: bytes) -> int | None:
    """The size that a witness says it has, from the answer that it is another than was asked with; None if none."""
    found = _SIZE.fullmatch(body.decode("ascii", "replace"))
    return None if found is None or int(found[1]) > MAX_SIZE else int(found[1])


def cosignature(witness: Witness, text: str, answer: bytes, now_seconds: int) -> Signature:
    """The witness's signature of a checkpoint's text, from its answer; lines of other keys are not looked at.

    Raises NotCosigned, and CosignatureInvalid.
    """
    try:
        lines = answer.decode("utf-8")
        signatures = tuple(Signature.parse(line) for line in lines.removesuffix("\n").split("\n"))
    except (UnicodeDecodeError, NoteInvalid):
        raise NotCosigned(f"The answer of {witness.name} is no list of signatures.") from None
    note = Note(text, signatures)
    found = witness.vkey.signatures_in(note)
    if not found:
        raise NotCosigned(f"The answer of {witness.name} holds no signature by its key.")
    try:
        witness.vkey.require_signed(note)
    except NoteInvalid as wrong:
        raise CosignatureInvalid(str(wrong)) from None
    seconds = int.from_bytes(found[0].signature[:TIMESTAMP_BYTES], "big")
    if not 0 < seconds <= now_seconds + MAX_AHEAD_SECONDS:
        raise CosignatureInvalid(f"The cosignature of {witness.name} is of another time: {seconds} s since 1970.")
    return found[0]
