"""Exporting an account's log: an act of its own, and then a walk over the entries as of one instant."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from app.actor import Scope
from app.audit import receipts
from app.audit.checkpoint import Checkpoint
from app.audit.events import AuditLogExported
from app.audit.export import Begun, EntryReceipt, Grown, Header, NotAnExport, Proof, Run, Selection
from app.audit.receipts import Published
from app.audit.states import Target
from app.audit.stored import StoredEntry, Stretch
from app.clock import to_micros
from app.errors import InvalidInput, NotFound
from app.services.command import Done, Tx
from app.services.signing import WANTED, Signing
from app.services.verification import Evidence
from app.store import export_lines, export_reads, log_reads, reads
from app.store import tree as trees
from app.store.connection import Connection
from app.store.database import Database
from app.store.export_lines import EntriesMissing, Lines, Wanted

COVERED_SECONDS = 3.0
LOOK_SECONDS = 0.05
DAYS_OF_CHECKPOINTS = 31
"""For so many days back an export proves that the log only grew: whoever kept a day's last checkpoint needs no more."""


class HistoryDiffers(Exception):
    """The log does not continue a checkpoint that the caller trusts: it was written anew. The message says which."""


@dataclass(frozen=True, slots=True)
class ExportAuditLog:
    """Take a copy of the account's log. `form` is the file's, for example `jsonl`."""

    action: ClassVar[str] = AuditLogExported.kind
    scope: ClassVar[Scope] = Scope.AUDIT_READ
    form: str
    reason: None = None

    @property
    def target(self) -> Target:
        """The log, before it is known whose."""
        return Target("audit_log", None, self.form)

    async def __call__(self, tx: Tx) -> Done[None]:
        """Nothing changes; what is exported is read after this is committed, and so holds this entry too."""
        if await tx.accounts.with_id(tx.account_id) is None:
            raise NotFound("There is no account of this id.", path=("account",))
        return Done(None, AuditLogExported(tx.account_id, self.form))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be exported. `trusted` are checkpoints that the caller kept; `after` is where an export before ended.

    With `tree_size` the export is made from the checkpoint of exactly this size, else from the newest.
    """

    account_id: str
    selection: Selection
    tree_size: int | None = None
    after: int = 0
    personal_data: bool = True
    trusted: Sequence[Checkpoint] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """An export before its first entry: its header, and the checkpoint that it is made from, if any was signed."""

    header: Header
    upto: Published | None


async def covered_soon(database: Database, signing: Signing, account_id: str, entry_id: str) -> None:
    """Wait at most 3 s for a checkpoint that covers an entry.

    Where no other process signs and this one has the log's key, it signs. Where nothing was ever signed there is nobody
    to wait for, and no key is made. Raises StoreUnavailable.
    """
    seq = (await log_reads.places(database.reads, account_id, [entry_id]))[entry_id]
    waited = 0.0
    try:
        while await trees.newest(database.reads) is not None:
            upto = await receipts.published(database.reads)
            if upto is not None:
                index = (await trees.leaf_indexes(database.reads, upto.generation, [seq])).get(seq)
                if index is not None and index < upto.size:
                    return
            if waited >= COVERED_SECONDS:
                return
            if not await signing.turn():
                database.wakes.announce(WANTED)
                await asyncio.sleep(LOOK_SECONDS)
                waited += LOOK_SECONDS
    finally:
        await signing.leadership.release()


async def planned(connection: Connection, asked: Asked, *, made_at: datetime, software: str) -> Plan:
    """What an export of this will hold.

    Raises InvalidInput for a size that was not signed and for a checkpoint of another log, HistoryDiffers, TreeDamaged,
    StoreUnavailable.
    """
    account = await reads.account(connection, asked.account_id)
    upto = await _upto(connection, asked.tree_size)
    runs = [
        run
        for stream, last in (await export_reads.streams(connection, asked.account_id)).items()
        if (run := await _run(connection, asked, upto, Run(stream, asked.after + 1, last))).entries > 0
    ]
    header = Header(
        account_id=asked.account_id,
        account_name="" if account is None else account.name,
        made_at=made_at,
        software=software,
        selection=asked.selection,
        personal_data=asked.personal_data,
        runs=tuple(runs),
        proof=None if upto is None else await _proof(connection, upto, asked.trusted, made_at),
    )
    if upto is None and asked.trusted:
        raise InvalidInput("No checkpoint of this log has been signed yet, so it continues none.")
    return Plan(header, upto)


async def resumed(connection: Connection, asked: Asked, begun: Begun) -> Plan:
    """The plan of an export that was begun, after it was held against what is asked now and against the log.

    Raises NotAnExport, TreeDamaged, StoreUnavailable.
    """
    header = begun.header
    same = header.account_id, header.selection, header.personal_data
    if same != (asked.account_id, asked.selection, asked.personal_data):
        raise NotAnExport("It was begun with another account, selection, or choice about personal data.")
    if asked.after and any(run.first != asked.after + 1 for run in header.runs):
        raise NotAnExport("It was begun after another entry.")
    proof = header.proof
    known = set() if proof is None else {proof.checkpoint.size, *(one.size for one in proof.consistency)}
    if not known.issuperset(checkpoint.size for checkpoint in asked.trusted):
        raise NotAnExport("Its header holds no proof from a checkpoint that is trusted now.")
    last = begun.last()
    if last is not None:
        place = await export_reads.place(connection, last[0], last[1])
        if place is None or place.hash != last[2]:
            raise NotAnExport("The log does not hold its last entry: it is of another log, or that was tampered with.")
    if proof is None:
        return Plan(header, None)
    upto = await _upto(connection, proof.checkpoint.size)
    if upto is None or (upto.origin, upto.signed.root) != (proof.checkpoint.origin, proof.checkpoint.root):
        raise NotAnExport("The log does not know its checkpoint.")
    if asked.tree_size not in {None, upto.size}:
        raise NotAnExport("It was begun from another checkpoint.")
    # Witnesses may have signed since: what the file is made from stays what its header says.
    return Plan(header, replace(upto, note=proof.note))


def lines(
    connection: Connection, header: Header, runs: Sequence[Run], beside: Sequence[Connection] = ()
) -> AsyncGenerator[Lines, None]:
    """The lines of these runs of an export, read by several connections at once where there are some `beside`.

    They must read as of the same instant: an erasure could fall between others. Close it.

    Raises EntriesMissing, StoreUnavailable.
    """
    return _lines(connection, [_wanted(header, run) for run in runs], beside)


async def entries(connection: Connection, header: Header) -> AsyncGenerator[StoredEntry, None]:
    """The entries of an export, those of its certificate where it is one's; without personal data where it has none.

    Memory stays the same however many there are. Raises EntriesMissing, StoreUnavailable.
    """
    wanted = header.selection.certificate_id
    stored = Evidence(connection)
    for run in header.runs:
        expected = run.first
        async for some in stored.entries(Stretch(run.stream, run.first - 1, run.last)):
            for entry in some:
                if entry.aseq != expected:
                    raise EntriesMissing(f"The stream {run.stream} has no entry of number {expected}.")
                expected += 1
                if wanted is None or (entry.target_type, entry.target_id) == ("certificate", wanted):
                    yield entry if header.personal_data else entry._replace(disclosures={})
        if expected != run.last + 1:
            raise EntriesMissing(f"The stream {run.stream} has no entry of number {expected}.")


async def last_receipts(connection: Connection, plan: Plan) -> list[EntryReceipt]:
    """The receipts of the last entry of every run. Raises TreeDamaged, StoreUnavailable."""
    if plan.upto is None:
        return []
    found = []
    for run in plan.header.runs:
        place = await export_reads.place(connection, run.stream, run.last)
        held = {} if place is None else await receipts.receipts(connection, plan.upto, {place.seq: place.hash})
        if not held:
            raise EntriesMissing(f"The tree does not hold entry {run.last} of the stream {run.stream}.")
        found += [EntryReceipt(run.stream, run.last, str(receipt)) for receipt in held.values()]
    return found


async def _lines(
    connection: Connection, wanted: Sequence[Wanted], beside: Sequence[Connection]
) -> AsyncGenerator[Lines, None]:
    for one in wanted:
        async with aclosing(export_lines.lines(connection, one, beside)) as found:
            async for some in found:
                yield some


def _wanted(header: Header, run: Run) -> Wanted:
    return Wanted(
        stream=run.stream,
        first=run.first,
        last=run.last,
        certificate_id=header.selection.certificate_id,
        personal_data=header.personal_data,
    )


async def _upto(connection: Connection, size: int | None) -> Published | None:
    newest = await receipts.published(connection)
    if size is None:
        return newest
    signed = None if newest is None else await trees.checkpoint_at(connection, newest.generation, size)
    if newest is None or signed is None or size > newest.size:
        has = "has none yet" if newest is None else f"is at {newest.size}"
        raise InvalidInput(f"No checkpoint of {size} entries was signed; the log {has}.")
    return replace(newest, signed=signed, note=await receipts.cosigned_note(connection, signed))


async def _run(connection: Connection, asked: Asked, upto: Published | None, whole: Run) -> Run:
    first, last = whole.first, whole.last
    if upto is not None:
        last = await export_reads.covered(connection, upto.generation, upto.size, whole.stream, last)
    start, end = asked.selection.start, asked.selection.end
    if start is not None:
        since = await export_reads.first_since(connection, asked.account_id, whole.stream, to_micros(start))
        first = max(first, last + 1 if since is None else since)
    if end is not None:
        last = min(
            last, await export_reads.last_before(connection, asked.account_id, whole.stream, to_micros(end)) or 0
        )
    return Run(whole.stream, first, last)


async def _proof(connection: Connection, upto: Published, trusted: Sequence[Checkpoint], made_at: datetime) -> Proof:
    sizes = {checkpoint.size for checkpoint in trusted if await _require_continued(connection, upto, checkpoint)}
    midnight = made_at.replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(DAYS_OF_CHECKPOINTS):
        at = to_micros(midnight - timedelta(days=days))
        signed = await export_reads.checkpoint_before(connection, upto.signed, at)
        if signed is None:
            break
        sizes.add(signed.size)
    grown = [
        Grown(size, tuple(await receipts.consistency(connection, upto.generation, size, upto.size)))
        for size in sorted(sizes)
    ]
    return Proof(upto.note, str(upto.vkey), tuple(grown))


async def _require_continued(connection: Connection, upto: Published, checkpoint: Checkpoint) -> bool:
    """Whether a trusted checkpoint needs a proof: one of the same size is the same tree."""
    if checkpoint.origin != upto.origin:
        raise InvalidInput(f"A trusted checkpoint is of {checkpoint.origin!r}, and this log is {upto.origin!r}.")
    if checkpoint.size > upto.size:
        raise InvalidInput(
            f"A trusted checkpoint covers {checkpoint.size} entries, and this export is made from one of {upto.size}."
        )
    if await receipts.root_at(connection, upto.generation, checkpoint.size) != checkpoint.root:
        raise HistoryDiffers(
            f"The log does not continue the trusted checkpoint of {checkpoint.size} entries: it was written anew, or"
            " entries were changed. Run `anchorage audit verify`."
        )
    return 0 < checkpoint.size < upto.size
