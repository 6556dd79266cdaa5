"""A bundle beside a terminator: the file that it reads, and what is known of it, in a file beside that."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
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

    def holds(self, content: bytes) -> bool:
        """Whether this is what is known of the content."""
        return hashlib.sha256(content).hexdigest() == self.sha256


@dataclass(slots=True)
class BundleFile:
    """The two files. Each is there whole or not at all; both are replaced by a renaming.

    The notes were modified when the bundle was last known to be the newest.
    """

    path: Path
    _content: bytes = field(default=b"", repr=False)
    """What the file held when it was last whole."""

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
        except FileNotFoundError:
            return None
        held = next((noted for noted in self._noted() if noted.holds(content)), None)
        if held is not None:
            self._content = content
        return held

    def noted(self) -> Held | None:
        """What is known of the last bundle that was taken, whatever has become of the file."""
        return next(iter(self._noted()), None)

    def write(self, content: bytes, tag: str, version: int, sequence: int, *, newest_at: float) -> Held:
        """Replace the bundle by one that was the newest at an instant, and is not applied yet. Raises OSError."""
        held = Held(tag, version, sequence, hashlib.sha256(content).hexdigest(), is_applied=False)
        self._replace(content, held)
        os.utime(self.notes, (newest_at, newest_at))
        return held

    def restored(self) -> Held | None:
        """The bundle that somebody took away or changed, written again and not applied; None where it is not known.

        Raises OSError.
        """
        noted = next((noted for noted in self._noted() if noted.holds(self._content)), None)
        if noted is None:
            return None
        held = replace(noted, is_applied=False)
        self._replace(self._content, held)
        return held

    def note(self, held: Held) -> None:
        """Keep what is known. That does not make the bundle any newer. Raises OSError."""
        self._note(held, None)

    def age_seconds(self, now: float) -> float | None:
        """For how long nobody has said that the bundle is the newest; None where nothing is known.

        Instants are what the file system knows: seconds since 1970.
        """
        confirmed_at = self._confirmed_at()
        return None if confirmed_at is None else max(0.0, now - confirmed_at)

    def confirm(self, now: float, stale_seconds: float = 0.0) -> None:
        """The bundle is the newest now, or was so many seconds ago, if not later. Raises OSError."""
        newest_at = now - stale_seconds
        if not stale_seconds or newest_at > (self._confirmed_at() or 0.0):
            os.utime(self.notes, (newest_at, newest_at))

    def _noted(self) -> tuple[Held, ...]:
        """What the file should hold, and what it held before, where it is not sure to have been replaced."""
        try:
            noted = json.loads(self.notes.read_text(encoding="utf-8"))
            if noted.pop("format") != FORMAT:
                return ()
            before = noted.pop("before", None)
            return (Held(**noted),) if before is None else (Held(**noted), Held(**before))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return ()

    def _replace(self, content: bytes, held: Held) -> None:
        # Noted first, beside what it replaces: should the process end between the two, the notes fit the file.
        self._note(held, self.held())
        whole_files.replace(self.path, content, MODE)
        self._content = content

    def _note(self, held: Held, before: Held | None) -> None:
        noted = {"format": FORMAT, **asdict(held), **({} if before is None else {"before": asdict(before)})}
        text = f"{json.dumps(noted, indent=1)}\n"
        whole_files.replace(self.notes, text, MODE, modified_at=self._confirmed_at())

    def _confirmed_at(self) -> float | None:
        try:
            return self.notes.stat().st_mtime
        except FileNotFoundError:
            return None
