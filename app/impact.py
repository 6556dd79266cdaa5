"""What a change of certificates would do to devices: known to every layer, knows none."""

import hashlib
from dataclasses import dataclass

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
class Effect:
    """What a change does to some devices of a kind: the decision before and after, and the records that made it.

    A record is named by its id; None where no record let them in, or where it is yet to be uploaded.
    """

    kind: DeviceKind
    before: Reason
    after: Reason
    record_before: str | None
    record_after: str | None
    devices: int

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


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change would do to the devices whose last chain is known.

    `effects` holds what changes for anybody; `unchanged` counts the devices for whom nothing does. `unknown` counts
    registrations that were too many to look at. A device that comes to both services counts at each.
    """

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
        """Stands for all of it: two impacts with one token are the same."""
        digest = hashlib.sha256(f"{self.unchanged}\n{self.unknown}\n".encode())
        for effect in sorted(self.effects, key=_place):
            digest.update(f"{_place(effect)}\n".encode())
        return digest.hexdigest()[:32]


def _place(effect: Effect) -> str:
    kind = effect.kind
    words = (
        kind.service.value,
        kind.certificate_id,
        kind.issuer_sha256.hex(),
        kind.presented_sha256.hex(),
        effect.before.value,
        effect.after.value,
        effect.record_before or "",
        effect.record_after or "",
        str(effect.devices),
    )
    return " ".join(words)
