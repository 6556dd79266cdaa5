"""What a change would do, worked out before its transaction, and what is left to do in it: to see that it still holds.

Deciding about a fleet takes seconds, and nobody else of the account can write while its transaction is open. So a
command has the impact worked out beforehand, and behind the account's lock compares what it rests on: the version of
the account's trust, and whether a device came in otherwise than before. Where either has changed it is worked out anew.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from app.audit.entry import account_stream
from app.errors import DeleteWouldUnblock, ImpactChanged, Refusal, StoreUnavailable
from app.impact import Impact
from app.rules import lifecycle
from app.services.command import Outdated, Tx
from app.services.impact import Change, impact
from app.store import device_reads, log_reads, trust_reads
from app.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a change would do. `position` is how far the account's stream had come before anything was read for it."""

    impact: Impact
    position: int


async def foresee(
    connection: Connection, account_id: str, propose: Callable[[], Awaitable[Change | None]], at: datetime
) -> Foreseen | None:
    """What a change would do at an instant; None where there is none, or it is refused: the command will say why."""
    try:
        position = await log_reads.position(connection, account_stream(account_id))
        change = await propose()
        return None if change is None else Foreseen(await impact(connection, account_id, change, at=at), position)
    except Refusal:
        return None


async def require_expected(
    tx: Tx, foreseen: Foreseen | None, change: Change, token: str | None, *, target_id: str
) -> None:
    """Refuse a change that would do something else than its caller saw in a preview.

    Raises ImpactChanged, and Outdated where it has to be worked out anew first.
    """
    if token is None:
        return
    found = _of(foreseen, change)
    refusal = ImpactChanged(found.impact, target_id=target_id)
    if not await _is_trust_of(tx, found) or await _has_let_in_since(tx, found):
        raise Outdated(refusal)
    if found.impact.token != token:
        raise refusal


async def require_nobody_let_in(tx: Tx, foreseen: Foreseen | None, change: Change) -> None:
    """Refuse to delete a blacklisted record where devices, by what they last presented, would, or may, then come in.

    Whoever came in meanwhile is let in already. Raises DeleteWouldUnblock, and Outdated where it has to be worked out
    anew first.
    """
    found = _of(foreseen, change)
    if not await _is_trust_of(tx, found):
        message = (
            "Whether deleting this blacklisted certificate would let devices in cannot be told while the account"
            " changes so fast: confirm that you want it, or ask again."
        )
        raise Outdated(DeleteWouldUnblock(message, path=("confirmUnblock",)))
    lifecycle.require_nobody_let_in(found.impact.gaining, unknown=found.impact.unknown)


def _of(foreseen: Foreseen | None, change: Change) -> Foreseen:
    if foreseen is None or foreseen.impact.change != change.words:
        raise Outdated(StoreUnavailable("The account changes faster than it can be read."))
    return foreseen


async def _is_trust_of(tx: Tx, foreseen: Foreseen) -> bool:
    return await trust_reads.version(tx.transaction, tx.account_id) == foreseen.impact.trust_version


async def _has_let_in_since(tx: Tx, foreseen: Foreseen) -> bool:
    stream = account_stream(tx.account_id)
    return await device_reads.has_let_in_since(tx.transaction, stream, foreseen.position)
