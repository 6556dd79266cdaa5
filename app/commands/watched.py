"""What `anchorage audit watch` saw last: one file, replaced whole, and evidence beside it that is never replaced."""

import json
from dataclasses import dataclass
from pathlib import Path

from app import whole_files
from app.audit.checkpoint import Checkpoint, Note, VerifierKey
from app.audit.verify_public import PublicLog

FORMAT = "anchorage-watch/1"
MODE = 0o644


class UnusableState(Exception):
    """The file cannot be read or written, or is no such file; the message says why."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The file."""

    path: Path

    def read(self) -> PublicLog | None:
        """The log as it was; None before the first look. Raises UnusableState."""
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            if held["format"] != FORMAT:
                raise UnusableState(f"{self.path} is of another release: {held['format']}.")
            key, note = VerifierKey.parse(held["vkey"]), Note.parse(held["checkpoint"])
            # Somebody may have put another tree into the file, but cannot have signed it.
            key.require_signed(note)
            return PublicLog(key, note, Checkpoint.parse(note.text))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnusableState(f"{self.path} does not hold what was seen last: {error}") from error

    def write(self, log: PublicLog) -> None:
        """Keep a newer one. Raises UnusableState."""
        held = {"format": FORMAT, "vkey": str(log.key), "checkpoint": str(log.note)}
        try:
            whole_files.replace(self.path, f"{json.dumps(held, ensure_ascii=False, indent=1)}\n", MODE)
        except OSError as error:
            raise UnusableState(f"{self.path} cannot be written: {error.strerror}.") from error

    def keep_evidence(self, log: PublicLog) -> str:
        """Keep a signed checkpoint that does not continue what was seen, and say where."""
        place = self.path.with_name(f"{self.path.name}.against-{log.checkpoint.root.hex()[:16]}")
        try:
            if not place.exists():
                whole_files.replace(place, str(log.note), MODE)
        except OSError as error:
            return f"Its checkpoint could not be kept in {place}: {error.strerror}."
        return f"Its signed checkpoint is kept in {place}."
