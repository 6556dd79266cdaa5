"""A bundle beside a terminator: the file that it reads, and what is known of it, in a file beside that."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from app import whole_files

FORMAT = "anchorage-bundle/1"
MODE = 0o644
"""There is no secret in a bundle, and a terminator need not run as whoever keeps it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of the bundle that the file holds.

    `applied` says that the command that makes the terminator read it has succeeded since.
    """

    tag: str
    version: int
    sequence: int
    sha256: str
    is_applied: bool


@dataclass(frozen=True, slots=True)
class BundleFile:
    """The two files. Each is there whole or not at all; the bundle is replaced by a renaming."""

    path: Path

    @property
    def notes(self) -> Path:
        """What is known of the bundle."""
        return self.path.with_name(f"{self.path.name}.json")

    def held(self) -> Held | None:
        """What is known of the file, where it holds what was written; else None, and it has to be written anew.

        Raises OSError.
        """
        try:
            content = self.path.read_bytes()
            noted = json.loads(self.notes.read_text(encoding="utf-8"))
            if noted.pop("format") != FORMAT:
                return None
            held = Held(**noted)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return held if hashlib.sha256(content).hexdigest() == held.sha256 else None

    def write(self, content: bytes, *, tag: str, version: int, sequence: int) -> Held:
        """Replace the bundle, which is not applied yet. Raises OSError."""
        held = Held(tag, version, sequence, hashlib.sha256(content).hexdigest(), is_applied=False)
        # Should the process end between the two, the notes do not fit the file, and it is fetched once more.
        whole_files.replace(self.path, content, MODE)
        self.note(held)
        return held

    def note(self, held: Held) -> None:
        """Keep what is known. Raises OSError."""
        whole_files.replace(self.notes, f"{json.dumps({'format': FORMAT, **asdict(held)}, indent=1)}\n", MODE)

    def age_seconds(self, now: float) -> float | None:
        """For how long nobody has said that the bundle is the newest; None where there is no bundle.

        `now` is the time as the file system knows it: seconds since 1970.
        """
        try:
            return max(0.0, now - self.notes.stat().st_mtime)
        except FileNotFoundError:
            return None

    def confirm(self, now: float) -> None:
        """The bundle is the newest now. Raises OSError."""
        os.utime(self.notes, (now, now))
