"""What may be done to a record in its present state."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import DeleteWouldUnblock, VersionConflict
from app.terms import Possession, Status, Usage


@dataclass(frozen=True, slots=True)
class Standing:
    """A record as far as blocking goes: each CA of its chain by (subject, key), the trusted CA first."""

    id: str
    name: str
    status: Status
    authorities: tuple[bytes, ...]


def require_version(*, target_id: str, current: int, expected: int | None) -> None:
    """Refuse a change of something that has changed since the caller read it.

    Raises VersionConflict. A caller that names no version takes what there is.
    """
    if expected is not None and expected != current:
        raise VersionConflict(target_id=target_id, expected=expected, current=current)


def require_still_blocked(record: Standing, others: Iterable[Standing]) -> None:
    """Refuse to delete a blacklisted record where devices that it blocks would then be let in.

    A device is blocked while a blacklisted trusted CA stands anywhere above it. Without this record, another ACTIVE one
    lets such devices in where its trusted CA is the same CA, or stands above it, or below it.

    Raises DeleteWouldUnblock, naming the record that would admit them.
    """
    others = list(others)
    if record.status is not Status.INACTIVE:
        return
    blocked = record.authorities[0]
    if any(other.status is Status.INACTIVE and other.authorities[0] == blocked for other in others):
        return
    for other in others:
        related = other.authorities[0] in record.authorities or blocked in other.authorities
        if other.status is Status.ACTIVE and related:
            raise DeleteWouldUnblock(
                f"Deleting this blacklisted certificate lifts its block, and “{other.name}” would then admit devices"
                " that it refuses now: confirm that you want that, or blacklist the other as well.",
                path=("confirmUnblock",),
            )


def require_nobody_let_in(devices: int, *, unknown: int) -> None:
    """Refuse to delete a blacklisted record where so many devices, by what they last presented, would then come in.

    `unknown` are those that were too many to look at: any of them may. Raises DeleteWouldUnblock.
    """
    if devices:
        would = f"would come in on another path ({devices:,} of those that have come before)"
    elif unknown:
        would = f"may come in on another path ({unknown:,} of those that have come before are too many to look at)"
    else:
        return
    raise DeleteWouldUnblock(
        f"Deleting this blacklisted certificate lifts its block, and devices that are refused now {would}: confirm that"
        " you want that.",
        path=("confirmUnblock",),
    )


def initial_possession(usage: Usage, *, require_possession: bool) -> Possession:
    """How a new record stands: only CREDENTIALS claims the key, so only CREDENTIALS can be asked to prove it."""
    if usage is Usage.CREDENTIALS and require_possession:
        return Possession.PENDING
    return Possession.NOT_REQUIRED
