"""What events have in common: what each shape of act says about the state before and after."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from app.audit.states import Json, State, Target

S = TypeVar("S", bound=State)


class _Plain:
    """An act that its states say all of."""

    __slots__ = ()

    @property
    def extra(self) -> Json | None:
        """Nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Created(_Plain, Generic[S]):
    """Something is there that was not."""

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
class Changed(_Plain, Generic[S]):
    """Something is another than it was."""

    before: S
    after: S

    @property
    def target(self) -> Target:
        """The object as it is now."""
        return self.after.target


@dataclass(frozen=True, slots=True)
class Deleted(_Plain, Generic[S]):
    """Something is there no longer."""

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
class Noted(_Plain):
    """An act that changes no object."""

    @property
    def before(self) -> None:
        """Nothing changed."""
        return None  # the value is the promise

    @property
    def after(self) -> None:
        """Nothing changed."""
        return None  # the value is the promise
