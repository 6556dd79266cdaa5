"""What an entry's bytes say, read once: the body, and the personal data that were not erased."""

from dataclasses import dataclass
from typing import Any

import orjson

from app.audit.disclosed import disclosed
from app.store.rows import EntryRow


@dataclass(frozen=True, slots=True)
class Change:
    """One field before and after, by the log's name for it."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry's body, empty where it was archived, and in `claims` what is left of its disclosures."""

    body: dict[str, Any]
    claims: dict[str, str]

    @classmethod
    def of(cls, row: EntryRow) -> "EntryView":
        """Read what is stored."""
        body = orjson.loads(row.body) if row.body else {}
        return cls(body, disclosed(row.disclosures.values(), frozenset(body.get("_sd", ()))))

    @property
    def reason(self) -> str | None:
        """Why, in the caller's words."""
        reason = self.body.get("reason")
        return reason if isinstance(reason, str) else None

    def text(self, part: str, name: str) -> str | None:
        """One text in one part of the body."""
        value = (self.body.get(part) or {}).get(name)
        return value if isinstance(value, str) else None

    def changes(self) -> list[Change]:
        """The fields that differ; every one where there was no object before, or is none after.

        Personal ones are among them for as long as they are disclosed.
        """
        before, after = self._state("before"), self._state("after")
        names = dict.fromkeys((*before, *after))
        return [
            Change(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
        ]

    def _state(self, moment: str) -> dict[str, Any]:
        public = (self.body.get("change") or {}).get(moment) or {}
        prefix = f"change.{moment}."
        personal = {name.removeprefix(prefix): value for name, value in self.claims.items() if name.startswith(prefix)}
        return {**public, **personal}
