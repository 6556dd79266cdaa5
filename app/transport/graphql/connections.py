"""Pages of lists, and cursors that say where a page begins in words of the list itself.

A cursor holds the place of a row: what the list is sorted by, that row's value, and its id. Rows that come and go move
nothing.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
import strawberry
from strawberry import UNSET

from app.ids import is_id
from app.store.paging import Key, Page, Window
from app.transport.graphql.described import attribute, object_type
from app.transport.graphql.wrong_input import BadUserInput

PAGE_SIZE = 20
PAGE_LIMIT = 100
_CURSOR_LIMIT = 1024
_LARGEST = 2**63 - 1
_TEXTUAL = frozenset({"name", "id", "endpoint_name"})
"""The orders whose values are texts; those of all others are numbers."""

First = Annotated[int | None, strawberry.argument(description="How many from the start, 1 to 100; 20 when absent.")]
After = Annotated[str | None, strawberry.argument(description="Start after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="How many from the end, 1 to 100.")]
Before = Annotated[str | None, strawberry.argument(description="End before this cursor.")]


@object_type
class PageInfo:
    """Where a page of a connection lies."""

    has_next_page: bool = attribute("Whether there is more after this page.")
    has_previous_page: bool = attribute("Whether there is more before this page.")
    start_cursor: str | None = attribute(
        "The cursor of the first edge, null when the page is empty; with `last`, how far a search has come."
    )
    end_cursor: str | None = attribute(
        "The cursor of the last edge, null when the page is empty; with `first`, how far a search has come."
    )

    @classmethod
    def of(cls, page: Page[Any], cursors: list[str], reached: str | None = None) -> "PageInfo":
        """The page's. `reached` is the cursor of `page.reached`."""
        start, end = (cursors[0], cursors[-1]) if cursors else (None, None)
        if reached is not None:
            start, end = (reached, end) if page.is_backward else (start, reached)
        return cls(has_next_page=page.has_next, has_previous_page=page.has_previous, start_cursor=start, end_cursor=end)


@dataclass(frozen=True, slots=True)
class Asked:
    """The page that a caller asked for, with its cursors unread."""

    size: int
    after: str | None
    before: str | None
    backward: bool

    def window(self, order: str) -> Window:
        """The part of a list that is sorted by `order`. Raises BadUserInput."""
        after = None if self.after is None else read_cursor(self.after, order)
        before = None if self.before is None else read_cursor(self.before, order)
        return Window(self.size, after, before, self.backward)


def asked(first: int | None, after: str | None, last: int | None, before: str | None) -> Asked:
    """The page that these arguments ask for; null is as good as absent.

    Raises BadUserInput for both directions at once, or a size outside 1 to 100.
    """
    sizes = [size for size in (first, last) if size is not None and size is not UNSET]
    if len(sizes) > 1:
        raise BadUserInput("Ask for `first` or for `last`, not for both.")
    size = sizes[0] if sizes else PAGE_SIZE
    if not 1 <= size <= PAGE_LIMIT:
        raise BadUserInput(f"A page has 1 to {PAGE_LIMIT} items.")
    backward = last is not None and last is not UNSET
    return Asked(size, _given(after), _given(before), backward=backward)


def _given(cursor: str | None) -> str | None:
    return None if cursor is UNSET else cursor


def write_cursor(order: str, key: Key) -> str:
    """The place of a row in a list that is sorted by `order`."""
    return urlsafe_b64encode(orjson.dumps([order, *key])).rstrip(b"=").decode("ascii")


def read_cursor(cursor: str, order: str) -> Key:
    """The place that a cursor names.

    Raises BadUserInput for what is no cursor, and for one of a list that is sorted by something else.
    """
    try:
        found = orjson.loads(urlsafe_b64decode(cursor[:_CURSOR_LIMIT].encode("ascii") + b"=="))
    except ValueError:
        found = None
    match found:
        case [str(name), int() | str() as value, str(tie)] if name == order and _is_value(name, value) and is_id(tie):
            return value, tie
        case _:
            raise BadUserInput("This cursor is not one of this list in this order: pass on cursors as they came.")


def _is_value(order: str, value: int | str) -> bool:
    if isinstance(value, str):
        return order in _TEXTUAL and "\x00" not in value
    return order not in _TEXTUAL and not isinstance(value, bool) and abs(value) <= _LARGEST
