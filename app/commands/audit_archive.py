"""`anchorage audit archive`: a month of the log goes into a file, and out of the database, recorded."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from app.audit.archive import ArchiveInvalid, entry_of, line_of
from app.commands.audit_erasure import Reason, require_cleared
from app.commands.output import Bar, Write, written_whole
from app.commands.running import AsJson, answer, run
from app.errors import InvalidInput, NotFound
from app.installation import Installation
from app.services.retention import ArchiveMonth, DropArchived, Month, month_of
from app.store import leftovers
from app.store.connection import CannotOpen

COMPRESSED = ".gz"
_GZIP = zlib.MAX_WBITS | 16
"""The wrapper that gzip reads, without a time in it: the same month is the same bytes."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A file that holds a month up to this number of the log. `entries_sha256` is of its entries' hashes, in order."""

    entries: int
    last_seq: int
    entries_sha256: bytes


@dataclass(slots=True)
class _Dropped:
    """What went, and the entries that say so."""

    bodies: int = 0
    disclosures: int = 0
    recorded_by: list[str] = field(default_factory=list)
    left: str | None = None


def archive(
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="A month in UTC that is over.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="A new file; compressed when it ends in .gz.")],
    *,
    drop: Annotated[bool, typer.Option("--drop", help="Then remove what is in the file from the database.")] = False,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Write a month of everybody's log to a file and read it again; with --drop remove its bodies. Hashes stay."""

    async def action(installation: Installation) -> tuple[_Written, str, _Dropped]:
        wanted = Month.parse(month)
        # A second archive of a month would hold less than the first.
        if output.exists():
            raise InvalidInput(f"{output} is there already: an archive is never written over.", path=("output",))
        origin = installation.origin("anchorage audit archive")
        # Recorded before anything is read: nobody has a copy of the log that the log does not know of.
        await installation.door.perform(installation.operator(None), ArchiveMonth(wanted, reason), origin)
        written = await _write(installation, wanted, output)
        sha256 = _checked(output, written)
        return written, sha256, await _drop(installation, wanted, written, sha256, reason) if drop else _Dropped()

    written, sha256, dropped = run(action)
    answer(
        {
            "month": month,
            "file": str(output),
            "sha256": sha256,
            "entries": written.entries,
            "dropped": dropped.bodies,
            "disclosures": dropped.disclosures,
            "recorded_by": ", ".join(dropped.recorded_by),
            "cleared": dropped.left is None,
        },
        as_json=as_json,
        plain=f"archived {written.entries} entries, removed {dropped.bodies}; SHA-256 {sha256}",
    )
    require_cleared(dropped.left)


async def _write(installation: Installation, month: Month, output: Path) -> _Written:
    count, last_seq, hashes = 0, 0, hashlib.sha256()
    async with month_of(installation.database, month) as entries:
        with closing(Bar("Archiving")) as bar, written_whole(output) as write, _compressing(output, write) as put:
            async for seq, entry in entries:
                put(line_of(entry))
                hashes.update(entry.hash)
                count, last_seq = count + 1, seq
                bar.show(count, None)
            if not count:
                raise NotFound(f"The log holds no bodies of {month}.", path=("month",))
    return _Written(count, last_seq, hashes.digest())


@contextmanager
def _compressing(output: Path, write: Write) -> Iterator[Write]:
    if output.suffix != COMPRESSED:
        yield write
        return
    compressor = zlib.compressobj(wbits=_GZIP)
    yield lambda data: write(compressor.compress(data))
    write(compressor.flush())


def _checked(output: Path, written: _Written) -> str:
    """The SHA-256 of the file, which was read back: it holds these entries and nothing else, each as it was hashed.

    Raises CannotOpen.
    """
    count, hashes = 0, hashlib.sha256()
    try:
        with output.open("rb") as raw, gzip.open(raw) if output.suffix == COMPRESSED else raw as lines:
            for line in lines:
                hashes.update(entry_of(line))
                count += 1
        with output.open("rb") as raw:
            sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    except (ArchiveInvalid, EOFError, zlib.error) as error:
        raise CannotOpen(f"{output} is not what was written, and nothing was removed: {error}") from error
    if (count, hashes.digest()) != (written.entries, written.entries_sha256):
        raise CannotOpen(f"{output} is not what was written, and nothing was removed.")
    return sha256


async def _drop(
    installation: Installation, month: Month, written: _Written, sha256: str, reason: str | None
) -> _Dropped:
    dropped, after = _Dropped(), 0
    while True:
        command = DropArchived(month, sha256, after, written.last_seq, reason)
        origin = installation.origin("anchorage audit archive")
        recorded = await installation.door.perform(installation.operator(None), command, origin)
        dropped.bodies += recorded.value.bodies
        dropped.disclosures += recorded.value.disclosures
        dropped.recorded_by.append(recorded.entry_id)
        after = recorded.value.last_seq
        if not recorded.value.more:
            break
    dropped.left = await leftovers.clear(installation.settings.store_url, months=[month.number])
    return dropped
