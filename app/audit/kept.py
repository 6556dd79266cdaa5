"""Checkpoints kept outside the database: what tells that it was restored, rolled back, or written anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app import whole_files
from app.audit.checkpoint import Checkpoint, Note, NoteInvalid

MODE = 0o644


class KeptUnusable(Exception):
    """A place where a checkpoint is kept cannot be read or written; the message names it and says why."""


class KeptNotOlder(Exception):
    """What is kept is not older than what was to replace it: somebody else signs, or this is another history."""


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """One such place: a file that holds the newest note."""

    path: Path

    def read(self) -> Note | None:
        """What is kept; None where nothing is yet. Raises KeptUnusable."""
        try:
            return Note.parse(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, NoteInvalid) as error:
            raise KeptUnusable(f"{self.path} should hold a checkpoint and cannot be read: {error}") from error

    def write(self, note: str) -> None:
        """Keep a newer note in place of the old one, which is whole until then.

        A notary that wakes after another took over would put an older one back; a rollback of the database to just
        that one would then be overlooked. Raises KeptNotOlder, KeptUnusable.
        """
        if self._holds(Checkpoint.parse(Note.parse(note).text)):
            return
        try:
            whole_files.replace(self.path, note, MODE)
        except OSError as error:
            raise KeptUnusable(f"A checkpoint cannot be kept in {self.path}: {error.strerror}.") from error

    def _holds(self, checkpoint: Checkpoint) -> bool:
        """Whether it is kept already. Raises KeptNotOlder, KeptUnusable."""
        for _, _, there in read_all([self]):
            if there == checkpoint:
                return True
            if (there.origin, there.size >= checkpoint.size) != (checkpoint.origin, False):
                raise KeptNotOlder(f"{self.path} holds a checkpoint of {there.size} leaves of the log {there.origin}.")
        return False

    def retire(self, number: int) -> Path | None:
        """Put what is kept aside, for a log that follows it under another origin, the one of this number.

        Answers where it is now; None where nothing was kept. Raises KeptUnusable.
        """
        aside = self.path.with_name(f"{self.path.name}.before-{number}")
        try:
            self.path.replace(aside)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeptUnusable(f"{self.path} cannot be put aside: {error.strerror}.") from error
        return aside


def read_all(places: Sequence[KeptCheckpoint]) -> list[tuple[KeptCheckpoint, Note, Checkpoint]]:
    """What every place holds. Raises KeptUnusable."""
    kept = []
    for place in places:
        note = place.read()
        if note is None:
            continue
        try:
            kept.append((place, note, Checkpoint.parse(note.text)))
        except NoteInvalid as error:
            raise KeptUnusable(f"{place.path} holds no checkpoint: {error}") from error
    return kept
