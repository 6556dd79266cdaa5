"""The fields of states as the log spells them: read back, each for what it is."""

from datetime import datetime

from app.audit.states import Json
from app.clock import from_text, to_text


def before(change: Json) -> Json:
    """The state before, of the `change` of an entry that has one."""
    return state_in(change, "before")


def after(change: Json) -> Json:
    """The state after, of the `change` of an entry that has one."""
    return state_in(change, "after")


def id_of(state: Json) -> str:
    """The id of the object that a state from the log speaks of."""
    return text(state, "id")


def state_in(change: Json, moment: str) -> Json:
    """The state at a moment of a change. Raises TypeError."""
    state = change[moment]
    if not isinstance(state, dict):
        raise TypeError(f"the entry's change has no {moment}")
    return state


def text(state: Json, name: str) -> str:
    """A field that is a text. Raises TypeError."""
    value = state[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a text")
    return value


def optional_text(state: Json, name: str) -> str | None:
    """A field that is a text, or none. Raises TypeError."""
    return None if state[name] is None else text(state, name)


def number(state: Json, name: str) -> int:
    """A field that is a number. Raises TypeError."""
    value = state[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is not a number")
    return value


def texts(state: Json, name: str) -> list[str]:
    """A field that is a list of texts. Raises TypeError."""
    value = state[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is not a list")
    return [text for text in value if isinstance(text, str)]


def instant(state: Json, name: str) -> datetime:
    """A field that is an instant. Raises TypeError."""
    return from_text(text(state, name))


def optional_instant(state: Json, name: str) -> datetime | None:
    """A field that is an instant, or none. Raises TypeError."""
    return None if state[name] is None else instant(state, name)


def later_instant(state: Json, name: str) -> datetime | None:
    """Of a field that came after the first states were written."""
    return None if name not in state else optional_instant(state, name)


def optional_instant_text(instant: datetime | None) -> str | None:
    """An instant as the log spells it, or none."""
    return None if instant is None else to_text(instant)
