"""What an event is: something that happened, in one of four shapes."""

from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from app.audit.states import Json, State, Target


class Event(Protocol):
    """Something that happened and succeeded."""

    kind: ClassVar[str]

    @property
    def target(self) -> Target:
        """What it is about."""

    @property
    def before(self) -> State | None:
        """The object before; None where there was none."""

    @property
    def after(self) -> State | None:
        """The object after; None where there is none."""

    @property
    def extra(self) -> Json | None:
        """What else the entry's `change` says, for example a count; None where that is all."""


S = TypeVar("S", bound=State)


class Plain:
    """An act that its states say all of."""

    __slots__ = ()

    @property
    def extra(self) -> Json | None:
        """Nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Created(Plain, Generic[S]):
    """An object is there that was not."""

    after: S

    @property
    def before(self) -> None:
        """There was none."""
        return None  # the value is the promise

    @property
    def target(self) -> Target:
        """What is there now."""
        return self.after.target


@dataclass(frozen=True, slots=True)
class Changed(Plain, Generic[S]):
    """An object is not as it was."""

    before: S
    after: S

    @property
    def target(self) -> Target:
        """The object as it is now."""
        return self.after.target


@dataclass(frozen=True, slots=True)
class Deleted(Plain, Generic[S]):
    """An object is gone."""

    before: S

    @property
    def after(self) -> None:
        """There is none."""
        return None  # the value is the promise

    @property
    def target(self) -> Target:
        """What was there."""
        return self.before.target


@dataclass(frozen=True, slots=True)
class Noted(Plain):
    """An act that changes no object."""

    @property
    def before(self) -> None:
        """Nothing changed."""
        return None  # the value is the promise

    @property
    def after(self) -> None:
        """Nothing changed."""
        return None  # the value is the promise
