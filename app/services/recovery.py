"""A new origin of the log, where the database cannot continue what was signed: after a restore, or with another key.

The new log begins with the entry that says so and quotes the last checkpoints of the old one, which anyone may hold
against it; after that it holds every entry that the database has.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.actor import Scope
from app.audit.checkpoint import Checkpoint, NoteInvalid, Signer
from app.audit.continuity import CannotSign, require_continues
from app.audit.events import LogRecovered
from app.audit.kept import KeptCheckpoint, KeptUnusable
from app.audit.states import Target
from app.errors import InvalidState
from app.services.command import Done, Tx
from app.store import tree as trees


@dataclass(frozen=True, slots=True)
class NewOrigin:
    """What the log is called from now on. `number` is 2 for the first that follows the original."""

    origin: str
    number: int


@dataclass(frozen=True, slots=True, repr=False)
class RecoverLog:
    """Begin a new origin, which is refused while the log can be continued. `places` are where checkpoints are kept."""

    action: ClassVar[str] = LogRecovered.kind
    scope: ClassVar[Scope] = Scope.OPERATE
    key: Ed25519PrivateKey
    places: Sequence[KeptCheckpoint]
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The log, before it has its new origin."""
        return Target("log_origin")

    async def __call__(self, tx: Tx) -> Done[NewOrigin]:
        """Raises InvalidState where nothing is wrong with the log, or there is none yet."""
        kept = kept_notes(self.places)
        tree = await trees.newest_locked(tx.transaction)
        if tree is None:
            if not kept:
                raise InvalidState("There is no log yet that could be recovered: the start of a server begins it.")
            # The database is older than its log, whose name is known from outside alone.
            first = _base(checkpoint.origin for _, checkpoint in kept)
            await trees.begin(tx.transaction, 1, first, str(Signer(first, self.key).vkey), None)
            generation, known = 1, [first]
        else:
            if await self._continues(tx, tree):
                raise InvalidState("The log continues what was signed: there is nothing to recover.")
            generation, known = tree.generation, await trees.origins(tx.transaction)
        new = _next([*known, *(checkpoint.origin for _, checkpoint in kept)], known[0])
        vkey = str(Signer(new.origin, self.key).vkey)
        await trees.begin(tx.transaction, generation + 1, new.origin, vkey, tx.entry_id)
        return Done(new, LogRecovered(generation + 1, new.origin, tuple(note for note, _ in kept)))

    async def _continues(self, tx: Tx, tree: trees.Tree) -> bool:
        if str(Signer(tree.origin, self.key).vkey) != tree.vkey:
            return False
        try:
            await require_continues(tx.transaction, tree, self.places)
        except CannotSign:
            return False
        return True


def kept_notes(places: Sequence[KeptCheckpoint]) -> list[tuple[str, Checkpoint]]:
    """What is kept in these places, once each and as far as it can be read."""
    found: dict[str, Checkpoint] = {}
    for place in places:
        with suppress(KeptUnusable, NoteInvalid):
            note = place.read()
            if note is not None:
                found[str(note)] = Checkpoint.parse(note.text)
    return list(found.items())


def _next(origins: Iterable[str], base: str) -> NewOrigin:
    """The origin after all that were ever used: one of an earlier restore is not used for another history."""
    numbers = [1]
    for origin in origins:
        name, _, number = origin.rpartition("/")
        if name == base and number.isascii() and number.isdigit():
            numbers.append(int(number))
    return NewOrigin(f"{base}/{max(numbers) + 1}", max(numbers) + 1)


def _base(origins: Iterable[str]) -> str:
    """The original among origins that follow one another: the shortest."""
    return min(origins, key=len)
