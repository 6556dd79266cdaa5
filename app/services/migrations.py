"""That the database was brought to a version is an act like any other, and is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from app.actor import Scope
from app.audit.events import DatabaseMigrated
from app.audit.states import Target
from app.services.command import Done, Tx


@dataclass(frozen=True, slots=True)
class RecordMigration:
    """Record that the schema is now at `version`. The migrations themselves ran before there was a log to write to."""

    action: ClassVar[str] = DatabaseMigrated.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    version: int
    reason: None = None

    @classmethod
    def of(cls, applied: Sequence[str]) -> "RecordMigration":
        """The record of migrations by their names, which begin with their numbers; there is at least one."""
        return cls(max(int(name.partition("_")[0]) for name in applied))

    @property
    def target(self) -> Target:
        """The installation."""
        return Target("installation", None, None, self.version)

    async def __call__(self, tx: Tx) -> Done[int]:
        """Answer with the version."""
        del tx
        return Done(self.version, DatabaseMigrated(self.version))
