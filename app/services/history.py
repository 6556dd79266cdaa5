"""How an account was at a point of its log, rebuilt from the log alone.

An entry says what the object that it is about became: of each object the last entry up to the point is all that is
needed, and the bytes of certificates, which are kept for ever by their hashes. No row of state is looked at.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from app.audit.checkpoint import VerifierKey
from app.audit.entry import account_stream
from app.audit.events import (
    CERTIFICATE_MADE,
    AccountCreated,
    AccountFeatureSet,
    AccountLimitSet,
    AccountTierSet,
    CertificateDeleted,
    CertificateStatusSet,
    CertificateUpdated,
)
from app.audit.possession_events import PossessionProven
from app.audit.receipts import Published, cosigned_note
from app.audit.states import Json
from app.clock import from_micros
from app.errors import HistoryUnavailable
from app.rules import chain as chains
from app.rules.chain import Chain
from app.services import state_fields, states
from app.services.additions import search_text
from app.services.submission import authority
from app.store import history, log_reads, reads
from app.store import tree as trees
from app.store.connection import Connection
from app.store.rows import AccountRow, CertificateRow, EntryRow
from app.store.tree import Tree

ACCOUNT_MADE = AccountCreated.kind
ACCOUNT_CHANGES = (AccountTierSet.kind, AccountLimitSet.kind, AccountFeatureSet.kind)
CERTIFICATE_CHANGES = (CertificateUpdated.kind, CertificateStatusSet.kind, PossessionProven.kind)
CERTIFICATE_ENDED = CertificateDeleted.kind


@dataclass(frozen=True, slots=True)
class Point:
    """A point of an account's log: everything up to the entry `seq`, and nothing after it.

    `seq` is 0 where the account had no entries of its own yet, and `exists` is false where there was no account yet.
    `tree_size` is None while the last entry waits for its place in the tree, and `checkpoint`, the first that covers
    the point, is None until it is signed.
    """

    account_id: str
    seq: int
    exists: bool
    time: datetime
    tree_size: int | None
    checkpoint: Published | None


@dataclass(frozen=True, slots=True)
class Trusted:
    """The certificates that an account trusted, in the order in which they last changed, and their chains."""

    records: tuple[CertificateRow, ...]
    chains: Mapping[tuple[bytes, ...], Chain]


async def point_in_time(connection: Connection, account_id: str, instant: datetime, *, now: datetime) -> Point:
    """The point at an instant: the last entry that is not later, and all before it in the log.

    Raises HistoryUnavailable for an instant that is yet to come.
    """
    if instant > now:
        raise HistoryUnavailable("This instant is yet to come: the log says how things were, up to now.")
    place = await history.last_by(connection, account_id, account_stream(account_id), instant)
    seq = 0 if place is None else place.seq
    last = seq
    if place is None:
        opened = await history.creation(connection, account_id, ACCOUNT_MADE)
        last = 0 if opened is None or opened.time > instant else opened.seq
    tree = await trees.newest(connection) if last else None
    leaf = None if tree is None else await _leaf_index(connection, tree, last)
    if tree is None or leaf is None:
        return Point(account_id, seq, last > 0, instant, None, None)
    checkpoint = await _checkpoint(connection, tree, leaf + 1)
    return Point(account_id, seq, exists=True, time=instant, tree_size=leaf + 1, checkpoint=checkpoint)


async def point_in_tree(connection: Connection, account_id: str, size: int) -> Point:
    """The point at a size of the tree that grows now. Its time is that of the first checkpoint that covers it.

    Raises HistoryUnavailable for a size that no checkpoint covers yet.
    """
    tree = await trees.newest(connection)
    checkpoint = None if tree is None else await _checkpoint(connection, tree, size)
    if tree is None or checkpoint is None:
        covered = 0 if tree is None else tree.published
        raise HistoryUnavailable(f"No checkpoint covers {size:,} entries: the newest covers {covered:,}.")
    signed_at = from_micros(checkpoint.signed.signed_at)
    place = await history.last_within(connection, account_stream(account_id), tree, size)
    if place is None:
        exists = await _opened_within(connection, account_id, tree, size)
        return Point(account_id, 0, exists, signed_at, size, checkpoint)
    # The clock of whoever signed may be behind that of whoever acted.
    time = max(signed_at, place.time)
    return Point(account_id, place.seq, exists=True, time=time, tree_size=size, checkpoint=checkpoint)


async def account(connection: Connection, point: Point) -> AccountRow | None:
    """The account as it was; None where it was not there yet. Raises HistoryUnavailable."""
    if not point.exists:
        return None
    account_id = point.account_id
    spoke = await history.last_of_actions(connection, account_id, ACCOUNT_CHANGES, point.seq)
    spoke = spoke or await history.creation(connection, account_id, ACCOUNT_MADE)
    return None if spoke is None else states.account_row(_became(spoke), len(await _last(connection, point)))


async def trusted(connection: Connection, point: Point) -> Trusted:
    """The certificates that the account trusted. Raises HistoryUnavailable."""
    entries = await log_reads.whole(connection, await _last(connection, point))
    records = [states.certificate_row(_became(entry), point.account_id) for entry in entries]
    ders = await reads.ders(connection, point.account_id, [sha256 for record in records for sha256 in record.chain])
    found = {record.chain: chains.stored(tuple(ders[sha256] for sha256 in record.chain)) for record in records}
    return Trusted(tuple(_searchable(record, found[record.chain]) for record in records), found)


async def _last(connection: Connection, point: Point) -> history.Rows:
    if not point.seq:
        return ()
    return await history.last_of_objects(
        connection,
        point.account_id,
        point.seq,
        made=CERTIFICATE_MADE,
        changed=CERTIFICATE_CHANGES,
        ended=CERTIFICATE_ENDED,
    )


async def _leaf_index(connection: Connection, tree: Tree, seq: int) -> int | None:
    return (await trees.leaf_indexes(connection, tree.generation, [seq])).get(seq)


async def _checkpoint(connection: Connection, tree: Tree, size: int) -> Published | None:
    signed = await history.checkpoint_covering(connection, tree, size)
    if signed is None:
        return None
    return Published(signed, tree.origin, VerifierKey.parse(tree.vkey), await cosigned_note(connection, signed))


async def _opened_within(connection: Connection, account_id: str, tree: Tree, size: int) -> bool:
    opened = await history.creation(connection, account_id, ACCOUNT_MADE)
    leaf = None if opened is None else await _leaf_index(connection, tree, opened.seq)
    return leaf is not None and leaf < size


def _became(entry: EntryRow) -> Json:
    """What the object of an entry became, from bytes that are those that were hashed. Raises HistoryUnavailable."""
    if not entry.body:
        raise HistoryUnavailable(
            f"The log of {entry.time:%B %Y} was archived: what the entry of {entry.time:%Y-%m-%d} said stands there."
        )
    if hashlib.sha256(entry.body).digest() != entry.body_sha256:
        raise HistoryUnavailable(f"Entry {entry.aseq} is not what was hashed: have the log verified.")
    return state_fields.after(orjson.loads(entry.body)["change"])


def _searchable(record: CertificateRow, chain: Chain) -> CertificateRow:
    return replace(
        record,
        subject_key_sha256=authority(chain.trusted_ca),
        search_text=search_text(record.name, record.description, chain.trusted_ca),
    )
