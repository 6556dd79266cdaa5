"""What a verification is given and what it answers: the log and the state as they are stored, and what is wrong there.

Nothing here is parsed, so that what was tampered with can still be looked at.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Protocol

from app.audit.states import Json
from app.audit.stored_batch import StoredBatch

FINDINGS_LIMIT = 1_000
"""How many findings are kept in full; the rest are counted, so that a log that is all wrong fits in memory too."""


class Code(StrEnum):
    """What can be wrong. A code is never reused."""

    BODY_MISSING = "BODY_MISSING"
    BODY_HASH_MISMATCH = "BODY_HASH_MISMATCH"
    BODY_NOT_CANONICAL = "BODY_NOT_CANONICAL"
    BODY_FIELDS_DIFFER = "BODY_FIELDS_DIFFER"
    BODY_FORMAT_UNKNOWN = "BODY_FORMAT_UNKNOWN"
    """A later release wrote it: no evidence of tampering, and none of the opposite."""
    BODY_STRAY = "BODY_STRAY"
    ENTRY_HASH_MISMATCH = "ENTRY_HASH_MISMATCH"
    PREV_MISMATCH = "PREV_MISMATCH"
    ASEQ_GAP = "ASEQ_GAP"
    DISCLOSURE_UNKNOWN = "DISCLOSURE_UNKNOWN"
    DISCLOSURE_MISSING = "DISCLOSURE_MISSING"
    DISCLOSURE_SUBJECT_DIFFERS = "DISCLOSURE_SUBJECT_DIFFERS"
    DISCLOSURE_STRAY = "DISCLOSURE_STRAY"
    HEAD_MISMATCH = "HEAD_MISMATCH"
    STREAM_UNKNOWN = "STREAM_UNKNOWN"
    CHANGE_UNRECORDED = "CHANGE_UNRECORDED"
    STATE_DIFFERS = "STATE_DIFFERS"
    STATE_MISSING = "STATE_MISSING"
    STATE_UNRECORDED = "STATE_UNRECORDED"
    STATE_ENTRY_DIFFERS = "STATE_ENTRY_DIFFERS"
    QUOTA_COUNT_DIFFERS = "QUOTA_COUNT_DIFFERS"
    CHAIN_BYTES_MISSING = "CHAIN_BYTES_MISSING"
    CHAIN_BYTES_DIFFER = "CHAIN_BYTES_DIFFER"
    GUARD_MISSING = "GUARD_MISSING"
    REMOVAL_DIFFERS = "REMOVAL_DIFFERS"
    LEAF_MISSING = "LEAF_MISSING"
    LEAF_UNKNOWN = "LEAF_UNKNOWN"
    LEAF_ORDER = "LEAF_ORDER"
    TILE_MISSING = "TILE_MISSING"
    TILE_DIFFERS = "TILE_DIFFERS"
    TILE_STRAY = "TILE_STRAY"
    TREE_DIFFERS = "TREE_DIFFERS"
    CHECKPOINT_MISSING = "CHECKPOINT_MISSING"
    CHECKPOINT_DIFFERS = "CHECKPOINT_DIFFERS"
    CHECKPOINT_UNSIGNED = "CHECKPOINT_UNSIGNED"
    CHECKPOINT_OF_ANOTHER_LOG = "CHECKPOINT_OF_ANOTHER_LOG"
    """It tells nothing of this log."""
    COSIGNATURE_INVALID = "COSIGNATURE_INVALID"
    ROLLED_BACK = "ROLLED_BACK"
    HISTORY_DIFFERS = "HISTORY_DIFFERS"


UNDECIDABLE = frozenset({Code.BODY_FORMAT_UNKNOWN, Code.CHECKPOINT_OF_ANOTHER_LOG})


class Verdict(StrEnum):
    """What the findings amount to."""

    VERIFIED = "verified"
    TAMPERED = "tampered"
    UNDECIDABLE = "undecidable"


class StoredEntry(NamedTuple):
    """An entry's row, its body's bytes (None where they are gone), and its disclosures by subject.

    `time` is in microseconds since 1970. A subject's disclosures are joined by tildes. It is a tuple, because a long
    log makes millions of them.
    """

    stream: str
    aseq: int
    id: str
    account_id: str | None
    prev: bytes
    body_sha256: bytes
    hash: bytes
    time: int
    actor_type: str
    actor_id: str | None
    action: str
    result: str
    code: str | None
    target_type: str | None
    target_id: str | None
    body: bytes | None
    disclosures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoredHead:
    """The end of a stream, as its row says."""

    stream: str
    account_id: str | None
    aseq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries of one stream that follow one another: those whose `aseq` is past `after`, up to and with `upto`.

    Either is None where there is no bound. The stretches of a stream leave none of its entries out, whatever their
    numbers are: the first begins and the last ends without a bound.
    """

    stream: str
    after: int | None = None
    upto: int | None = None

    @property
    def account_id(self) -> str | None:
        """Whose stream it is, by its name; None for the installation's own."""
        return owner(self.stream)


