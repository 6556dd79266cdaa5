"""Checks a log and the state that it accounts for, from their bytes alone.

It shares nothing with what writes the log but the definition of an entry (`entry`) and of what events say (`events`):
it knows no database, no server and no settings. What it cannot see without a checkpoint that was kept elsewhere: that
the newest entries of a stream were cut off together with their effects.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from app.audit import entry as entries
from app.audit.batches import Batches
from app.audit.examine import Examined, examine, misplaced
from app.audit.removals import Removals
from app.audit.replay import Replay
from app.audit.stored import (
    Code,
    Finding,
    Findings,
    Source,
    StoredHead,
    Stretch,
    Verification,
    VerifiedTree,
    owner,
)
from app.audit.stored_tree import TreeSource
from app.audit.verify_tree import Trusted, verify_trees

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""


class WholeSource(Source, Protocol):
    """Where the log, the state and the tree are read: all of it as of one instant."""

    @property
    def tree(self) -> TreeSource:
        """The Merkle tree over the log."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What concerns the log as a whole: what is wrong there, and the tree that was looked at."""

    findings: Findings
    tree: VerifiedTree | None


class Examiner(Protocol):
    """Who looks at the log, all of it as of one instant."""

    def examined(self, stretches: Sequence[Stretch]) -> AsyncGenerator[Examined]:
        """Examines every stretch, and answers in their order; it may look at several at once, and at the whole too."""

    async def whole(self) -> Whole:
        """See `examine_whole`. Asked for while the stretches are, or after them."""


async def verify(
    source: WholeSource,
    progress: Progress = lambda _done, _total: None,
    examiner: Examiner | None = None,
    trusted: Sequence[Trusted] = (),
) -> Verification:
    """Check every stream, the state of every account against what the log says of it, and the tree over the log.

    Every checkpoint of `trusted`, which were kept elsewhere, must be one that the log continues. An examiner was
    told of them already.

    Memory does not grow with the length of the log. `examiner` must see what the source sees, as of the same instant.
    Raises what the source and the examiner raise.
    """
    examiner = examiner or _Alone(source, trusted)
    heads = await source.heads()
    by_owner: dict[str | None, list[tuple[StoredHead, Sequence[Stretch]]]] = {}
    # The installation's own streams first: they hold the openings of accounts.
    for head in sorted(heads, key=lambda head: (owner(head.stream) is not None, owner(head.stream) or "", head.stream)):
        by_owner.setdefault(owner(head.stream), []).append((head, await source.stretches(head)))
    every = [stretch for streams in by_owner.values() for _, stretches in streams for stretch in stretches]
    removals, total = Removals(await source.removals()), sum(head.aseq for head in heads)
    async with aclosing(examiner.examined(every)) as examined:
        check = _Check(source, examined, progress, removals, total)
        for head, stretches in by_owner.pop(None, []):
            await check.stream(head, stretches)
        everyone = by_owner.keys() | set(await source.accounts()) | set(check.replay.accounts())
        for account_id in sorted(one for one in everyone if one is not None):
            await check.account(account_id, by_owner.get(account_id, []))
        for differing in removals.differing():
            check.findings.add(differing)
        whole = await examiner.whole()
        check.findings.join(whole.findings)
    progress(check.done, check.total)
    return Verification(
        len(heads),
        check.done,
        check.replay.objects,
        tuple(check.findings.kept),
        dict(check.findings.counts),
        whole.tree,
        removals.recorded,
    )


async def examine_whole(source: WholeSource, trusted: Sequence[Trusted]) -> Whole:
    """Look at what no stretch shows: what belongs to no entry, and the tree. Raises what the source raises."""
    findings = Findings()
    for stray in await source.strays():
        findings.add(stray)
    tree = await verify_trees(source.tree, trusted, findings)
    return Whole(findings, tree)


@dataclass(frozen=True, slots=True)
class _Alone:
    """Looks at one stretch after another, and then at the whole."""

    source: WholeSource
    trusted: Sequence[Trusted]

    async def examined(self, stretches: Sequence[Stretch]) -> AsyncGenerator[Examined]:
        for stretch in stretches:
            yield await examine(self.source, stretch)

    async def whole(self) -> Whole:
        return await examine_whole(self.source, self.trusted)


@dataclass(slots=True)
class _Check:
    source: Source
    examined: AsyncIterator[Examined]
    progress: Progress
    removals: Removals
    total: int
    done: int = 0
    findings: Findings = field(default_factory=Findings)
    replay: Replay = field(init=False)
    batches: Batches = field(init=False)

    def __post_init__(self) -> None:
        self.replay = Replay(self.findings.add)
        self.batches = Batches(self.findings.add)

    async def account(self, account_id: str, streams: Sequence[tuple[StoredHead, Sequence[Stretch]]]) -> None:
        """Check the certificates that an account keeps, its streams, and its state against them."""
        async for sha256, der in self.source.certificates(account_id):
            if hashlib.sha256(der).digest() != sha256:
                message = f"The bytes kept for certificate {sha256.hex()} of account {account_id} are other bytes."
                self.findings.add(Finding(Code.CHAIN_BYTES_DIFFER, message, None, None, None, "account", account_id))
        self.replay.open([state async for state in self.source.states(account_id)])
        for head, stretches in streams:
            await self.stream(head, stretches)
        self.replay.close(account_id)
        async for batch in self.source.batches(account_id):
            self.batches.compare(batch)
        self.batches.close()

    async def stream(self, head: StoredHead, stretches: Sequence[Stretch]) -> None:
        """Join the stretches of a stream, whose turn it is."""
        aseq, last = 0, entries.GENESIS
        for stretch in stretches:
            examined = await anext(self.examined)
            if examined.stretch != stretch:
                raise RuntimeError(f"{examined.stretch} was examined out of its turn, which is that of {stretch}.")
            if examined.first is not None:
                if (finding := misplaced(examined.first, aseq, last)) is not None:
                    self.findings.add(finding)
                aseq, last = examined.aseq, examined.hash
            self.findings.join(examined.findings)
            self.replay.join(examined.episodes, examined.counted)
            for batch in examined.batches:
                self.batches.add(batch)
            self.removals.join(examined.removed)
            self.done += examined.entries
            self.progress(self.done, self.total)
        if (head.aseq, head.hash, head.account_id) != (aseq, last, owner(head.stream)):
            message = f"The stream's row says that entry {head.aseq} is its last; its last entry is {aseq}."
            self.findings.add(Finding(Code.HEAD_MISMATCH, message, head.stream, aseq))
