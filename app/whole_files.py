"""Files that are there whole or not at all, whoever ends the process in between."""

import os
import secrets
from pathlib import Path

SECRET_MODE = 0o600


def kept(path: Path, fresh: str) -> str:
    """The line that the file holds, or the fresh one, which it then holds. Of several that begin at once, one wins.

    Nobody but the file's owner may read it. Raises OSError.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        _write(unfinished, f"{fresh}\n", SECRET_MODE)
        # Not a renaming, which would replace the file of another process.
        path.hardlink_to(unfinished)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)
    return fresh


def replace(path: Path, content: str | bytes, mode: int, *, modified_at: float | None = None) -> None:
    """Let the file hold this instead of what it held, and do not return before it lasts. Raises OSError.

    `modified_at` is when it is to have been modified, in seconds since 1970, if not now.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        _write(unfinished, content, mode)
        if modified_at is not None:
            os.utime(unfinished, (modified_at, modified_at))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)


def _write(path: Path, content: str | bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Do not return before the names in a folder last as well: a file's name lies there. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
