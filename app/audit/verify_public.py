"""Checks a log from outside, by what anyone can read of it: signature, entries, tiles, root, and that it only grew.

It is given a way to fetch the files of C2SP tlog-tiles by their names and knows of no server: a directory does as well.
What contradicts a signature is tampering; what does not come, or is no answer, decides nothing.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from app.audit.checkpoint import Checkpoint, Note, NoteInvalid, VerifierKey
from app.audit.merkle import HASH_BYTES, Node, ProofInvalid, consistency_nodes, fold, require_consistent
from app.audit.regrown import Regrown
from app.audit.stored import Code, Finding, Findings
from app.audit.tiles import (
    HEIGHT,
    WIDTH,
    NotATile,
    Tile,
    TilePath,
    bundle,
    hash_in,
    path_of,
    tile_of,
    unbundle,
    width_of,
)
from app.audit.verify_tree import Trusted

CHECKPOINT, VKEY, TILES = "checkpoint", "vkey", "tile"
FETCHED_AHEAD = 8

Fetch = Callable[[str], Awaitable[bytes]]
"""The bytes under a name, for example `tile/0/000.p/5`. Raises Unanswered."""
Progress = Callable[[int, int | None], object]
"""Hears how many entries were looked at, and of how many."""


class Unanswered(Exception):
    """What is needed did not come, so that nothing can be said; the message says what and why."""


class Absent(Unanswered):
    """There is nothing under this name."""


class Broken(Exception):
    """The log is not what was signed, or not what it was."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class PublicLog:
    """A log as it is served: its key, and its newest checkpoint, which the key signed."""

    key: VerifierKey
    note: Note
    checkpoint: Checkpoint


async def read_key(fetch: Fetch) -> VerifierKey:
    """The key that the log itself names, for a first look. Raises Unanswered."""
    try:
        return VerifierKey.parse((await fetch(VKEY)).decode())
    except (UnicodeDecodeError, NoteInvalid) as error:
        raise Unanswered(f"What is served as the log's key is none: {error}") from error


async def read_log(fetch: Fetch, key: VerifierKey) -> PublicLog:
    """The newest checkpoint, whose signature is in order. Raises Unanswered, Broken."""
    try:
        note = Note.parse((await fetch(CHECKPOINT)).decode())
        checkpoint = Checkpoint.parse(note.text)
    except (UnicodeDecodeError, NoteInvalid) as error:
        raise Unanswered(f"What is served as the checkpoint is none: {error}") from error
    if checkpoint.origin != key.name:
        raise Broken(
            Code.CHECKPOINT_UNSIGNED, f"The origin is {checkpoint.origin!r}; it was {key.name!r}: this is another log."
        )
    try:
        key.require_signed(note)
    except NoteInvalid as error:
        raise Broken(Code.CHECKPOINT_UNSIGNED, str(error)) from error
    return PublicLog(key, note, checkpoint)


async def require_continues(fetch: Fetch, old: Checkpoint, new: Checkpoint) -> None:
    """Check that the new tree begins with the old one, by a proof that is made here from the log's tiles.

    Raises Unanswered, Broken.
    """
    if new.size < old.size:
        raise Broken(Code.ROLLED_BACK, f"The log has {new.size} entries; it had {old.size}: it was rolled back.")
    plan = consistency_nodes(old.size, new.size)
    tiles = {tile_of(node) for part in plan for node in part}
    paths = {tile: TilePath(*tile, width_of(*tile, new.size)) for tile in tiles}
    held = {tile: await _tile(fetch, path) for tile, path in paths.items()}
    try:
        proof = [fold([_hash_in(node, held) for node in part]) for part in plan]
        require_consistent(old.size, old.root, new.size, new.root, proof)
    except (NotATile, ProofInvalid) as error:
        raise Broken(
            Code.HISTORY_DIFFERS, f"The {new.size} entries do not continue the {old.size} that were there: {error}"
        ) from error


async def verify_public(
    fetch: Fetch,
    log: PublicLog,
    trusted: Sequence[Trusted],
    findings: Findings,
    progress: Progress = lambda _done, _total: None,
) -> None:
    """Check every entry and every tile of a log, its root, and that it continues the checkpoints that were kept.

    Memory does not grow with the log. Raises Unanswered.
    """
    checking = _Checking(log, findings, {one.checkpoint.size for one in trusted})
    async for path, content in _in_order(fetch, list_tiles(log.checkpoint.size)):
        if not checking.take(path, content):
            # The number of every entry that follows would be wrong.
            return
        progress(checking.grown.size, log.checkpoint.size)
    checking.check_root()
    for one in trusted:
        checking.check_trusted(one)


