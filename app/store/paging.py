"""Pages of a list by keyset: a row's own values say where a page begins, so rows that come and go move nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tortoise.expressions import Q

Key = tuple[int | str, str | int]
"""A row's place in a list: the value that it is sorted by, and the id that breaks ties."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list: `size` rows between two places, from the start or (`backward`) from the end."""

    size: int
    after: Key | None = None
    before: Key | None = None
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows in the list's order, and whether there are more on either side.

    `reached` is set where a search gave up before it had filled the page: the last row that it looked at, from which
    the next page goes on, in the direction that `is_backward` says.
    """

    rows: list[T]
    has_next: bool
    has_previous: bool
    reached: T | None = None
    is_backward: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by: a column, then the id. The columns are names from our own code, never a caller's."""

    column: str
    tie: str
    descending: bool

    def columns(self, window: Window) -> list[str]:
        """The ORDER BY, turned round where the window counts from the end."""
        sign = "-" if self.descending is not window.backward else ""
        return [f"{sign}{column}" for column in dict.fromkeys((self.column, self.tie))]

    def within(self, window: Window) -> Q:
        """The rows between the window's two places."""
        wanted = Q()
        if window.after is not None:
            wanted &= self._beyond(window.after, "lt" if self.descending else "gt")
        if window.before is not None:
            wanted &= self._beyond(window.before, "gt" if self.descending else "lt")
        return wanted

    def _beyond(self, key: Key, comparison: str) -> Q:
        value, tie = key
        further = where(f"{self.tie}__{comparison}", tie)
        if self.column == self.tie:
            return further
        return where(f"{self.column}__{comparison}", value) | (where(self.column, value) & further)


def where(lookup: str, value: object) -> Q:
    """One condition, by Tortoise's name for it (`expires_at__lt`)."""
    # Q's own positional arguments are other Qs, so its type cannot say what a name made at run time stands for.
    conditions: dict[str, Any] = {lookup: value}
    return Q(**conditions)


def page_of(found: Sequence[T], window: Window) -> Page[T]:
    """The page of a window, from one row more than it holds, in the order in which the database gave them."""
    rows = list(found[: window.size])
    more = len(found) > window.size
    if window.backward:
        rows.reverse()
        return Page(rows, has_next=window.before is not None, has_previous=more)
    return Page(rows, has_next=more, has_previous=window.after is not None)


def page_among(rows: Iterable[T], order: Order, window: Window, key: Callable[[T], Key]) -> Page[T]:
    """The page of a window among rows that are all at hand: what `Order` asks of the database, in memory."""
    listed = sorted(rows, key=key, reverse=order.descending is not window.backward)
    low, high = (window.before, window.after) if order.descending else (window.after, window.before)
    between = [row for row in listed if (low is None or key(row) > low) and (high is None or key(row) < high)]
    return page_of(between[: window.size + 1], window)
