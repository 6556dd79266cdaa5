"""Copies the log into a directory that any file server can serve: the same bytes under the same names as `/log/…`.

A mirror is written in an order that never lets it promise what it does not hold: the key, the tiles, and only then the
checkpoint over them. A second run adds what is new, and only to a directory that this log continues.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from app.actor import Scope
from app.audit.checkpoint import Checkpoint, NoteInvalid
from app.audit.events import AuditLogExported
from app.audit.kept import KeptCheckpoint, KeptUnusable
from app.audit.receipts import Published, published, root_at, tile_bytes
from app.audit.states import Target
from app.audit.tiles import HEIGHT, WIDTH, TilePath, path_of, width_of
from app.services.command import Done, Tx
from app.store.connection import Connection

FORM = "static"
CHECKPOINT, VKEY, TILES = "checkpoint", "vkey", "tile"
MODE = 0o644

Progress = Callable[[int, int | None], object]
"""Hears how many files are written, and of how many."""


class MirrorRefused(Exception):
    """The directory cannot be made a mirror of this log; the message says why."""


@dataclass(frozen=True, slots=True)
class MirrorLog:
    """Take a copy of the whole log's tree. Nothing of any account stands in it, and it is still an export."""

    action: ClassVar[str] = AuditLogExported.kind
    scope: ClassVar[Scope] = Scope.AUDIT_READ
    reason: None = None

    @property
    def target(self) -> Target:
        """The log of the installation."""
        return Target("audit_log", None, FORM)

    async def __call__(self, tx: Tx) -> Done[None]:
        """Nothing changes; what is copied is read after this is committed."""
        return Done(None, AuditLogExported(tx.actor.account_id, FORM))


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a run came to: the tree that the directory holds now, the one that it held before, and what was written."""

    origin: str
    size: int
    size_before: int
    files: int


async def write_mirror(
    connection: Connection, directory: Path, progress: Progress = lambda _done, _total: None
) -> Mirrored:
    """Bring a directory to the newest published checkpoint. It may be new, empty, or a mirror from an earlier run.

    Raises MirrorRefused, TreeDamaged, OSError, and what reading raises.
    """
    newest = await published(connection)
    if newest is None:
        raise MirrorRefused("There is no checkpoint yet: the log's notary has signed none.")
    with _alone(directory):
        before = await _size_before(connection, directory, newest)
        if not (directory / VKEY).exists():
            _write(directory / VKEY, f"{newest.vkey}\n".encode())
        paths = list(new_tiles(before, newest.size))
        for done, path in enumerate(paths):
            progress(done, len(paths))
            found = await tile_bytes(connection, newest.generation, newest.size, path)
            _write(directory / TILES / path_of(path), found)
        # A power cut must not leave the checkpoint and take the tiles under it.
        os.sync()
        try:
            KeptCheckpoint(directory / CHECKPOINT).write(newest.note)
        except KeptUnusable as error:
            raise MirrorRefused(str(error)) from error
    return Mirrored(newest.origin, newest.size, before, len(paths))


def new_tiles(before: int, size: int) -> Iterator[TilePath]:
    """The tiles and bundles of a tree of `size` leaves that one of `before` leaves does not have, or not as full."""
    level = 0
    while size >> (HEIGHT * level):
        first, last = (of >> (HEIGHT * level) for of in (before, size))
        if first != last:
            for number in range(first // WIDTH, (last + WIDTH - 1) // WIDTH):
                width = width_of(level, number, size)
                yield TilePath(level, number, width)
                if not level:
                    yield TilePath(None, number, width)
        level += 1


async def _size_before(connection: Connection, directory: Path, newest: Published) -> int:
    """How many leaves the directory holds, all of them of this log."""
    _require_ours(directory, newest)
    try:
        note = KeptCheckpoint(directory / CHECKPOINT).read()
        if note is None:
            # Empty, or a first run that was interrupted: whatever lies there is written again.
            return 0
        newest.vkey.require_signed(note)
        held = Checkpoint.parse(note.text)
    except (KeptUnusable, NoteInvalid) as error:
        raise MirrorRefused(f"{directory} holds no checkpoint of this log: {error}") from error
    if held.origin != newest.origin:
        raise MirrorRefused(f"{directory} is a mirror of {held.origin}; this log is {newest.origin}.")
    if held.size > newest.size:
        raise MirrorRefused(
            f"{directory} holds {held.size} entries of this log, which has {newest.size}: the log was rolled back."
        )
    if await root_at(connection, newest.generation, held.size) != held.root:
        raise MirrorRefused(f"{directory} holds another history of the first {held.size} entries: the log was forked.")
    return held.size


def _require_ours(directory: Path, newest: Published) -> None:
    strange = sorted(
        path.name
        for path in directory.iterdir()
        if path.name not in (CHECKPOINT, VKEY, TILES) and not path.name.endswith(".part")
    )
    if strange:
        raise MirrorRefused(f"{directory} holds {strange[0]}, which is no part of a mirror: name a directory for it.")
    key = directory / VKEY
    if key.exists() and key.read_bytes() != f"{newest.vkey}\n".encode():
        raise MirrorRefused(f"{directory} is a mirror of a log with another key than {newest.vkey}.")


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Two that write at once would let an older checkpoint replace a newer one."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MirrorRefused(f"Another export writes into {directory} now.") from None
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    """A whole file under its name, or none: a server may be reading the directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as file:
            file.write(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
