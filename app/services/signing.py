"""Keeps the log signed: leads where it may, runs the notary's cycles, and says how that goes."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from app.audit.continuity import CannotSign, Reason
from app.audit.notary import Notary, Superseded
from app.clock import Clock, to_micros
from app.errors import AuditUnavailable, OutcomeUnknown, StoreUnavailable
from app.services.log_key import UnusableLogKey
from app.store import tree as trees
from app.store.database import Database
from app.store.leadership import Leadership

WANTED = "notary"
"""What is announced when somebody waits for a checkpoint: the lead of the processes is named alike."""

PAUSE_SECONDS = 1.0
"""Between looks for entries that wait, where nobody asks for one sooner."""

OVERDUE_SECONDS = 30.0
"""An entry that has waited so long for its place in the tree means that nobody signs."""

REPEAT_SECONDS = 60.0
"""How often a reason not to sign is logged again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """How signing goes in this process. `refusal` says why it does not."""

    leads: bool = False
    refusal: CannotSign | None = None
    size: int = 0


@dataclass(slots=True)
class Signing:
    """One process's part in signing.

    `enlist` answers a notary, or None where the log's key is with another process; it may raise UnusableLogKey.
    """

    database: Database
    leadership: Leadership
    enlist: Callable[[], Awaitable[Notary | None]]
    state: State = field(default_factory=State)
    _notary: Notary | None = None
    _logged: tuple[Reason | None, float] = (None, 0.0)

    async def run(self) -> None:
        """Sign until cancelled: at least once in a second while entries wait, and at once when somebody asks."""
        try:
            with self.database.wakes.watch(WANTED) as watch:
                while True:
                    if not await self.turn():
                        await watch.wait(PAUSE_SECONDS)
        finally:
            await self._step_down()

    async def once(self) -> State:
        """Sign all that waits, if this process may lead, and leave the lead to others again; how that went."""
        try:
            while await self.turn():
                pass
            return self.state
        finally:
            await self._step_down()

    async def turn(self) -> bool:
        """Sign what waits, if this process leads; whether more waits. Never raises for what may be over soon."""
        try:
            if not await self.leadership.hold():
                await self._step_down()
                return False
            return await self._lead()
        except Superseded:
            self._notary = None
        except CannotSign as refusal:
            self._refuse(refusal)
        except UnusableLogKey as unusable:
            self._refuse(CannotSign(Reason.OTHER_KEY, str(unusable)))
        except (AuditUnavailable, OutcomeUnknown, StoreUnavailable) as error:
            # What was committed and not published is published by the next start.
            self._notary = None
            _log.warning("the log is not signed for now: %s", error.code)
        return False

    async def _lead(self) -> bool:
        if self._notary is None:
            started = await self.enlist()
            if started is None:
                await self._step_down()
                return False
            compared = await started.start()
            if started.size and not compared:
                _log.warning("no checkpoint was kept outside the database: a rollback could not be seen")
            self._notary = started
            self._show(started.size)
        if not await trees.behind(self.database.reads, self._notary.generation, 1):
            return False
        cycle = await self._notary.cycle()
        self._show(self._notary.size)
        return cycle.more

    def _show(self, size: int) -> None:
        if self.state.refusal is not None:
            self._logged = (None, 0.0)
            _log.warning("the log is signed again")
        self.state = State(leads=True, size=size)

    def _refuse(self, refusal: CannotSign) -> None:
        self._notary = None
        self.state = State(refusal=refusal, size=self.state.size)
        reason, at = self._logged
        if reason is not refusal.reason or monotonic() - at >= REPEAT_SECONDS:
            self._logged = (refusal.reason, monotonic())
            _log.error("THE LOG IS NOT SIGNED: %s %s", refusal.reason, refusal)

    async def _step_down(self) -> None:
        self._notary = None
        self.state = State()
        await self.leadership.release()


@dataclass(frozen=True, slots=True)
class SigningCheck:
    """Whether the log is signed, by whatever process: what `/readyz` asks."""

    database: Database
    clock: Clock
    signing: Signing | None

    async def __call__(self) -> bool:
        """False where this process refuses to sign, and where an entry has waited too long. Raises StoreUnavailable."""
        if self.signing is not None and self.signing.state.refusal is not None:
            return False
        tree = await trees.newest(self.database.reads)
        oldest = await trees.oldest_pending(self.database.reads, 0 if tree is None else tree.generation)
        return oldest is None or to_micros(self.clock()) - oldest < OVERDUE_SECONDS * 1_000_000
