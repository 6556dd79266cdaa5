"""Receipts: a leaf, the way from it to the root, and the signed checkpoint, in one text (C2SP tlog-proof)."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from app.audit.checkpoint import NoteInvalid, VerifierKey, from_base64, open_checkpoint
from app.audit.merkle import HASH_BYTES, ProofInvalid, leaf_hash, require_included

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63

_EXTRA = "extra "
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a leaf is in the log. `extra` is the leaf itself, so that the receipt can be checked alone.

    `checkpoint` is a note.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def __str__(self) -> str:
        """The text of a `.tlog-proof` file."""
        extra = [f"extra {b64encode(self.extra).decode()}"] if self.extra else []
        hashes = [b64encode(one).decode() for one in self.hashes]
        return "\n".join([HEADER, *extra, f"index {self.index}", *hashes, "", self.checkpoint])

    @classmethod
    def parse(cls, text: str) -> "Receipt":
        """A receipt from its text. Raises NoteInvalid."""
        proof, between, checkpoint = text.partition("\n\n")
        lines = proof.split("\n")
        if not between or lines.pop(0) != HEADER:
            raise NoteInvalid(f"A receipt begins with the line {HEADER} and holds an empty line before its checkpoint.")
        extra = None
        if lines and lines[0].startswith(_EXTRA):
            extra = from_base64(lines.pop(0).removeprefix(_EXTRA))
            if not extra:
                raise NoteInvalid("A receipt without extra data has no line for them.")
        index = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if index is None:
            raise NoteInvalid("A receipt names the leaf's index before its hashes.")
        if len(lines) > MAX_HASHES:
            raise NoteInvalid(f"A receipt holds at most {MAX_HASHES} hashes.")
        hashes = tuple(from_base64(line) for line in lines)
        if any(len(one) != HASH_BYTES for one in hashes):
            raise NoteInvalid(f"A hash of a receipt has {HASH_BYTES} bytes.")
        return cls(int(index[1]), hashes, checkpoint, extra)

    def require_proves(self, leaf: bytes, keys: Sequence[VerifierKey]) -> None:
        """Check that this leaf is in a log that one of these keys signed.

        Raises NoteInvalid for a checkpoint that they did not sign, ProofInvalid for a proof of something else.
        """
        checkpoint = open_checkpoint(self.checkpoint, keys)
        if self.extra is not None and self.extra != leaf:
            raise ProofInvalid("The receipt is for another leaf.")
        require_included(leaf_hash(leaf), self.index, checkpoint.size, self.hashes, checkpoint.root)
