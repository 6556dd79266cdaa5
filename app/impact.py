"""What a change of certificates would do to devices: known to every layer, knows none."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from app.reasons import Reason
from app.terms import Service


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """Devices that every decision treats alike, dates, names and suspensions aside.

    They were let in at one service, through one record (its id), with a certificate that the same CA signed (SHA-256),
    and present the same others (SHA-256, joined).
    """

    service: Service
    certificate_id: str
    issuer_sha256: bytes
    presented_sha256: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """How a device stands that comes: whether it is claimed, and suspended before a change and after it."""

    is_claimed: bool
    was_suspended: bool
    will_be_suspended: bool


@dataclass(frozen=True, slots=True)
class Suspending:
    """The record, by its id, whose devices a change suspends or resumes; most changes do neither."""

    suspends: str | None = None
    resumes: str | None = None


@dataclass(frozen=True, slots=True)
class Members:
    """Which devices of a kind: those that stand in one of these ways, or, where names decide, these alone (`ids`).

    Their certificates are valid at the instant, and `suspending` is what the change does.
    """

    kind: DeviceKind
    at: datetime
    suspending: Suspending
    standings: frozenset[Standing] = frozenset()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to some devices of a kind: the decision before and after, and the records that made it.

    A record is named by its id; None where no record let them in, or where it is yet to be uploaded. `newest` is the
    entry of the last of them to come in otherwise than before; empty where `members` has their ids.
    """

    members: Members
    before: Reason
    after: Reason
    record_before: str | None
    record_after: str | None
    devices: int
    newest: str = ""

    @property
    def kind(self) -> DeviceKind:
        """What they have in common."""
        return self.members.kind

    @property
    def loses(self) -> bool:
        """These devices come in now, and would not."""
        return self.before is Reason.TRUSTED and self.after is not Reason.TRUSTED

    @property
    def gains(self) -> bool:
        """These devices do not come in now, and would."""
        return self.before is not Reason.TRUSTED and self.after is Reason.TRUSTED

    @property
    def moves(self) -> bool:
        """These devices go on to come in, on another path."""
        return self.before is self.after is Reason.TRUSTED and self.record_before != self.record_after

    @property
    def words(self) -> tuple[str, ...]:
        """All of it, for a digest."""
        kind = self.kind
        return (
            kind.service.value,
            kind.certificate_id,
            kind.issuer_sha256.hex(),
            kind.presented_sha256.hex(),
            self.before.value,
            self.after.value,
            self.record_before or "",
            self.record_after or "",
            str(self.devices),
            self.newest,
            *self.members.ids,
        )


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change would do to the devices whose last chain is known.

    `effects` holds what changes for anybody; `unchanged` counts the devices for whom nothing does. `unknown` counts
    registrations that were too many to look at. A device that comes to both services counts at each. `change` says in
    words of its own which change it is, and `trust_version` what the account trusted, suspended and claimed then.
    """

    change: tuple[str, ...]
    trust_version: int
    effects: tuple[Effect, ...]
    unchanged: int
    unknown: int

    @property
    def losing(self) -> int:
        """How many lose access."""
        return sum(effect.devices for effect in self.effects if effect.loses)

    @property
    def gaining(self) -> int:
        """How many gain access."""
        return sum(effect.devices for effect in self.effects if effect.gains)

    @property
    def moving(self) -> int:
        """How many keep access on another path."""
        return sum(effect.devices for effect in self.effects if effect.moves)

    @property
    def token(self) -> str:
        """Stands for the change and for what it does to whom: two impacts with one token are the same.

        Suspensions, claims and records are told by the version of the trust, and devices that came in since by their
        number and the last of them. Devices for whom nothing changes are no part of it.
        """
        digest = hashlib.sha256()
        for words in self._words():
            digest.update(" ".join((*words, "\n")).encode())
        return digest.hexdigest()[:32]

    def _words(self) -> Iterator[tuple[str, ...]]:
        yield self.change
        yield str(self.trust_version), str(self.unknown)
        yield from sorted(effect.words for effect in self.effects)