@lru_cache(maxsize=64)
def owner(stream: str) -> str | None:
    """The account whose stream this is, by its name; None for the installation's own."""
    name = stream.rpartition("/")[0]
    return None if name == "sys" else name


class RemovalKind(StrEnum):
    """What was removed with an entry that says so: a subject's disclosures, or bodies of a month."""

    ERASURE = "erasure"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Removal:
    """So many disclosures of a subject, or bodies of a month (2026-01), that the entry at this place removed."""

    kind: RemovalKind
    target: str
    count: int
    stream: str
    aseq: int
    entry_id: str
    time: int


@dataclass(frozen=True, slots=True)
class Beside:
    """What lies beside an account's log and decides about its entries.

    `kept_bytes` are the fingerprints, in hexadecimal, of the certificates whose bytes are kept. `removals` are what
    entries, of whatever stream, say was erased and archived.
    """

    kept_bytes: frozenset[str] = frozenset()
    removals: Sequence[Removal] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """An object as it is now: its public fields and its personal ones, spelled as in the log.

    `entry_id` is the entry that its row names as the one of its last change. `used` and `kept` are an account's
    counters: how many certificates it holds, and how many a lowered limit found. `is_ended`: its row says that the
    object is there no more, by the entry that it then names; only of objects whose making the log tells of by a digest.
    """

    type: str
    id: str
    entry_id: str
    public: Json
    personal: Mapping[str, str] = field(default_factory=dict)
    used: int | None = None
    kept: int | None = None
    is_ended: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where, and in words."""

    code: Code
    message: str
    stream: str | None = None
    aseq: int | None = None
    entry_id: str | None = None
    target_type: str | None = None
    target_id: str | None = None

    @classmethod
    def at(cls, code: Code, entry: StoredEntry, message: str) -> "Finding":
        """Something wrong with an entry."""
        return cls(code, message, entry.stream, entry.aseq, entry.id, entry.target_type, entry.target_id)


class Entries(Protocol):
    """Where entries are read, and what they are held against."""

    def entries(self, stretch: Stretch) -> AsyncIterator[Sequence[StoredEntry]]:
        """A stretch's entries by `aseq`, some at a time."""

    async def beside(self, account_id: str | None) -> Beside:
        """What lies beside the streams of an account, or beside the installation's own."""


class Source(Entries, Protocol):
    """Where the log and the state are read: all of it as of one instant."""

    async def heads(self) -> Sequence[StoredHead]:
        """Every stream."""

    async def stretches(self, head: StoredHead) -> Sequence[Stretch]:
        """A stream, cut where it is long, so that the stretches can be looked at apart from each other."""

    async def accounts(self) -> Sequence[str]:
        """Every account that anything belongs to."""

    async def removals(self) -> Sequence[Removal]:
        """What entries say was erased and archived; each of these entries is in its stream too."""

    async def strays(self) -> Sequence[Finding]:
        """What belongs to no entry, and entries that belong to no stream."""

    def states(self, account_id: str) -> AsyncIterator[StoredState]:
        """The account itself and what belongs to it."""

    def batches(self, account_id: str) -> AsyncIterator[StoredBatch]:
        """The account's claims of identities that jobs made or ended, by the entries that their rows name."""

    def certificates(self, account_id: str) -> AsyncIterator[tuple[bytes, bytes]]:
        """The account's certificates: the SHA-256 that each is stored under, and its DER."""


@dataclass(slots=True)
class Findings:
    """Collects findings: the first in full, all by number."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[Code] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Note one."""
        self.counts[finding.code] += 1
        if len(self.kept) < FINDINGS_LIMIT:
            self.kept.append(finding)

    def join(self, other: "Findings") -> None:
        """Note what was found elsewhere, after what is noted here."""
        self.counts.update(other.counts)
        self.kept += other.kept[: FINDINGS_LIMIT - len(self.kept)]


@dataclass(frozen=True, slots=True)
class VerifiedTree:
    """The newest generation of the tree: what it covers, and how many checkpoints of it were looked at.

    `compared` is how many checkpoints that were kept elsewhere the log was compared with.
    """

    origin: str
    size: int
    root: bytes
    checkpoints: int
    compared: int


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer: how much was looked at, and what was wrong with it."""

    streams: int
    entries: int
    objects: int
    findings: tuple[Finding, ...]
    counts: Mapping[Code, int]
    tree: VerifiedTree | None = None
    removals: Sequence[Removal] = ()

    @property
    def verdict(self) -> Verdict:
        """See `verdict_of`."""
        return verdict_of(self.counts)


def verdict_of(counts: Mapping[Code, int]) -> Verdict:
    """What findings amount to: tampering decides over what cannot be decided."""
    if set(counts) - UNDECIDABLE:
        return Verdict.TAMPERED
    return Verdict.UNDECIDABLE if counts else Verdict.VERIFIED