def list_tiles(size: int) -> Iterator[TilePath]:
    """Every bundle and tile of a tree, each after all that is below it."""
    for number in range(-(-size // WIDTH)):
        yield TilePath(None, number, width_of(0, number, size))
        yield TilePath(0, number, width_of(0, number, size))
        level, above = 1, number
        while above % WIDTH == WIDTH - 1 and width_of(level, above // WIDTH, size) == WIDTH:
            above //= WIDTH
            yield TilePath(level, above, WIDTH)
            level += 1
    level = 1
    while hashes := size >> (HEIGHT * level):
        if hashes % WIDTH:
            yield TilePath(level, hashes // WIDTH, hashes % WIDTH)
        level += 1


@dataclass(slots=True)
class _Checking:
    log: PublicLog
    findings: Findings
    marks: set[int]
    grown: Regrown = field(default_factory=Regrown)
    roots: dict[int, bytes] = field(default_factory=lambda: {0: Regrown().root()})

    def take(self, path: TilePath, content: bytes) -> bool:
        """Check the next tile, or add the next bundle's entries; whether it can go on."""
        return self._add(path, content) if path.level is None else self._compare(Tile(path.level, path.number), content)

    def check_root(self) -> None:
        """Compare the root over all entries with the one that was signed."""
        if self.grown.root() != self.log.checkpoint.root:
            message = f"The {self.grown.size} entries lead to another root than the one that was signed."
            self.findings.add(Finding(Code.CHECKPOINT_DIFFERS, message))

    def check_trusted(self, kept: Trusted) -> None:
        """Compare the history with a checkpoint that was kept."""
        where = f"The checkpoint in {kept.kept_in} covers {kept.checkpoint.size} leaves"
        code, message = None, ""
        if kept.checkpoint.origin != self.log.checkpoint.origin:
            code = Code.CHECKPOINT_OF_ANOTHER_LOG
            message = f"The checkpoint in {kept.kept_in} is of {kept.checkpoint.origin!r}, which is another log."
        elif problem := _problem_of_signature(self.log.key, kept.note):
            code, message = Code.CHECKPOINT_UNSIGNED, f"{where}; the log's key did not sign it: {problem}"
        elif kept.checkpoint.size > self.grown.size:
            code, message = Code.ROLLED_BACK, f"{where}; the log has {self.grown.size}: it was rolled back."
        elif self.roots[kept.checkpoint.size] != kept.checkpoint.root:
            code, message = Code.HISTORY_DIFFERS, f"{where}; the log's first {kept.checkpoint.size} leaves are others."
        if code is not None:
            self.findings.add(Finding(code, message))

    def _add(self, path: TilePath, content: bytes) -> bool:
        try:
            leaves = unbundle(content)
        except NotATile as truncated:
            self.findings.add(Finding(Code.LEAF_MISSING, f"{TILES}/{path_of(path)}: {truncated}"))
            return False
        if len(leaves) != path.width:
            message = f"{TILES}/{path_of(path)} holds {len(leaves)} entries; {path.width} were signed."
            self.findings.add(Finding(Code.LEAF_MISSING, message))
            return False
        for one in leaves:
            self.grown.append([one])
            if self.grown.size in self.marks:
                self.roots[self.grown.size] = self.grown.root()
        return True

    def _compare(self, tile: Tile, content: bytes) -> bool:
        made = self.grown.full.pop(tile, None) or self.grown.partial().get(tile, b"")
        if content != made:
            short = len(content) < len(made)
            what = f"is truncated after {len(content)} bytes" if short else "does not hold the hashes of its entries"
            self.findings.add(Finding(Code.TILE_DIFFERS, f"Tile {tile.number} of level {tile.level} {what}."))
        return True


def _problem_of_signature(key: VerifierKey, note: Note) -> str | None:
    try:
        key.require_signed(note)
    except NoteInvalid as error:
        return str(error)
    return None


def _hash_in(node: Node, held: dict[Tile, bytes]) -> bytes:
    return hash_in(node, held[tile_of(node)])


async def _tile(fetch: Fetch, path: TilePath) -> bytes:
    """A tile or a bundle. A log may have dropped a partial one once the full one is there."""
    try:
        return await fetch(f"{TILES}/{path_of(path)}")
    except Absent:
        if path.width == WIDTH:
            raise
    full = await fetch(f"{TILES}/{path_of(path._replace(width=WIDTH))}")
    if path.level is not None:
        return full[: path.width * HASH_BYTES]
    try:
        return bundle(unbundle(full)[: path.width])
    except NotATile:
        return full


async def _in_order(fetch: Fetch, paths: Iterator[TilePath]) -> AsyncIterator[tuple[TilePath, bytes]]:
    """What is under these names, some of it fetched while the one before is looked at."""
    coming: deque[tuple[TilePath, asyncio.Task[bytes]]] = deque()
    try:
        while True:
            while len(coming) < FETCHED_AHEAD and (path := next(paths, None)) is not None:
                coming.append((path, asyncio.create_task(_tile(fetch, path))))
            if not coming:
                return
            path, task = coming[0]
            content = await task
            coming.popleft()
            yield path, content
    finally:
        for _, task in coming:
            task.cancel()
        await asyncio.gather(*(task for _, task in coming), return_exceptions=True)
