"""Named queries for the past: a place in an account's log, and which entry spoke last of each object up to there.

Nothing here reads a row of state. Within an account's one stream `seq` counts as `aseq` does, so one number of the
store says what had happened by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.clock import from_micros, to_micros
from app.store import tree as trees
from app.store.connection import Connection, Row
from app.store.log_reads import whole
from app.store.rows import EntryRow, columns
from app.store.tree import SignedTree, Tree

Rows = Sequence[Row]
"""Rows of `audit_entry`, for `log_reads.whole`."""

_ENTRY = columns(EntryRow, without=frozenset({"body", "disclosures"}))
_DONE = "result = 'success' AND code IS NULL"
"""A repetition that was answered as the first time has a code, and did nothing."""

_PLACE = "SELECT seq, time FROM audit_entry WHERE"
_LATEST = (
    "SELECT seq, aseq, (SELECT aseq FROM audit_stream WHERE stream = $3) AS head"
    " FROM audit_entry WHERE account_id = $1 AND time <= $2 ORDER BY time DESC, seq DESC LIMIT 1"
)
# The sign before a column keeps both planners from the index on it.
_STRAGGLER_AMONG_LATER = (
    "SELECT seq FROM audit_entry WHERE account_id = $1 AND +time <= $2 AND seq > $3 ORDER BY seq DESC LIMIT 1"
)
_STRAGGLER_AMONG_EARLIER = "SELECT max(+seq) AS seq FROM audit_entry WHERE account_id = $1 AND time <= $2 AND +seq > $3"
_LATER_COST = 4
"""A row that is read by its number costs so many of those that an index alone answers."""

_STEPS = 1 << 40
"""More than any stream has entries."""

# An account's entries enter the tree in their order, so the last one within it is found by halving: 41 look-ups,
# however many there are.
_WITHIN_TREE = (
    "WITH RECURSIVE halving(aseq, step) AS ("
    f"SELECT CAST(0 AS BIGINT), CAST({_STEPS} AS BIGINT) UNION ALL"
    " SELECT CASE WHEN EXISTS (SELECT 1 FROM audit_entry AS entry JOIN audit_leaf AS leaf ON leaf.seq = entry.seq"
    " WHERE entry.stream = $1 AND entry.aseq = halving.aseq + halving.step"
    " AND leaf.generation = $2 AND leaf.leaf_index < $3) THEN aseq + step ELSE aseq END, step / 2"
    " FROM halving WHERE step > 0)"
    f" {_PLACE} stream = $1 AND aseq = (SELECT max(aseq) FROM halving)"
)
# The index is left again after the first entry of each target. The account's own id stands for its log as well, whose
# entries are too many to look through.
_TARGETS = (
    "WITH RECURSIVE target(id) AS (SELECT min(target_id) FROM audit_entry WHERE account_id = $1 UNION ALL"
    " SELECT (SELECT min(target_id) FROM audit_entry WHERE account_id = $1 AND target_id > target.id)"
    " FROM target WHERE target.id IS NOT NULL)"
)
_CREATION = f"SELECT {_ENTRY} FROM audit_entry WHERE account_id IS NULL AND target_id = $1 AND action = $2 AND {_DONE}"
_COVERING = (
    "SELECT size FROM audit_checkpoint WHERE generation = $1 AND size >= $2 AND size <= $3 ORDER BY size LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of a log: its number, and when it was made."""

    seq: int
    time: datetime


async def last_by(connection: Connection, account_id: str, stream: str, instant: datetime) -> Place | None:
    """The last entry of the account's log whose time is not after the instant; None where there is none.

    Clocks may have gone back, so that a later entry has an earlier time: it counts, and so does all before it.
    """
    micros = to_micros(instant)
    latest = await connection.fetch_one(_LATEST, account_id, micros, stream)
    if latest is None:
        return None
    # A straggler lies after the latest entry in the log and not after it in time: the shorter side is searched.
    later = (latest["head"] - latest["aseq"]) * _LATER_COST
    query = _STRAGGLER_AMONG_LATER if later < latest["aseq"] else _STRAGGLER_AMONG_EARLIER
    straggler = await connection.fetch_one(query, account_id, micros, latest["seq"])
    seq = latest["seq"] if straggler is None or straggler["seq"] is None else straggler["seq"]
    return _place(await connection.fetch_one(f"{_PLACE} seq = $1", seq))


async def last_within(connection: Connection, stream: str, tree: Tree, size: int) -> Place | None:
    """The last entry of the stream among the first `size` leaves of the tree; None where there is none."""
    return _place(await connection.fetch_one(_WITHIN_TREE, stream, tree.generation, size))


async def creation(connection: Connection, account_id: str, action: str) -> EntryRow | None:
    """The entry of this action that opened the account, which stands in the installation's own log, or None."""
    found = await whole(connection, await connection.fetch(_CREATION, account_id, action))
    return found[0] if found else None


async def last_of_actions(connection: Connection, account_id: str, actions: Sequence[str], seq: int) -> EntryRow | None:
    """The last of the account's entries up to `seq` that record one of these actions as done.

    All entries of these actions are looked at: they are to be rare.
    """
    among = ", ".join(f"${at}" for at in range(3, 3 + len(actions)))
    query = (
        f"SELECT {_ENTRY} FROM audit_entry WHERE seq = (SELECT max(+seq) FROM audit_entry"
        f" WHERE account_id = $1 AND action IN ({among}) AND +seq <= $2 AND {_DONE})"
    )
    found = await whole(connection, await connection.fetch(query, account_id, seq, *actions))
    return found[0] if found else None


async def last_of_objects(
    connection: Connection, account_id: str, seq: int, *, made: Sequence[str], changed: Sequence[str], ended: str
) -> Rows:
    """Of every object that one of the actions `made` made, up to `seq`, and `ended` has not ended: its last change.

    One walk over what was made and a look at the end of each object's own log: how often it changed costs nothing.
    """
    actions = ", ".join(f"${at}" for at in range(3, 4 + len(made) + len(changed)))
    last = (
        "SELECT seq FROM audit_entry AS act WHERE act.account_id = $1 AND act.target_id = target.id"
        f" AND act.seq <= $2 AND act.action IN ({actions}) AND {_DONE} ORDER BY act.seq DESC LIMIT 1"
    )
    query = (
        f"{_TARGETS} SELECT {_ENTRY} FROM audit_entry WHERE action <> $3"
        f" AND seq IN (SELECT ({last}) FROM target WHERE target.id <> $1)"
    )
    return await connection.fetch(query, account_id, seq, ended, *made, *changed)


async def checkpoint_covering(connection: Connection, tree: Tree, size: int) -> SignedTree | None:
    """The first checkpoint that covers so many leaves and may be shown; None while there is none."""
    row = await connection.fetch_one(_COVERING, tree.generation, size, tree.published)
    return None if row is None else await trees.checkpoint_at(connection, tree.generation, row["size"])


def _place(row: Row | None) -> Place | None:
    return None if row is None else Place(row["seq"], from_micros(row["time"]))
