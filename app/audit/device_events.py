"""What can happen to devices, and to what is remembered for them."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Changed, Noted
from app.audit.states import DeviceState, Json, JsonValue, Target


@dataclass(frozen=True, slots=True)
class DeviceConnected:
    """A device was let in: for the first time (then there is no `before`), or otherwise than the last time.

    `trust_version` says which version of the account's trust was decided with.
    """

    kind: ClassVar[str] = "device.connect"
    before: DeviceState | None
    after: DeviceState
    service: str
    trust_version: int

    @property
    def target(self) -> Target:
        """The device as it is now."""
        return self.after.target

    @property
    def extra(self) -> Json:
        """For what it was let in, and as of when."""
        return {"service": self.service, "trust_version": self.trust_version}


@dataclass(frozen=True, slots=True)
class DeviceSuspended(Changed[DeviceState]):
    """Somebody suspended a device."""

    kind: ClassVar[str] = "device.suspend"


@dataclass(frozen=True, slots=True)
class DeviceResumed(Changed[DeviceState]):
    """Somebody let a suspended device in again."""

    kind: ClassVar[str] = "device.resume"


@dataclass(frozen=True, slots=True)
class IntermediatesRemembered(Noted):
    """Somebody brought intermediates, by their SHA-256, ahead of the devices that need them."""

    kind: ClassVar[str] = "intermediates.remember"
    account_id: str
    fingerprints: tuple[str, ...]

    @property
    def target(self) -> Target:
        """The account's intermediates."""
        return Target("intermediates", self.account_id)

    @property
    def extra(self) -> Json:
        """Which ones."""
        return {"fingerprints": list[JsonValue](self.fingerprints)}
